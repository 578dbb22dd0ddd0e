// An object's disc on the map, and the number of those that lie on each other.

import { signOf } from "./changes.js";
import { colourNow, decisionOf } from "./decisions.js";

const FULL = 2 * Math.PI;
/** Pixels of a disc's radius from which on its sign can be read. */
const LEGIBLE = 5;

const sprites = new Map();

/** An object's disc: hollow if it is rejected, ringed if it is accepted, with the sign of what has become of it. */
export function drawObject(context, camera, colours, object, size) {
  const sprite = spriteOf(colourNow(object, colours.isDark), signOf(object), decisionOf(object)?.decision, size, colours);
  const [across, down] = camera.toScreen(object.x, object.y);
  context.drawImage(sprite, across - sprite.middle, down - sprite.middle, 2 * sprite.middle, 2 * sprite.middle);
}

/** How many objects an object's disc stands for, at its upper right. */
export function drawCount(context, camera, colours, object, size, count) {
  const [across, down] = camera.toScreen(object.x, object.y);
  const text = count.toLocaleString("en");
  context.font = "600 10px system-ui, sans-serif";
  const [width, x, y] = [context.measureText(text).width + 7, across + 0.6 * size, down - size - 8];
  context.beginPath();
  context.roundRect(x, y, width, 13, 6.5);
  context.fillStyle = colours.paper;
  context.strokeStyle = colours.ink;
  context.lineWidth = 1;
  context.fill();
  context.stroke();
  context.fillStyle = colours.ink;
  context.fillText(text, x + 3.5, y + 10);
}

/** A disc with a line around it. */
export function disc(context, across, down, radius, colour, around) {
  context.beginPath();
  context.arc(across, down, radius, 0, FULL);
  context.fillStyle = colour;
  context.strokeStyle = around;
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

/** A disc, drawn once for all objects that look alike. */
function spriteOf(colour, sign, decision, size, colours) {
  const key = `${colour} ${sign} ${decision} ${size} ${colours.isDark} ${devicePixelRatio}`;
  if (!sprites.has(key)) sprites.set(key, newSprite(colour, sign, decision, size, colours));
  return sprites.get(key);
}

function newSprite(colour, sign, decision, size, colours) {
  const canvas = document.createElement("canvas");
  const middle = size + 4;
  canvas.width = canvas.height = Math.ceil(2 * middle * devicePixelRatio);
  canvas.middle = middle;
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  if (decision === "reject") {
    disc(context, middle, middle, size - 1, colours.paper, colours.soft);
    context.beginPath();
    context.moveTo(middle - size / 2, middle + size / 2);
    context.lineTo(middle + size / 2, middle - size / 2);
    context.stroke();
    return canvas;
  }
  disc(context, middle, middle, size, colour, colours.paper);
  if (sign && size >= LEGIBLE) write(context, sign, middle, size, colours.paper);
  if (decision) {
    context.beginPath();
    context.arc(middle, middle, size + 2, 0, FULL);
    context.strokeStyle = colours.accent;
    context.lineWidth = 2;
    context.stroke();
  }
  return canvas;
}

function write(context, sign, middle, size, colour) {
  context.font = `700 ${1.7 * size}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = colour;
  context.fillText(sign, middle, middle + 0.5);
}
