// What the reader has decided of objects: kept in the browser under the run's name, written as review.csv.

import { colourOfChange, isCompared } from "./changes.js";
import { colourOf, report } from "./data.js";
import { followed } from "./follow.js";

const KEPT = `coordinator review ${report.key}`;
const COLUMNS = ["id", "decision", "category", "longitude", "latitude", "note", "time", "was", "z"];
/** What was decided, in a word. */
export const WORDS = { accept: "accepted", reject: "rejected", reclass: "re-classed" };

const listeners = [];
let isKept = true;

const { found, lost } = followed(read(), report.objects);

/** Decisions of this browser by object id; they stand above those that the results have already. */
const own = found;

/** Pairs of an id and its decision that belong to no object of this page. They stay in the browser until they are forgotten. */
export const lostDecisions = lost;

/** How many decisions are on objects that had another id when they were decided of. */
export const followedCount = [...found].filter(([id, { from }]) => from !== id).length;

/** Pairs of an id and its decision, as the browser keeps them. */
function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return (Array.isArray(kept) ? kept : Object.entries(kept)).filter(isDecision);
  } catch {
    isKept = false;
    return [];
  }
}

/** Whether what the browser has is a decision and its id: others may write there, too, as all files share one store. */
function isDecision(pair) {
  return Array.isArray(pair) && typeof pair[0] === "string" && ["accept", "reject", "reclass", "undo"].includes(pair[1]?.decision);
}

/** Whether this browser keeps decisions from one visit to the next. */
export const areKept = () => isKept;

/** An object's decision: {decision, category, note, time}, or null. */
export function decisionOf(object) {
  if (object.isGone) return null;
  const found = own.get(object.id) ?? report.decisions[object.id] ?? null;
  return found?.decision === "undo" ? null : found;
}

/** Decides of an object; `category` is only for "reclass". A note that was written before is kept. */
export function decide(object, decision, category = null, note = decisionOf(object)?.note ?? "") {
  own.set(object.id, { decision, category, note, time: new Date().toISOString(), ...placeOf(object) });
  keep();
}

/** Where an object stands and what the run says of it: by that a decision finds it when its id is another. */
const placeOf = ({ id, at, category, said }) => ({ from: id, at, was: category, z: said.z });

/** Takes a decision back, be it one that the results have. */
export function undo(object) {
  if (report.decisions[object.id]) decide(object, "undo", null, "");
  else {
    own.delete(object.id);
    keep();
  }
}

/** Forgets the decisions that belong to no object. */
export function forgetLost() {
  lost.length = 0;
  keep();
}

/** Calls `listener` whenever a decision has changed. */
export const onDecision = (listener) => listeners.push(listener);

/** How many objects are decided of. */
export const decidedCount = () => report.objects.filter((object) => decisionOf(object)).length;

function keep() {
  try {
    localStorage.setItem(KEPT, JSON.stringify([...own, ...lost]));
  } catch {
    isKept = false;
  }
  for (const listener of listeners) listener();
}

/** An object's category as it is after review. */
export function categoryNow(object) {
  const found = decisionOf(object);
  return found?.decision === "reclass" ? found.category : object.category;
}

/** An object's colour on a light or a dark ground: of what has become of it on a page that compares, else of its category. */
export const colourNow = (object, isDark) => (isCompared ? colourOfChange(object, isDark) : colourOf(categoryNow(object), isDark));

/** All decisions as CSV (RFC 4180), in the order of the objects; those that are lost are not in it. */
export function asCsv() {
  const decided = report.objects.filter(({ id }) => own.has(id) || report.decisions[id]);
  const rows = decided.map((object) => {
    const { decision, category, note, time } = own.get(object.id) ?? report.decisions[object.id];
    const [longitude, latitude] = object.at;
    return [object.id, decision, category ?? object.category ?? "", longitude, latitude, note ?? "", time, object.category ?? "", object.said.z ?? ""];
  });
  return [COLUMNS, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

// Text that a spreadsheet would compute gets an apostrophe before it, as in all tables of a run (record/texts.py).
function field(value) {
  const text = typeof value === "string" && /^'*[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
