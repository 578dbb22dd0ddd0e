// A base map of web mercator tiles under the run's own plane: only if its reader names a server for it.

import { report } from "./data.js";

const TILE = 256;
const DEEPEST = 19;
const AT_MOST = 120;
const MAX_KEPT = 400;

export class BaseMap {
  #tiles = new Map();
  #changed;
  template = "";

  constructor(changed) {
    this.#changed = changed;
  }

  /** Shows the tiles of an address with {z}, {x} and {y} in it; none for an empty one. */
  show(template) {
    this.template = template;
    this.#tiles.clear();
    this.#changed();
  }

  draw(context, camera) {
    if (!this.template || !report.frame) return;
    const size = Math.abs(toMercator(camera.x + 1, camera.y)[0] - toMercator(camera.x, camera.y)[0]);
    const depth = Math.min(DEEPEST, Math.max(0, Math.round(Math.log2(camera.scale / (TILE * size)))));
    const [left, right, low, high] = camera.bounds();
    const corners = [[left, low], [left, high], [right, low], [right, high]].map((corner) => toMercator(...corner));
    const [us, vs] = [0, 1].map((axis) => corners.map((corner) => Math.floor(corner[axis] * 2 ** depth)));
    const wanted = [];
    for (let v = Math.min(...vs); v <= Math.max(...vs); v++) {
      for (let u = Math.min(...us); u <= Math.max(...us); u++) wanted.push([u, v]);
    }
    if (wanted.length > AT_MOST) return;
    for (const [u, v] of wanted) this.#drawTile(context, camera, depth, u, v);
  }

  #drawTile(context, camera, depth, u, v) {
    const image = this.#tile(depth, u, v);
    if (!image.complete || !image.naturalWidth) return;
    const corner = (across, down) => camera.toScreen(...toGround((u + across) / 2 ** depth, (v + down) / 2 ** depth, camera));
    const [[x, y], [rightX, rightY], [lowX, lowY]] = [corner(0, 0), corner(1, 0), corner(0, 1)];
    context.save();
    context.transform(rightX - x, rightY - y, lowX - x, lowY - y, x, y);
    context.drawImage(image, 0, 0, 1.002, 1.002);
    context.restore();
  }

  #tile(depth, u, v) {
    const address = this.template.replace("{z}", depth).replace("{x}", u).replace("{y}", v);
    if (!this.#tiles.has(address)) {
      if (this.#tiles.size > MAX_KEPT) this.#tiles.clear();
      const image = new Image();
      image.onload = this.#changed;
      image.src = address;
      this.#tiles.set(address, image);
    }
    return this.#tiles.get(address);
  }
}

/** Metres of the page to web mercator's plane, by the polynomial that the page was made with. */
export function toMercator(x, y) {
  return report.frame.to_mercator.map(([a, b, c, d, e, f]) => a + b * x + c * y + d * x * x + e * x * y + f * y * y);
}

/** The way back, by Newton's method from the middle of what is seen. */
function toGround(u, v, near) {
  let [x, y] = [near.x, near.y];
  for (let round = 0; round < 4; round++) {
    const [here, east, north] = [toMercator(x, y), toMercator(x + 1, y), toMercator(x, y + 1)];
    const [a, b, c, d] = [east[0] - here[0], north[0] - here[0], east[1] - here[1], north[1] - here[1]];
    const [offU, offV, area] = [u - here[0], v - here[1], a * d - b * c];
    x += (d * offU - b * offV) / area;
    y += (a * offV - c * offU) / area;
  }
  return [x, y];
}
