// What the page was made with, and what follows from it: objects by number, views by recording, categories with colours.

import { get } from "./document.js";

export const report = JSON.parse(get("data").textContent);
get("data").remove();

/** The run's objects and behind them, on a page that compares, those of the earlier run only. */
export const objects = [...report.objects, ...report.gone.map((object) => ({ ...object, isGone: true }))];
objects.forEach((object, number) => Object.assign(object, { number, key: object.isGone ? `earlier ${object.id}` : object.id }));
export const recordings = {
  count: report.recordings.ids.length,
  xs: Float64Array.from(report.recordings.xs),
  ys: Float64Array.from(report.recordings.ys),
  headings: report.recordings.headings,
};
for (const [number, rank, source, box] of report.pictures) ((objects[number].pictures ??= [])[rank] = { source, box });

/** Objects by their names in the page's address. */
export const byKey = new Map(objects.map((object) => [object.key, object]));

/** A view's recording: its name, its photograph and the size of that, when it was taken and where. */
export function recordingOf(view) {
  if (view.r === null) return { name: view.name, image: view.image, size: view.size, time: null, place: null };
  const { ids, images, sizes, times, dimensions } = report.recordings;
  const [name, size] = [ids[view.r], sizes[view.r]];
  return {
    name,
    image: images[view.r] ?? `/batch/${name}`,
    size: size === null ? null : dimensions[size],
    time: times[view.r],
    place: [recordings.xs[view.r], recordings.ys[view.r]],
  };
}

/** What a recording shows of objects: pairs of an object and its view. */
export function shownIn(number) {
  shown ??= byRecording();
  return shown.get(number) ?? [];
}

let shown = null;

function byRecording() {
  const found = new Map();
  for (const object of objects) {
    for (const view of object.views) {
      if (view.r === null) continue;
      if (!found.has(view.r)) found.set(view.r, []);
      found.get(view.r).push([object, view]);
    }
  }
  return found;
}

/** Categories with their number of objects, the most frequent first. */
export const categories = counts(objects.map((object) => object.category));

function counts(values) {
  const found = new Map();
  for (const value of values) found.set(value, (found.get(value) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1] || (a[0] ?? "").localeCompare(b[0] ?? ""));
}

/** Hues that are told apart at a glance, for the most frequent categories; those beyond them go around the circle. */
const HUES = [25, 250, 145, 310, 75, 195, 350, 275, 110, 220, 50, 170];
const GOLDEN = 137.508;
const hues = new Map(categories.map(([category], rank) => [category, HUES[rank] ?? (HUES[0] + GOLDEN * rank) % 360]));

/** A category's colour on a light or a dark ground. */
export function colourOf(category, isDark) {
  const hue = hues.get(category);
  return category === null || hue === undefined ? grey(isDark) : coloured(hue, isDark);
}

/** A hue on a light or a dark ground, and what has none. */
export const coloured = (hue, isDark) => (isDark ? `oklch(0.76 0.13 ${hue})` : `oklch(0.58 0.16 ${hue})`);
export const grey = (isDark) => (isDark ? "oklch(0.74 0.02 200)" : "oklch(0.52 0.02 200)");

/** Where a photograph lies as seen from this file; null for one that has no place in the run. */
export function addressOf(image) {
  if (/^https?:\/\//.test(image)) return image;
  for (const [mount, folder] of Object.entries(report.folders)) {
    if (image.startsWith(`${mount}/`)) {
      return [...folder.split("/"), ...image.slice(mount.length + 1).split("/")].map(encodeURIComponent).join("/");
    }
  }
  return null;
}
