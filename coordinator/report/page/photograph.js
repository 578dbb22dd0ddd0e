// Photographs: a view cut out of one, and the whole one in a dialogue with the boxes of what was found in it.

import { addressOf, recordingOf, shownIn } from "./data.js";
import { categoryNow, colourNow } from "./decisions.js";
import { draw, get, make, seenAt, spoken } from "./document.js";
import { laidOut, leader } from "./labels.js";

const CROP = 2;
const CLOSE_UP = 12;
const WIDE = 16 / 9;
/** Of a name's letters, as a part of what is shown across. */
const LETTERS = 1 / 50;
/** Pixels of their height at the least, so that they can be read on a telephone. */
const LEGIBLE = 12;
/** Of a name, as a part of what is shown across; its whole length is in the object's panel. */
const WIDEST = 0.4;
const ruler = document.createElement("canvas").getContext("2d");
const dialog = get("photograph");
let shown = null;

/** A view as a small picture with the box in it: what was cut when the page was made, or else out of the photograph. */
export function crop(object, rank) {
  const view = object.views[rank];
  const picture = object.pictures?.[rank];
  const recording = recordingOf(view);
  const figure = make("span", { class: "crop" });
  if (picture) {
    figure.append(make("img", { src: picture.source, alt: "", decoding: "async" }), boxOver(picture.box));
    figure.querySelector("img").onerror = () => figure.replaceChildren(missing());
  } else if (recording.size && isLocal(recording.image)) {
    const [x, y, width, height] = around(view.box, CROP, 1, recording.size);
    const svg = draw("svg", { viewBox: `${x} ${y} ${width} ${height}` });
    svg.append(image(recording, () => figure.replaceChildren(missing())), rectangle(view.box));
    figure.append(svg);
  } else figure.append(missing());
  return figure;
}

const isLocal = (address) => addressOf(address) !== null && !/^https?:/.test(address);
const missing = () => make("span", { class: "missing" }, "no photograph here");

function boxOver([x, y, width, height]) {
  const svg = draw("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", class: "over" });
  svg.append(draw("rect", { x, y, width, height, class: "box" }));
  return svg;
}

function image({ image: path, size }, onerror) {
  const element = draw("image", { href: addressOf(path), x: 0, y: 0, width: size[0], height: size[1], preserveAspectRatio: "none" });
  element.addEventListener("error", onerror);
  return element;
}

const rectangle = ([x, y, width, height], kind = "box") => draw("rect", { x, y, width, height, class: kind });

/** A window so many times as high as a box's longer side, around the box but within the photograph. */
function around([x, y, width, height], times, wide, [columns, rows]) {
  const high = Math.min(rows, columns / wide, times * Math.max(width, height));
  const across = high * wide;
  const within = (middle, length, end) => Math.max(0, Math.min(end - length, middle - length / 2));
  return [within(x + width / 2, across, columns), within(y + height / 2, high, rows), across, high];
}

/** Opens a view's photograph. */
export function openPhotograph(object, view) {
  const recording = recordingOf(view);
  const address = addressOf(recording.image);
  shown = { object, view, recording };
  get("photograph-title").textContent = recording.name;
  const file = get("photograph-file");
  file.hidden = address === null;
  if (address !== null) file.href = address;
  get("photograph-said").textContent = [
    spoken(categoryNow(object)),
    view.distance === null ? "" : `${view.distance.toFixed(1)} m away`,
    seenAt(recording.time),
  ].filter(Boolean).join(" · ");
  dialog.showModal();
  frame(true);
}

function frame(isCloseUp) {
  const { object, view, recording } = shown;
  const place = get("photograph-frame");
  if (!recording.size || addressOf(recording.image) === null) {
    place.replaceChildren(make("p", { class: "problem" }, `The run does not say where the photograph ${recording.image} lies, or how large it is.`));
    return;
  }
  const [columns, rows] = recording.size;
  const [x, y, width, height] = isCloseUp ? around(view.box, CLOSE_UP, WIDE, recording.size) : [0, 0, columns, rows];
  const svg = draw("svg", { viewBox: `${x} ${y} ${width} ${height}`, role: "img", "aria-label": `Photograph ${recording.name} with boxes` });
  svg.append(image(recording, () => place.replaceChildren(notThere(recording))));
  const others = view.r === null ? [[object, view]] : shownIn(view.r);
  const seen = others.filter(([one, other]) => one === object || isSeen(other.box, [x, y, width, height]));
  seen.sort(([one], [other]) => (other === object) - (one === object));
  svg.append(...named(seen, object, [x, y, width, height]));
  place.replaceChildren(svg);
  get("photograph-whole").setAttribute("aria-pressed", !isCloseUp);
  get("photograph-close-up").setAttribute("aria-pressed", isCloseUp);
}

const isSeen = ([x, y, width, height], [left, top, across, down]) =>
  x < left + across && left < x + width && y < top + down && top < y + height;

/** Boxes with the names of what is in them, none on another; the chosen one's is drawn last. */
function named(shown, chosen, view) {
  const size = view[2] * Math.max(LETTERS, LEGIBLE / Math.max(1, get("photograph-frame").clientWidth));
  ruler.font = "600 100px system-ui, sans-serif";
  const names = shown.map(([object, { box }]) => {
    const text = shortened(spoken(categoryNow(object)), (100 * WIDEST * view[2]) / size);
    return { box, text, width: (ruler.measureText(text).width / 100 + 0.3) * size };
  });
  const places = laidOut(names, 1.3 * size, view);
  return shown.map(([object], number) => group(object, object === chosen, names[number], places[number], size)).reverse();
}

/** A name with as many of its letters as fit. */
function shortened(text, width) {
  const letters = [...text];
  if (ruler.measureText(text).width <= width) return text;
  while (letters.length > 1 && ruler.measureText(`${letters.join("")}…`).width > width) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}

function group(object, isChosen, { box, text }, place, size) {
  const element = draw("g", { class: isChosen ? "chosen" : "other" });
  element.style.color = isChosen ? "" : colourNow(object, true);
  const title = draw("title");
  title.textContent = `${spoken(categoryNow(object))}, ${object.id}`;
  element.append(rectangle(box), title);
  const line = leader(place, box);
  if (line) element.append(draw("line", { ...line, class: "leader" }));
  const label = draw("text", { x: place[0] + 0.15 * size, y: place[1] + size, "font-size": size });
  label.textContent = text;
  element.append(label);
  return element;
}

const notThere = ({ image }) =>
  make("p", { class: "problem" }, `The photograph is not at ${addressOf(image)}, seen from this file. Was the batch or this file moved?`);

get("photograph-whole").addEventListener("click", () => frame(false));
get("photograph-close-up").addEventListener("click", () => frame(true));
get("photograph-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
