// The map's layers, from the ground up. Each draws what of it is seen, as finely as can be seen.

import { boxAround } from "./camera.js";
import { objects, recordings, report, recordingOf } from "./data.js";
import { colourNow, decisionOf, onDecision } from "./decisions.js";
import { Dots, packed } from "./dots.js";
import { disc, drawCount, drawObject } from "./sprites.js";

const FULL = 2 * Math.PI;
const SIGMAS = 3;
/** Regions up to which their halos are drawn. */
const MANY_AREAS = 60;
/** Pixels below which dots are not told apart. */
const DOTS_APART = 6;
/** Objects that are closer are one disc with their number. */
export const DISCS_APART = 10;
/** Beyond so many objects, they are dots of so many pixels. */
const MANY_OBJECTS = 1500;
const DOT = 5;
/** Discs up to which those that stand for several say for how many. */
const MANY_COUNTS = 400;
const MANY_HEADINGS = 3000;
const sheet = new Dots();

/** The page's colours as the browser has them now. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const colours = Object.fromEntries(
    ["ground", "paper", "ink", "soft", "line", "edge", "accent", "wrong"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  );
  return { ...colours, isDark: matchMedia("(prefers-color-scheme: dark)").matches };
}

const boxes = report.areas.map(({ rings, halo }) => {
  const box = boxAround(rings.flatMap((ring) => ring.flatMap((_, at) => (at % 2 ? [] : [[ring[at], ring[at + 1]]]))));
  return box && [box[0] - halo, box[1] + halo, box[2] - halo, box[3] + halo];
});

/** Regions: the core as a line, the halo as a tint around it, what failed as an area. */
export function drawRegions(context, camera, colours) {
  const [left, right, low, high] = camera.bounds();
  const seen = report.areas.filter((_, number) => {
    const box = boxes[number];
    return box && box[0] <= right && box[1] >= left && box[2] <= high && box[3] >= low;
  });
  const { scale } = camera;
  context.save();
  context.translate(camera.width / 2 - camera.x * scale, camera.height / 2 + camera.y * scale);
  context.scale(scale, -scale);
  context.lineJoin = "round";
  context.strokeStyle = colours.accent;
  context.fillStyle = colours.wrong;
  if (seen.length <= MANY_AREAS) {
    context.globalAlpha = 0.06;
    for (const halo of new Set(seen.map((area) => area.halo))) {
      context.lineWidth = 2 * halo;
      context.stroke(outlineOf(seen.filter((area) => area.halo === halo)));
    }
  }
  context.globalAlpha = 0.35;
  context.lineWidth = 1 / scale;
  context.stroke(seen.length <= MANY_AREAS ? outlineOf(seen) : (allAreas ??= outlineOf(report.areas)));
  context.globalAlpha = 0.2;
  context.fill((failedAreas ??= outlineOf(report.areas.filter((area) => area.state === "failed"))), "evenodd");
  context.restore();
}

let allAreas = null;
let failedAreas = null;

/** The rings of regions as one path, in metres. */
function outlineOf(areas) {
  const path = new Path2D();
  for (const { rings } of areas) {
    for (const ring of rings) {
      path.moveTo(ring[0], ring[1]);
      for (let at = 2; at < ring.length; at += 2) path.lineTo(ring[at], ring[at + 1]);
      path.lineTo(ring[0], ring[1]);
    }
  }
  return path;
}

/** Recordings: dots, with the direction they look to as soon as there is room for it. */
export function drawRecordings(context, camera, colours, thinned) {
  const { xs, ys } = recordings;
  const seen = visible(thinned.at(DOTS_APART / camera.scale), xs, ys, camera);
  const size = camera.scale > 4 ? 4 : camera.scale > 0.5 ? 3 : 2;
  sheet.begin(camera);
  sheet.add(camera, xs, ys, seen, size, packed(colours.edge, 0.75));
  sheet.end(context, camera);
  if (camera.scale > 2 && seen.length < MANY_HEADINGS) drawHeadings(context, camera, colours, seen);
}

function drawHeadings(context, camera, colours, seen) {
  const length = Math.min(18, 4 + camera.scale);
  context.strokeStyle = colours.edge;
  context.lineWidth = 1.5;
  context.globalAlpha = 0.75;
  context.beginPath();
  for (const number of seen) {
    const heading = recordings.headings[number];
    if (heading === null) continue;
    const [across, down] = camera.toScreen(recordings.xs[number], recordings.ys[number]);
    const turn = (heading * Math.PI) / 180;
    context.moveTo(across, down);
    context.lineTo(across + length * Math.sin(turn), down - length * Math.cos(turn));
  }
  context.stroke();
  context.globalAlpha = 1;
}

/** Rays from the recordings that show an object, these as larger dots. */
export function drawRays(context, camera, colours, object) {
  const colour = colourNow(object, colours.isDark);
  const here = camera.toScreen(object.x, object.y);
  const places = object.views.map((view) => recordingOf(view).place).filter((place) => place).map((place) => camera.toScreen(...place));
  context.strokeStyle = colour;
  context.lineWidth = 1.25;
  context.globalAlpha = 0.65;
  context.beginPath();
  for (const place of places) {
    context.moveTo(...place);
    context.lineTo(...here);
  }
  context.stroke();
  context.globalAlpha = 1;
  for (const place of places) disc(context, ...place, 4, colour, colours.paper);
}

/** The truth: a cross where a thing really stands. */
export function drawTruth(context, camera, colours) {
  const [left, right, low, high] = camera.bounds(10);
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const { x, y } of report.truth) {
    if (x < left || x > right || y < low || y > high) continue;
    const [across, down] = camera.toScreen(x, y);
    context.moveTo(across - 9, down);
    context.lineTo(across + 9, down);
    context.moveTo(across, down - 9);
    context.lineTo(across, down + 9);
  }
  context.stroke();
}

/** Objects: discs in their colours, hollow where they are rejected, ringed where they are accepted; one for several on one pole. */
export function drawObjects(context, camera, colours, stacks, xs, ys) {
  const seen = visible(stacks.at(DISCS_APART / camera.scale).firsts, xs, ys, camera);
  if (seen.length > MANY_OBJECTS) return drawDots(context, camera, colours, seen, xs, ys);
  for (const number of seen) drawObject(context, camera, colours, objects[number], sizeAt(camera));
}

/** For how many objects a disc stands, where it is several. */
export function drawCounts(context, camera, colours, stacks, xs, ys) {
  const { firsts, members } = stacks.at(DISCS_APART / camera.scale);
  const seen = visible(firsts, xs, ys, camera);
  if (seen.length > MANY_COUNTS) return;
  for (const number of seen) {
    const count = members.get(number).length;
    if (count > 1) drawCount(context, camera, colours, objects[number], sizeAt(camera), count);
  }
}

/** Pixels of a disc's radius. */
const sizeAt = ({ scale }) => (scale > 4 ? 7 : scale > 0.5 ? 5 : 3.5);

/** Where what has moved stood before: a ring, and a line from there. */
export function drawMoves(context, camera, colours, stacks, xs, ys) {
  const seen = visible(stacks.all, xs, ys, camera);
  if (seen.length > MANY_OBJECTS) return;
  context.lineWidth = 1.5;
  for (const number of seen) {
    const { change, x, y } = objects[number];
    if (change?.kind !== "moved") continue;
    const [before, now] = [camera.toScreen(...change.at), camera.toScreen(x, y)];
    context.strokeStyle = colourNow(objects[number], colours.isDark);
    context.beginPath();
    context.moveTo(...before);
    context.lineTo(...now);
    context.stroke();
    context.beginPath();
    context.arc(...before, 4, 0, FULL);
    context.fillStyle = colours.paper;
    context.fill();
    context.stroke();
  }
}

/** A cross in the middle, where Enter looks for an object. */
export function drawMiddle(context, camera, colours) {
  const [across, down] = [camera.width / 2, camera.height / 2];
  context.beginPath();
  for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(across + 6 * x, down + 6 * y);
    context.lineTo(across + 14 * x, down + 14 * y);
  }
  context.strokeStyle = colours.accent;
  context.lineWidth = 2;
  context.stroke();
}

/** The same for very many: squares, colour by colour. */
function drawDots(context, camera, colours, seen, xs, ys) {
  const byColour = new Map();
  for (const number of seen) {
    const colour = dotOf(number, colours);
    if (!byColour.has(colour)) byColour.set(colour, []);
    byColour.get(colour).push(number);
  }
  sheet.begin(camera);
  for (const [colour, numbers] of byColour) sheet.add(camera, xs, ys, numbers, DOT, packed(colour));
  sheet.end(context, camera);
}

let dots = { isDark: null, colours: [] };
onDecision(() => (dots = { isDark: null, colours: [] }));

/** An object's colour, found once: grey if it is rejected. */
function dotOf(number, colours) {
  if (dots.isDark !== colours.isDark) dots = { isDark: colours.isDark, colours: [] };
  return (dots.colours[number] ??= decisionOf(objects[number])?.decision === "reject" ? colours.soft : colourNow(objects[number], colours.isDark));
}

/** Where objects are likely to stand, as far as their rays tell: an ellipse of three standard deviations. */
export function drawEllipses(context, camera, colours, stacks, xs, ys) {
  const seen = visible(stacks.at(DISCS_APART / camera.scale).firsts, xs, ys, camera);
  if (camera.scale < 3 || seen.length > 1500) return;
  context.lineWidth = 1;
  for (const number of seen) {
    const object = objects[number];
    if (!object.ellipse) continue;
    const { major, minor, turn } = axes(object.ellipse);
    if (SIGMAS * major * camera.scale < 2) continue;
    context.beginPath();
    context.ellipse(...camera.toScreen(object.x, object.y), SIGMAS * major * camera.scale, SIGMAS * minor * camera.scale, -turn, 0, FULL);
    context.fillStyle = context.strokeStyle = colourNow(object, colours.isDark);
    context.globalAlpha = 0.15;
    context.fill();
    context.globalAlpha = 0.7;
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** A covariance's standard deviations in metres, and the direction of the larger one from east, in radians. */
export function axes([xx, xy, yy]) {
  const [middle, half] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
  return { major: Math.sqrt(Math.max(0, middle + half)), minor: Math.sqrt(Math.max(0, middle - half)), turn: Math.atan2(2 * xy, xx - yy) / 2 };
}

/** The chosen object: above all others, with a ring around it. */
export function drawChosen(context, camera, colours, object) {
  drawObject(context, camera, colours, object, 7);
  const [across, down] = camera.toScreen(object.x, object.y);
  for (const [width, colour] of [[5, colours.paper], [2, colours.ink]]) {
    context.beginPath();
    context.arc(across, down, 13, 0, FULL);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}

/** A scale bar of a round length. */
export function drawScale(context, camera, colours) {
  const longest = 120 / camera.scale;
  const power = 10 ** Math.floor(Math.log10(longest));
  const metres = [5, 2, 1].map((step) => step * power).find((length) => length <= longest);
  const [length, left, low] = [metres * camera.scale, 14, camera.height - 14];
  for (const [width, colour] of [[4, colours.paper], [1.5, colours.ink]]) {
    context.beginPath();
    context.moveTo(left, low - 5);
    context.lineTo(left, low);
    context.lineTo(left + length, low);
    context.lineTo(left + length, low - 5);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
  context.font = "12px system-ui, sans-serif";
  context.lineWidth = 3;
  context.strokeStyle = colours.paper;
  context.fillStyle = colours.ink;
  const text = metres >= 1000 ? `${metres / 1000} km` : metres >= 1 ? `${metres} m` : `${100 * metres} cm`;
  context.strokeText(text, left + 4, low - 8);
  context.fillText(text, left + 4, low - 8);
}

function visible(numbers, xs, ys, camera) {
  const [left, right, low, high] = camera.bounds(20);
  return numbers.filter((number) => xs[number] >= left && xs[number] <= right && ys[number] >= low && ys[number] <= high);
}
