// Objects that lie on each other on the map, as several signs on one pole do: one disc stands for all of them.

const FINEST = -5;

export class Stacks {
  #xs;
  #ys;
  #levels = new Map();

  /** `all` are the numbers of the objects in `xs` and `ys` that are meant, the most important first. */
  constructor(xs, ys, all) {
    [this.#xs, this.#ys, this.all] = [xs, ys, all];
  }

  /** What is drawn where discs are `metres` apart: the `firsts` of all stacks, and the `members` of each by its first. */
  at(metres) {
    const level = Math.max(FINEST, Math.floor(Math.log2(metres)));
    if (!this.#levels.has(level)) this.#levels.set(level, this.#stacked(2 ** level));
    return this.#levels.get(level);
  }

  #stacked(size) {
    const [members, cells] = [new Map(), new Map()];
    for (const number of this.all) {
      const [column, row] = [Math.floor(this.#xs[number] / size), Math.floor(this.#ys[number] / size)];
      const first = this.#firstNear(cells, column, row, number, size);
      if (first !== null) members.get(first).push(number);
      else {
        members.set(number, [number]);
        const cell = column * 2 ** 26 + row;
        if (cells.has(cell)) cells.get(cell).push(number);
        else cells.set(cell, [number]);
      }
    }
    return { firsts: [...members.keys()], members };
  }

  /** The first of a stack within reach of an object, or null. */
  #firstNear(cells, column, row, number, size) {
    for (let across = -1; across <= 1; across++) {
      for (let up = -1; up <= 1; up++) {
        for (const first of cells.get((column + across) * 2 ** 26 + row + up) ?? []) {
          if (Math.hypot(this.#xs[first] - this.#xs[number], this.#ys[first] - this.#ys[number]) < size) return first;
        }
      }
    }
    return null;
  }
}
