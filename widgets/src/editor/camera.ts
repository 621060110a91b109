// Where the image lies on the screen: screen = image · zoom + offset, in CSS pixels.
import { type Box, type Point, type Size, clamp } from "./geometry";

export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

/** 64 screen pixels to one image pixel is enough to place a corner; 1/512 shows an image of 200,000 pixels whole. */
const zoomMin = 1 / 512;
const zoomMax = 64;
/** Room left around the image when it is fitted, in CSS pixels. */
const fitMargin = 16;

export function toImage(camera: Camera, p: Point): Point {
  return { x: (p.x - camera.x) / camera.zoom, y: (p.y - camera.y) / camera.zoom };
}

export function toScreen(camera: Camera, p: Point): Point {
  return { x: p.x * camera.zoom + camera.x, y: p.y * camera.zoom + camera.y };
}

/** Zoom by a factor; the image point under `at` (screen) stays under it. */
export function zoomedAt(camera: Camera, at: Point, factor: number): Camera {
  const zoom = clamp(camera.zoom * factor, zoomMin, zoomMax);
  const ratio = zoom / camera.zoom;
  return { zoom, x: at.x - (at.x - camera.x) * ratio, y: at.y - (at.y - camera.y) * ratio };
}

export function panned(camera: Camera, by: Point): Camera {
  return { ...camera, x: camera.x + by.x, y: camera.y + by.y };
}

/** Never let the image leave the view altogether: a strip of 48 px of it stays reachable. */
export function kept(camera: Camera, view: Size, image: Size): Camera {
  const strip = 48;
  return {
    zoom: camera.zoom,
    x: clamp(camera.x, strip - image.w * camera.zoom, Math.max(view.w - strip, strip)),
    y: clamp(camera.y, strip - image.h * camera.zoom, Math.max(view.h - strip, strip)),
  };
}

/** The whole image, centred. A small image is not blown up beyond 4 : 1. */
export function fitted(view: Size, image: Size): Camera {
  return fittedTo([0, 0, image.w, image.h], view, 4);
}

/** A part of the image, centred, at most `limit` : 1. */
export function fittedTo(box: Box, view: Size, limit: number): Camera {
  const zoom = clamp(
    Math.min((view.w - 2 * fitMargin) / Math.max(box[2], 1), (view.h - 2 * fitMargin) / Math.max(box[3], 1)),
    zoomMin,
    limit,
  );
  return { zoom, x: (view.w - box[2] * zoom) / 2 - box[0] * zoom, y: (view.h - box[3] * zoom) / 2 - box[1] * zoom };
}

/** The part of the image plane that the view shows, widened by `margin` (a share of the view). */
export function visible(camera: Camera, view: Size, margin = 0): Box {
  const a = toImage(camera, { x: -view.w * margin, y: -view.h * margin });
  return [a.x, a.y, (view.w * (1 + 2 * margin)) / camera.zoom, (view.h * (1 + 2 * margin)) / camera.zoom];
}
