// Decisions belong to things in the street: which object of today each is about, by the rules of `review` (record/review.py).

/** Metres, on the ground and in height, by which an object may have moved and still be the one that was decided of. */
const REACH = 3;
/** Metres along a meridian. */
const DEGREE = 111_195;

/**
 * Which object each decision belongs to: the one of its id, else the nearest of its category within reach, one to one.
 *
 * `decisions` are pairs of the id that was decided of and the decision; one without a place (`at`, degrees) is only found
 * by its id. Gives `found`, decisions by the id of today's object, and `lost`, the pairs that belong to none.
 */
export function followed(decisions, objects) {
  const near = new Near(objects);
  const pairs = decisions.flatMap(([id, decision], number) =>
    near.to(decision, id).map(([place, distance]) => ({ isOther: objects[place].id !== id, distance, number, place })));
  pairs.sort((a, b) => a.isOther - b.isOther || a.distance - b.distance || a.number - b.number || a.place - b.place);
  const [found, kept] = [new Map(), new Set()];
  for (const { number, place } of pairs) {
    const { id } = objects[place];
    if (kept.has(number) || found.has(id)) continue;
    found.set(id, { ...decisions[number][1], from: decisions[number][0] });
    kept.add(number);
  }
  return { found, lost: decisions.filter((_, number) => !kept.has(number)) };
}

/** Places in a list of objects by the cell of a grid that these lie in, so that those near are found among few. */
class Near {
  #cells = new Map();
  #ids;
  #objects;
  #shrink;

  constructor(objects) {
    this.#objects = objects;
    this.#ids = new Map(objects.map(({ id }, place) => [id, place]));
    this.#shrink = Math.cos(((objects[0]?.at[1] ?? 0) * Math.PI) / 180);
    objects.forEach(({ at }, place) => {
      const cell = this.#cell(at).join();
      if (!this.#cells.has(cell)) this.#cells.set(cell, []);
      this.#cells.get(cell).push(place);
    });
  }

  #metres([longitude, latitude]) {
    return [longitude * this.#shrink * DEGREE, latitude * DEGREE];
  }

  #cell(at) {
    return this.#metres(at).map((value) => Math.floor(value / REACH));
  }

  /** Pairs of the place of an object that may be meant, and how far it is, in metres. */
  to({ at, z, was }, id) {
    if (!Array.isArray(at)) return this.#ids.has(id) ? [[this.#ids.get(id), 0]] : [];
    const [x, y] = this.#metres(at);
    const [column, row] = this.#cell(at);
    const found = [];
    for (const [across, up] of AROUND) {
      for (const place of this.#cells.get([column + across, row + up].join()) ?? []) {
        const object = this.#objects[place];
        const [otherX, otherY] = this.#metres(object.at);
        const ground = Math.hypot(otherX - x, otherY - y);
        const rise = typeof z === "number" && typeof object.said.z === "number" ? Math.abs(object.said.z - z) : 0;
        if (object.category === was && ground <= REACH && rise <= REACH) found.push([place, Math.hypot(ground, rise)]);
      }
    }
    return found;
  }
}

const AROUND = [-1, 0, 1].flatMap((across) => [-1, 0, 1].map((up) => [across, up]));
