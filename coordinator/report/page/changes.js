// What has changed since an earlier run: each kind with its colour, its sign and its words, which are also the filter.

import { coloured, grey, objects, report } from "./data.js";
import { get, make, spoken } from "./document.js";

/** Whether this page compares its run with an earlier one. */
export const isCompared = report.earlier !== null;

const SAME = "as it was";
const LEFT_OUT = "not compared";
/** Kinds of change as `compare` tells them, with the hue and the sign of each; what has not changed has neither. */
const KINDS = new Map([
  ["new", { hue: 145, sign: "+" }],
  ["gone", { hue: 25, sign: "×" }],
  ["moved", { hue: 250, sign: "→" }],
  ["re-classed", { hue: 85, sign: "≠" }],
  ["first seen", { hue: 195, sign: "+" }],
  ["not seen", { hue: 50, sign: "×" }],
  ["unsure", { hue: 310, sign: "?" }],
  ["rejected", { hue: 275, sign: "∅" }],
  [SAME, { sign: "" }],
  [LEFT_OUT, { sign: "" }],
]);
const ORDER = [...KINDS.keys()];
const boxes = new Map();

/** What has become of an object since the earlier run, in a word. */
export const kindOf = ({ change }) => change?.kind ?? LEFT_OUT;

/** Where an object stands in the order of the changes. */
export const rankOf = (object) => ORDER.indexOf(kindOf(object));

/** The sign of what has become of it; empty without a comparison. */
export const signOf = (object) => (isCompared ? KINDS.get(kindOf(object)).sign : "");

/** The colour of what has become of it, on a light or a dark ground. */
export const colourOfChange = (object, isDark) => colourOfKind(kindOf(object), isDark);

function colourOfKind(kind, isDark) {
  const { hue } = KINDS.get(kind);
  return hue === undefined ? grey(isDark) : coloured(hue, isDark);
}

/** Whether the reader wants to see what has become of it. */
export const isWanted = (object) => !isCompared || boxes.get(kindOf(object)).checked;

/** Shows the legend, in which each kind can be left out; `changed` is called when one is. */
export function startChanges(changed) {
  get("changes").hidden = !isCompared;
  if (!isCompared) return;
  get("changes-since").textContent = `Since ${report.earlier}`;
  for (const kind of ORDER) {
    const count = objects.filter((object) => kindOf(object) === kind).length;
    boxes.set(kind, make("input", { type: "checkbox", name: kind }));
    if (count) get("changes-list").append(row(kind, count));
  }
  wantChanges();
  get("changes-list").addEventListener("change", changed);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  recolour();
}

function row(kind, count) {
  const swatch = make("i", { class: "swatch sign", "aria-hidden": "true", "data-sign": KINDS.get(kind).sign });
  return make("li", {}, make("label", {}, boxes.get(kind), swatch, make("span", {}, kind), make("small", {}, count.toLocaleString("en"))));
}

/** Leaves out what has not changed, unless nothing has. */
export function wantChanges() {
  const isAnything = objects.some((object) => ![SAME, LEFT_OUT].includes(kindOf(object)));
  for (const [kind, box] of boxes) box.checked = !isAnything || kind !== SAME;
}

function recolour() {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  for (const [kind, box] of boxes) if (box.nextSibling) box.nextSibling.style.background = colourOfKind(kind, isDark);
}

/** What has become of an object, in a sentence; empty without a comparison. */
export function toldChange(object) {
  if (!isCompared) return "";
  const { looks, moved, category } = object.change ?? {};
  const looking = looks === null || looks === undefined ? "" : `, of which ${looks} recordings look at its place`;
  return {
    new: `New: it is not in the earlier run${looking}.`,
    gone: `Gone: it was in the earlier run and is not in this one${looking}.`,
    "first seen": `First seen: it may have stood here all along, as hardly any recording of the earlier run looks at its place (${looks}).`,
    "not seen": `Not seen again: it may still be there, as hardly any recording of this run looks at its place (${looks}).`,
    unsure: `Unsure: only ${object.isGone ? "the earlier" : "this"} run has it, and is not sure of it itself.`,
    rejected: `Rejected: only ${object.isGone ? "the earlier" : "this"} run has it, as a review took it out of the other: no change in the street.`,
    moved: `Moved: it stood ${moved?.toFixed(2)} m from here in the earlier run.`,
    "re-classed": `Re-classed: the earlier run said ${spoken(category ?? null)}.`,
    [SAME]: "As it was in the earlier run.",
    [LEFT_OUT]: "Not compared: it was rejected in a review, or the run that lacks it is not complete.",
  }[kindOf(object)];
}
