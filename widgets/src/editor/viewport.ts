// The camera and the view it looks through. `fits` means: keep the whole image in sight when the view changes size.
import { type Camera, fitted, fittedTo, kept, panned, toImage, zoomedAt } from "./camera";
import type { Box, Point, Size } from "./geometry";

/** A shape smaller than this on the screen, in CSS pixels, is brought nearer when it is asked for. */
const tooSmall = 24;

export class Viewport {
  camera: Camera = { x: 0, y: 0, zoom: 1 };
  view: Size = { w: 0, h: 0 };
  #image: Size = { w: 1, h: 1 };
  #fits = true;
  #tell: () => void;

  constructor(tell: () => void) {
    this.#tell = tell;
  }

  look(image: Size): void {
    this.#image = image;
    this.fit();
  }

  resize(view: Size): void {
    const shift = { x: (view.w - this.view.w) / 2, y: (view.h - this.view.h) / 2 };
    this.view = view;
    if (this.#fits) this.fit();
    else this.#move(panned(this.camera, shift));
  }

  fit(): void {
    this.camera = fitted(this.view, this.#image);
    this.#fits = true;
    this.#tell();
  }

  zoomAt(at: Point, factor: number): void {
    this.#move(zoomedAt(this.camera, at, factor));
  }

  /** Zoom about the middle of the view. */
  zoomBy(factor: number): void {
    this.zoomAt({ x: this.view.w / 2, y: this.view.h / 2 }, factor);
  }

  pan(by: Point): void {
    this.#move(panned(this.camera, by));
  }

  /** Bring a box into view if it is small or out of sight. */
  reveal([x, y, w, h]: Box): void {
    const low = toImage(this.camera, { x: 0, y: 0 });
    const high = toImage(this.camera, { x: this.view.w, y: this.view.h });
    const inSight = x >= low.x && y >= low.y && x + w <= high.x && y + h <= high.y;
    const around = Math.max(w, h);
    if (inSight && around * this.camera.zoom >= tooSmall) return;
    this.#move(fittedTo([x - around, y - around, w + 2 * around, h + 2 * around], this.view, 8));
  }

  /** Show a box and some room about it. */
  frame([x, y, w, h]: Box): void {
    const room = Math.max(w, h, 8) * 0.15;
    this.#move(fittedTo([x - room, y - room, w + 2 * room, h + 2 * room], this.view, 32));
  }

  /** Show this place of the image in the middle. */
  centre(at: Point): void {
    const now = toImage(this.camera, { x: this.view.w / 2, y: this.view.h / 2 });
    this.pan({ x: (now.x - at.x) * this.camera.zoom, y: (now.y - at.y) * this.camera.zoom });
  }

  #move(camera: Camera): void {
    this.#fits = false;
    this.camera = kept(camera, this.view, this.#image);
    this.#tell();
  }
}
