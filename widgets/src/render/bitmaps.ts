// Masks as small tinted bitmaps: the pixels of a mask's own window, coloured once, drawn by the image's transform.
import type { Box } from "../editor/geometry";
import { type Bits, bitsOf } from "../editor/masks";
import { Recent } from "../editor/recent";
import type { MaskGeometry } from "../editor/records";
import type { Palette } from "./palette";

/** At the ordinary fill; of all of them it is the least that shows on a bright photograph. */
const fillAlpha = 0.38;
const edgeAlpha = 0.95;

export interface Tinted {
  readonly canvas: HTMLCanvasElement;
  readonly color: string;
  readonly fill: number;
}

export class MaskBitmaps {
  #palette: Palette;
  /** 128 MB of pixels: what history holds is not all held as pictures too. */
  #tinted = new Recent<object, Tinted>(32 * 2 ** 20, ({ canvas }) => canvas.width * canvas.height);

  /** How far masks are filled: 1 is the ordinary. */
  fill = 1;

  constructor(palette: Palette) {
    this.#palette = palette;
  }

  /** Draw the mask in image coordinates, at its own window or over `at`. `key` is what the bitmap is remembered by. */
  draw(ctx: CanvasRenderingContext2D, key: MaskGeometry | Bits, color: string, at?: Box): void {
    const bits = "counts" in key ? bitsOf(key) : key;
    if (!bits.window[2] || !bits.window[3]) return;
    let tinted = this.#tinted.get(key);
    if (tinted?.color !== color || tinted.fill !== this.fill) {
      tinted = { canvas: this.#tint(bits, color), color, fill: this.fill };
      this.#tinted.set(key, tinted);
    }
    ctx.drawImage(tinted.canvas, ...(at ?? bits.window));
  }

  #tint(bits: Bits, color: string): HTMLCanvasElement {
    const [, , w, h] = bits.window;
    const { r, g, b } = this.#palette.rgb(color);
    const canvas = document.createElement("canvas");
    canvas.width = w;
    canvas.height = h;
    const ctx = canvas.getContext("2d")!;
    const image = ctx.createImageData(w, h);
    // One write a pixel; ImageData is little-endian RGBA on every machine that runs a browser.
    const pixels = new Uint32Array(image.data.buffer);
    const base = (b << 16) | (g << 8) | r;
    const fill = ((Math.round(Math.min(fillAlpha * this.fill, 1) * 255) << 24) | base) >>> 0;
    const edge = ((Math.round(edgeAlpha * 255) << 24) | base) >>> 0;
    // A rim thicker on large masks, so that it survives being drawn small.
    const rim = Math.max(1, Math.round(Math.max(w, h) / 500));
    const { bytes, stride } = bits;
    const set = (column: number, row: number): boolean =>
      column >= 0 && row >= 0 && column < w && row < h && (bytes[row * stride + (column >> 3)]! & (0x80 >> (column & 7))) !== 0;
    for (let row = 0; row < h; row++) {
      for (let column = 0; column < w; column++) {
        if (!set(column, row)) continue;
        const inner = set(column - rim, row) && set(column + rim, row) && set(column, row - rim) && set(column, row + rim);
        pixels[row * w + column] = inner ? fill : edge;
      }
    }
    ctx.putImageData(image, 0, 0);
    return canvas;
  }
}
