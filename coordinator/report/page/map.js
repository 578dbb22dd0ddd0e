// The map: what it shows, how it is moved by pointer, wheel, fingers and keys, and what is chosen on it.

import { BaseMap } from "./basemap.js";
import { Camera, boxAround } from "./camera.js";
import { objects, recordings, recordingOf, report } from "./data.js";
import { onDecision } from "./decisions.js";
import { announce } from "./document.js";
import {
  DISCS_APART, drawChosen, drawCounts, drawEllipses, drawMiddle, drawMoves, drawObjects, drawRays, drawRecordings, drawRegions,
  drawScale, drawTruth, theme,
} from "./drawing.js";
import { askWhich, close } from "./several.js";
import { Stacks } from "./stacks.js";
import { Thinned } from "./thinned.js";

const NEAR = 14;
const STILL = 5;
const STEP = 80;
/** Of more than so many objects in one place the map shows them larger, if that helps; else it asks which is meant. */
const MANY = 8;
const xs = Float64Array.from(objects, (object) => object.x);
const ys = Float64Array.from(objects, (object) => object.y);

export class MapView {
  camera = new Camera();
  layers = { recordings: true, regions: true, ellipses: true, truth: true };
  chosen = null;
  #canvas;
  #context;
  #colours = theme();
  #isDrawn = true;
  #shown = [];
  #objects;
  #recordings = new Thinned(recordings.xs, recordings.ys, Array.from({ length: recordings.count }, (_, number) => number));
  #fingers = new Map();
  #isFitted = false;

  /** `choose` is called with the number of an object that is clicked, `hover` with the one under the pointer or null. */
  constructor(canvas, choose, hover) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.basemap = new BaseMap(() => this.redraw());
    this.show(objects.map((_, number) => number));
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#recolour());
    onDecision(() => this.redraw());
    this.#listen(choose, hover);
  }

  /** Shows these objects and no others; the first are those that stay where there is no room for all. */
  show(numbers) {
    this.#shown = numbers;
    this.#objects = new Stacks(xs, ys, numbers);
    this.redraw();
  }

  /** Chooses an object, or none (null), and brings it into sight. */
  choose(number) {
    this.chosen = number;
    this.#keepInSight();
    this.redraw();
  }

  /** The objects for which one disc stands as the map is now, one of them given. */
  besides(number) {
    return [...this.#objects.at(DISCS_APART / this.camera.scale).members.values()].find((numbers) => numbers.includes(number)) ?? [];
  }

  /** Everything that there is. */
  fit() {
    const places = [...objects.map(({ x, y }) => [x, y]), ...report.truth.map(({ x, y }) => [x, y])];
    const all = Array.from({ length: recordings.count }, (_, number) => [recordings.xs[number], recordings.ys[number]]);
    const box = boxAround(places.concat(all));
    if (box) this.camera.fit(box);
    this.camera.farthest = Math.min(0.5, this.camera.scale / 4);
    this.redraw();
  }

  /** An object with the recordings that show it. */
  fitObject(number) {
    const { x, y, views } = objects[number];
    const places = views.map((view) => recordingOf(view).place).filter((place) => place);
    this.camera.fit(boxAround([[x, y], ...places]));
    this.redraw();
  }

  zoom(factor, across, down) {
    this.camera.zoom(factor, across, down);
    this.redraw();
  }

  redraw() {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isDrawn = true;
    const { camera, layers } = this;
    const [context, colours] = [this.#context, this.#colours];
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    this.basemap.draw(context, camera);
    if (layers.regions) drawRegions(context, camera, colours);
    if (layers.recordings) drawRecordings(context, camera, colours, this.#recordings);
    if (layers.ellipses) drawEllipses(context, camera, colours, this.#objects, xs, ys);
    const object = this.chosen === null ? null : objects[this.chosen];
    if (object) drawRays(context, camera, colours, object);
    drawMoves(context, camera, colours, this.#objects, xs, ys);
    drawObjects(context, camera, colours, this.#objects, xs, ys);
    if (layers.truth) drawTruth(context, camera, colours);
    if (object) drawChosen(context, camera, colours, object);
    drawCounts(context, camera, colours, this.#objects, xs, ys);
    drawScale(context, camera, colours);
    if (this.#canvas.matches(":focus-visible")) drawMiddle(context, camera, colours);
  }

  #keepInSight() {
    if (this.chosen === null) return;
    const { x, y } = objects[this.chosen];
    const [left, right, low, high] = this.camera.bounds(-30);
    if (x < left || x > right || y < low || y > high) Object.assign(this.camera, { x, y });
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    Object.assign(this.camera, { width, height });
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    if (!this.#isFitted) this.fit();
    this.#isFitted = true;
    this.#keepInSight();
    this.redraw();
  }

  #recolour() {
    this.#colours = theme();
    this.redraw();
  }

  /** The objects under a pixel, the nearest first. */
  #at(across, down) {
    const [x, y] = this.camera.toGround(across, down);
    const away = (number) => Math.hypot(xs[number] - x, ys[number] - y);
    return this.#shown.filter((number) => away(number) < NEAR / this.camera.scale).sort((a, b) => away(a) - away(b));
  }

  /** Chooses what is meant by a pixel: of several on one pole, what its reader picks. Says whether there is anything. */
  #pick(across, down, choose) {
    close(() => {});
    const [nearest] = this.#at(across, down);
    if (nearest === undefined) return false;
    const found = this.besides(nearest);
    const box = boxAround(found.map((number) => [xs[number], ys[number]]));
    if (found.length === 1) choose(nearest);
    else if (found.length > MANY && Math.max(box[1] - box[0], box[3] - box[2]) > 1) this.camera.fit(box);
    else askWhich(found, [across, down], choose);
    this.redraw();
    return true;
  }

  #listen(choose, hover) {
    const canvas = this.#canvas;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#fingers.set(event.pointerId, { at: [event.offsetX, event.offsetY], moved: 0 });
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.#fingers.has(event.pointerId)) this.#drag(event);
      else hover(this.#at(event.offsetX, event.offsetY)[0] ?? null, event.offsetX, event.offsetY);
    });
    canvas.addEventListener("pointerup", (event) => {
      const finger = this.#fingers.get(event.pointerId);
      this.#fingers.delete(event.pointerId);
      if (!finger || finger.moved > STILL || event.button > 0) return;
      this.#pick(event.offsetX, event.offsetY, choose);
    });
    canvas.addEventListener("pointercancel", (event) => this.#fingers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => hover(null));
    canvas.addEventListener("keydown", (event) => this.#key(event, choose));
    for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => this.redraw());
  }

  /** One finger moves the ground, two stretch it, too. */
  #drag(event) {
    const finger = this.#fingers.get(event.pointerId);
    const [before, now] = [finger.at, [event.offsetX, event.offsetY]];
    const other = [...this.#fingers.entries()].find(([id]) => id !== event.pointerId)?.[1].at;
    const share = other ? 0.5 : 1;
    this.camera.pan(share * (now[0] - before[0]), share * (now[1] - before[1]));
    if (other) {
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      this.camera.zoom(apart(now) / Math.max(1, apart(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    }
    finger.moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    finger.at = now;
    this.redraw();
  }

  #key(event, choose) {
    if (event.key === "Enter") {
      event.preventDefault(); // or else it would press the first button of what it opens
      if (!this.#pick(this.camera.width / 2, this.camera.height / 2, choose)) announce("There is no object in the middle of the map.");
    }
    const way = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] }[event.key];
    if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.camera.pan(...way);
    this.redraw();
  }
}
