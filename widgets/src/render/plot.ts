// Thin outlines by the hundred thousand, plotted straight into pixels. A browser's own strokes are rounded, joined and
// blended with care, which nobody sees on so many, and cost some fifty times as much.
import { type Point, turnedCorners } from "../editor/geometry";
import type { Geometry } from "../editor/records";
import type { Rgb } from "./palette";

const ellipseCorners = 24;
/** In pixels of the plot. */
const nearest = 1.6;

/** Runs of points to be joined by lines, and whether each comes back to where it began. */
function runsOf(geometry: Geometry): { runs: readonly (readonly number[])[]; closed: boolean } {
  switch (geometry.kind) {
    case "polygon":
      return { runs: geometry.holes.length ? [...geometry.parts, ...geometry.holes] : geometry.parts, closed: true };
    case "polyline":
      return { runs: geometry.parts, closed: false };
    case "rotated":
      return { runs: [turnedCorners(geometry.turned)], closed: true };
    case "ellipse": {
      const { center: [cx, cy], size: [w, h], angle } = geometry.turned;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const run = Array.from({ length: ellipseCorners }, (_, n) => {
        const t = (2 * Math.PI * n) / ellipseCorners;
        const [along, across] = [(w / 2) * Math.cos(t), (h / 2) * Math.sin(t)];
        return [cx + along * cos - across * sin, cy + along * sin + across * cos];
      }).flat();
      return { runs: [run], closed: true };
    }
    case "points":
    case "mask":
      return { runs: [], closed: false };
    case "box":
    case "keypoints": {
      const [x, y, w, h] = geometry.box;
      return { runs: [[x, y, x + w, y, x + w, y + h, x, y + h]], closed: true };
    }
  }
}

export class Plot {
  readonly #canvas = document.createElement("canvas");
  #image: ImageData;
  #pixels: Uint32Array;

  constructor(readonly width: number, readonly height: number) {
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  clear(): void {
    this.#pixels.fill(0);
  }

  /** The outline in a colour: image pixels times `scale`, then `shift`ed; `thick` pixels wide. */
  outline(geometry: Geometry, { r, g, b }: Rgb, scale: number, shift: Point, thick: number): void {
    // ImageData is little-endian RGBA on every machine that runs a browser.
    const ink = (b << 16) | (g << 8) | r;
    const { runs, closed } = runsOf(geometry);
    for (const run of runs) {
      const end = run.length - 2;
      let x0 = run[closed ? end : 0]! * scale + shift.x;
      let y0 = run[closed ? end + 1 : 1]! * scale + shift.y;
      for (let i = closed ? 0 : 2; i <= end; i += 2) {
        const x1 = run[i]! * scale + shift.x;
        const y1 = run[i + 1]! * scale + shift.y;
        // Corners as near as this to each other are one; the last one ends the line.
        if (i < end && Math.abs(x1 - x0) < nearest && Math.abs(y1 - y0) < nearest) continue;
        for (let n = 0; n < thick; n++) this.#line(x0, y0, x1, y1, ink, n);
        x0 = x1;
        y0 = y1;
      }
    }
  }

  /** A line with soft sides (Wu's), `beside` pixels across from where it lies. */
  #line(x0: number, y0: number, x1: number, y1: number, ink: number, beside: number): void {
    const steep = Math.abs(y1 - y0) > Math.abs(x1 - x0);
    let [a0, b0, a1, b1] = steep ? [y0, x0, y1, x1] : [x0, y0, x1, y1];
    if (a0 > a1) [a0, b0, a1, b1] = [a1, b1, a0, b0];
    const slope = a1 - a0 > 1e-9 ? (b1 - b0) / (a1 - a0) : 0;
    const [along, across] = steep ? [this.height, this.width] : [this.width, this.height];
    const first = Math.max(Math.round(a0), 0);
    const last = Math.min(Math.round(a1), along - 1);
    const [stepAlong, stepAcross] = steep ? [this.width, 1] : [1, this.width];
    const pixels = this.#pixels;
    let at = b0 + (first - a0) * slope + beside - 0.5;
    for (let a = first; a <= last; a++, at += slope) {
      const low = Math.floor(at);
      const far = ((at - low) * 255) | 0;
      const place = a * stepAlong + low * stepAcross;
      // What covers a pixel more than what is there takes it over: no blending, and no sum of many faint lines.
      if (low >= 0 && low < across && 255 - far >= pixels[place]! >>> 24) pixels[place] = ((255 - far) << 24) | ink;
      if (low >= -1 && low + 1 < across && far >= pixels[place + stepAcross]! >>> 24) pixels[place + stepAcross] = (far << 24) | ink;
    }
  }

  /** Lay it over what the context has, pixel on pixel. */
  lay(ctx: CanvasRenderingContext2D): void {
    this.#canvas.getContext("2d")!.putImageData(this.#image, 0, 0);
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(this.#canvas, 0, 0);
    ctx.restore();
  }
}
