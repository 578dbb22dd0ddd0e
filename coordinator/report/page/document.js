// Small words for the document: elements by id, new elements, numbers as people write them.

/** The element with that id. */
export const get = (id) => document.getElementById(id);

/** A new element. Attributes that are null are left out; texts are texts, whatever they look like. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A new SVG element. */
export function draw(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** A number with so many decimals, or a dash for what is not known. */
export const decimals = (value, digits) =>
  typeof value === "number" ? value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : "–";

/** Seconds as a length of time. */
export function lasted(seconds) {
  if (typeof seconds !== "number") return "–";
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** A moment, given in seconds since 1970, by the reader's own clock. */
export const moment = (seconds) =>
  new Date(1000 * seconds).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

/** A time that people may have written: what is ISO 8601 by the reader's own clock, any other text as it is. */
export function momentOrText(time) {
  const since = ISO.test(time) ? Date.parse(time) : NaN;
  return Number.isNaN(since) ? time : moment(since / 1000);
}

/** When a recording was taken, as its batch says it; null for what is not known. */
export const seenAt = (time) => (typeof time === "string" ? time.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC") : null);

/** A category as it is read. */
export const spoken = (category) => (category === null ? "no category" : category.replaceAll("_", " "));

/** Says something to who listens instead of looking. */
export function announce(text) {
  get("announce").textContent = text;
}

/** Whether keys are letters just now, because somebody writes or a dialogue is open. */
export const isWriting = () =>
  document.querySelector("dialog[open]") !== null ||
  document.activeElement?.matches("input:not([type=checkbox], [type=range]), textarea, select");
