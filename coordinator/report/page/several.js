// Which of several objects on one pole is meant: a short list where they lie, for the pointer and for keys.

import { kindOf, isCompared, signOf } from "./changes.js";
import { objects } from "./data.js";
import { categoryNow, colourNow } from "./decisions.js";
import { counted, decimals, get, make, spoken } from "./document.js";

const list = get("several");
let back = null;

/** Asks which of these objects is meant, at a place of the map in pixels; `choose` is called with its number. */
export function askWhich(numbers, [across, down], choose) {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const height = (number) => objects[number].said.z ?? -Infinity;
  const sorted = [...numbers].sort((a, b) => height(b) - height(a));
  back = document.activeElement;
  list.setAttribute("aria-label", counted(numbers.length, "object is here", "objects are here"));
  list.replaceChildren(...sorted.map((number) => row(objects[number], isDark, choose)));
  list.hidden = false;
  const { clientWidth, clientHeight } = list.parentElement;
  list.style.left = `${Math.max(8, Math.min(across + 12, clientWidth - list.offsetWidth - 8))}px`;
  list.style.top = `${Math.max(8, Math.min(down + 12, clientHeight - list.offsetHeight - 8))}px`;
  list.firstChild.focus();
}

function row(object, isDark, choose) {
  const swatch = make("i", { class: "swatch sign", "aria-hidden": "true", "data-sign": signOf(object) });
  swatch.style.background = colourNow(object, isDark);
  const said = [isCompared ? kindOf(object) : null, typeof object.said.z === "number" ? `${decimals(object.said.z, 1)} m high` : null];
  return make("button", { type: "button", onclick: () => close(() => choose(object.number)) },
    swatch, make("span", {}, spoken(categoryNow(object))), make("small", {}, said.filter((text) => text).join(" · ")));
}

/** Takes the list away. */
export function close(then = () => back?.focus({ preventScroll: true })) {
  if (list.hidden) return;
  list.hidden = true;
  then();
}

list.addEventListener("keydown", (event) => {
  const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!way && event.key !== "Escape") return;
  event.preventDefault();
  event.stopPropagation();
  if (!way) return close();
  const rows = [...list.children];
  rows[(rows.indexOf(document.activeElement) + way + rows.length) % rows.length].focus();
});
list.addEventListener("focusout", ({ relatedTarget }) => {
  if (relatedTarget && !list.contains(relatedTarget)) close(() => {});
});
