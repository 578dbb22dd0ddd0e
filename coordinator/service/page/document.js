// What every part of the page does with the document.

/** A new element from the page's template `<name>-template`. */
export function fromTemplate(name) {
  return document.getElementById(`${name}-template`).content.firstElementChild.cloneNode(true);
}

/** Says something to those who listen to the page. */
export function tell(text) {
  document.getElementById("announce").textContent = text;
}

/** Shows a message in its place, or hides the place if there is none. */
export function show(place, message) {
  place.textContent = message;
  place.hidden = message === "";
}

/** "1 image", "2 images". */
export function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
