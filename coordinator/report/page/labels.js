// Names beside boxes that do not lie on each other: signs on one pole are close, and their names longer than they are wide.

/** So many heights of a name it is moved away at the most. */
const FARTHEST = 8;

/**
 * Places for names, the first ones first: `wanted` have the `box` (x, y, width, height) that each names, and its `width`.
 *
 * Gives a rectangle [x, y, width, height] for each, within `view`: above its box if there is room, else below it or beside it,
 * else farther away.
 */
export function laidOut(wanted, height, view) {
  const boxes = wanted.map(({ box }) => box);
  const taken = [];
  for (const { box, width } of wanted) {
    const places = candidates(box, width, height).map((place) => within(place, view));
    const isFree = (place) => !taken.some((other) => overlap(place, other));
    const best = places.find((place) => isFree(place) && !boxes.some((other) => overlap(place, other)));
    taken.push(best ?? places.find(isFree) ?? places[0]);
  }
  return taken;
}

/** Where a name may stand, the best place first. */
function* nearby([x, y, across, down], width, height) {
  const gap = 0.25 * height;
  yield [x, y - height - gap];
  yield [x, y + down + gap];
  yield [x + across + gap, y + (down - height) / 2];
  yield [x - width - gap, y + (down - height) / 2];
  for (let step = 1; step <= FARTHEST; step++) {
    const away = 1.1 * step * height;
    yield [x + across + gap, y - away];
    yield [x - width - gap, y - away];
    yield [x + across + gap, y + down + away - height];
    yield [x - width - gap, y + down + away - height];
    yield [x, y - height - gap - away];
    yield [x, y + down + gap + away];
  }
}

const candidates = (box, width, height) => [...nearby(box, width, height)].map(([x, y]) => [x, y, width, height]);

function within([x, y, width, height], [left, top, across, down]) {
  return [Math.max(left, Math.min(x, left + across - width)), Math.max(top, Math.min(y, top + down - height)), width, height];
}

const overlap = ([x, y, width, height], [left, top, across, down]) => x < left + across && left < x + width && y < top + down && top < y + height;

/** The shortest line from a name to its box, or null if it stands beside it. */
export function leader([x, y, width, height], [left, top, across, down]) {
  const near = (start, length, low, end) => (start + length < low ? [start + length, low] : end < start ? [start, end] : null);
  const [flat, steep] = [near(x, width, left, left + across), near(y, height, top, top + down)];
  const apart = Math.hypot(...[flat, steep].map((pair) => (pair ? pair[1] - pair[0] : 0)));
  if (apart < height) return null;
  const middle = (start, length, low, size) => Math.max(low, Math.min(low + size, start + length / 2));
  const [x1, x2] = flat ?? Array(2).fill(middle(x, width, left, across));
  const [y1, y2] = steep ?? Array(2).fill(middle(y, height, top, down));
  return { x1, y1, x2, y2 };
}
