// What the reader has decided of objects: kept in the browser under the run's name, written as review.csv.

import { numberOf, objects, report } from "./data.js";

const KEPT = `coordinator review ${report.key}`;
const COLUMNS = ["id", "decision", "category", "longitude", "latitude", "note", "time", "was", "z"];
/** What was decided, in a word. */
export const WORDS = { accept: "accepted", reject: "rejected", reclass: "re-classed" };

const listeners = [];
let isKept = true;

/** Decisions by object id: those that the results have already, and over them those of this browser. */
const own = new Map(Object.entries(read()));

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}");
  } catch {
    isKept = false;
    return {};
  }
}

/** Whether this browser keeps decisions from one visit to the next. */
export const areKept = () => isKept;

/** An object's decision: {decision, category, note, time}, or null. */
export function decisionOf(object) {
  const found = own.get(object.id) ?? report.decisions[object.id] ?? null;
  return found?.decision === "undo" ? null : found;
}

/** Decides of an object; `category` is only for "reclass". A note that was written before is kept. */
export function decide(object, decision, category = null, note = decisionOf(object)?.note ?? "") {
  own.set(object.id, { decision, category, note, time: new Date().toISOString() });
  keep();
}

/** Takes a decision back, be it one that the results have. */
export function undo(object) {
  if (report.decisions[object.id]) own.set(object.id, { decision: "undo", category: null, note: "", time: new Date().toISOString() });
  else own.delete(object.id);
  keep();
}

/** Calls `listener` whenever a decision has changed. */
export const onDecision = (listener) => listeners.push(listener);

/** How many objects are decided of. */
export const decidedCount = () => objects.filter((object) => decisionOf(object)).length;

function keep() {
  try {
    localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(own)));
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

/** All decisions as CSV (RFC 4180), in the order of the objects; those on objects that are gone are not in it. */
export function asCsv() {
  const known = [...new Set([...Object.keys(report.decisions), ...own.keys()])].filter((id) => numberOf.has(id));
  known.sort((a, b) => numberOf.get(a) - numberOf.get(b));
  const rows = known.map((id) => {
    const object = objects[numberOf.get(id)];
    const { decision, category, note, time } = own.get(id) ?? report.decisions[id];
    const [longitude, latitude] = object.at;
    return [id, decision, category ?? object.category ?? "", longitude, latitude, note ?? "", time, object.category ?? "", object.said.z ?? ""];
  });
  return [COLUMNS, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function field(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
