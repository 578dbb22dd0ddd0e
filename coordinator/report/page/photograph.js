// Photographs: a view cut out of one, and the whole one in a dialogue with the boxes of what was found in it.

import { addressOf, colourOf, numberOf, objects, recordingOf, shownIn } from "./data.js";
import { categoryNow } from "./decisions.js";
import { draw, get, make, spoken } from "./document.js";

const CROP = 2;
const CLOSE_UP = 12;
const WIDE = 16 / 9;
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
    recording.time ?? "",
  ].filter(Boolean).join(" · ");
  frame(true);
  dialog.showModal();
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
  const others = view.r === null ? [[numberOf.get(object.id), view]] : shownIn(view.r);
  for (const [number, other] of others) svg.append(named(objects[number], other, number === numberOf.get(object.id), width));
  place.replaceChildren(svg);
  get("photograph-whole").setAttribute("aria-pressed", !isCloseUp);
  get("photograph-close-up").setAttribute("aria-pressed", isCloseUp);
}

function named(object, view, isChosen, width) {
  const group = draw("g", { class: isChosen ? "chosen" : "other" });
  const title = draw("title");
  title.textContent = `${spoken(categoryNow(object))}, ${object.id}`;
  group.append(rectangle(view.box), title);
  const text = draw("text", { x: view.box[0], y: view.box[1] - width / 150, "font-size": width / 50 });
  text.textContent = spoken(categoryNow(object));
  group.style.color = isChosen ? "" : colourOf(categoryNow(object), true);
  group.append(text);
  return group;
}

const notThere = ({ image }) =>
  make("p", { class: "problem" }, `The photograph is not at ${addressOf(image)}, seen from this file. Was the batch or this file moved?`);

get("photograph-whole").addEventListener("click", () => frame(false));
get("photograph-close-up").addEventListener("click", () => frame(true));
get("photograph-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
