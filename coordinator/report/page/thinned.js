// Level of detail: of places that would be drawn over each other, one is enough.

const LEAST = -4;

/** Places of which a map asks, at each scale, for those that can be told apart. */
export class Thinned {
  /** `numbers` are those of the places in `xs` and `ys` that are meant, the most important first. */
  constructor(xs, ys, numbers) {
    this.xs = xs;
    this.ys = ys;
    this.levels = new Map([[LEAST, numbers]]);
  }

  /** The numbers of places that are more than about `metres` apart; all of them where that is little. */
  at(metres) {
    return this.#level(Math.max(LEAST, Math.floor(Math.log2(metres))));
  }

  #level(level) {
    if (!this.levels.has(level)) this.levels.set(level, this.#thin(this.#level(level - 1), 2 ** level));
    return this.levels.get(level);
  }

  #thin(numbers, size) {
    const taken = new Set();
    const kept = numbers.filter((number) => {
      const cell = Math.floor(this.xs[number] / size) * 2 ** 26 + Math.floor(this.ys[number] / size);
      return !taken.has(cell) && taken.add(cell);
    });
    return kept;
  }
}
