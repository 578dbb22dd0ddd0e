// Very many dots at once, written as pixels: a canvas takes far longer to be told of each than to show them.

const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

export class Dots {
  #canvas = document.createElement("canvas");
  #context = this.#canvas.getContext("2d", { willReadFrequently: true });
  #image = null;
  #pixels = null;

  /** Begins with nothing on a sheet as large as the map. */
  begin(camera) {
    const [width, height] = [camera.width, camera.height].map((side) => Math.max(1, Math.round(side * devicePixelRatio)));
    if (this.#canvas.width !== width || this.#canvas.height !== height || !this.#image) {
      Object.assign(this.#canvas, { width, height });
      this.#image = this.#context.createImageData(width, height);
      this.#pixels = new Uint32Array(this.#image.data.buffer);
    }
    this.#pixels.fill(0);
  }

  /** Squares of `size` pixels of the page at the places of these numbers, in one colour as `packed` gives it. */
  add(camera, xs, ys, numbers, size, colour) {
    const { width, height } = this.#canvas;
    const side = Math.max(1, Math.round(size * devicePixelRatio));
    const scale = camera.scale * devicePixelRatio;
    const [left, top] = [width / 2 - camera.x * scale - side / 2, height / 2 + camera.y * scale - side / 2];
    for (const number of numbers) {
      const across = Math.round(left + xs[number] * scale);
      const down = Math.round(top - ys[number] * scale);
      if (across < 0 || down < 0 || across + side > width || down + side > height) continue;
      for (let row = down; row < down + side; row++) {
        const start = row * width + across;
        this.#pixels.fill(colour, start, start + side);
      }
    }
  }

  /** Lays the sheet on the map. */
  end(context, camera) {
    this.#context.putImageData(this.#image, 0, 0);
    context.drawImage(this.#canvas, 0, 0, camera.width, camera.height);
  }
}

const known = new Map();

/** A colour of a style sheet as a pixel. */
export function packed(colour, opacity = 1) {
  const key = `${colour} ${opacity}`;
  if (!known.has(key)) known.set(key, pixelOf(colour, opacity));
  return known.get(key);
}

function pixelOf(colour, opacity) {
  ink.clearRect(0, 0, 1, 1);
  ink.fillStyle = colour;
  ink.fillRect(0, 0, 1, 1);
  const pixel = ink.getImageData(0, 0, 1, 1);
  pixel.data[3] = Math.round(255 * opacity);
  return new Uint32Array(pixel.data.buffer)[0];
}
