// Where the map looks: a middle in metres (x east, y north) and a scale in pixels per metre.

const NEAREST = 400;
const AROUND = 40;

export class Camera {
  x = 0;
  y = 0;
  scale = 1;
  width = 1;
  height = 1;
  farthest = 1e-4;

  toScreen(x, y) {
    return [this.width / 2 + (x - this.x) * this.scale, this.height / 2 - (y - this.y) * this.scale];
  }

  toGround(across, down) {
    return [this.x + (across - this.width / 2) / this.scale, this.y - (down - this.height / 2) / this.scale];
  }

  /** Left, right, low and high ends of what is seen, with so many pixels around it. */
  bounds(around = 0) {
    const [across, up] = [(this.width / 2 + around) / this.scale, (this.height / 2 + around) / this.scale];
    return [this.x - across, this.x + across, this.y - up, this.y + up];
  }

  /** Moves the ground by so many pixels. */
  pan(across, down) {
    this.x -= across / this.scale;
    this.y += down / this.scale;
  }

  /** Zooms so that the ground under a pixel stays under it. */
  zoom(factor, across = this.width / 2, down = this.height / 2) {
    const [x, y] = this.toGround(across, down);
    this.scale = Math.min(NEAREST, Math.max(this.farthest, this.scale * factor));
    this.x = x - (across - this.width / 2) / this.scale;
    this.y = y + (down - this.height / 2) / this.scale;
  }

  /** Shows all of a box on the ground. */
  fit([left, right, low, high], nearest = 60) {
    const room = [Math.max(10, this.width - 2 * AROUND), Math.max(10, this.height - 2 * AROUND)];
    this.x = (left + right) / 2;
    this.y = (low + high) / 2;
    this.scale = Math.min(nearest, room[0] / Math.max(right - left, 1), room[1] / Math.max(high - low, 1));
    return this;
  }
}

/** The box around places; null if there is none. */
export function boxAround(places) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [x, y] of places) {
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < low) low = y;
    if (y > high) high = y;
  }
  return left <= right ? [left, right, low, high] : null;
}
