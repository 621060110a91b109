// Where the tiles of an image lie: levels that halve, tiles of 256 pixels, level 0 one pixel, the last one the image.
import { type Camera, visible } from "../editor/camera";
import type { Box, Size } from "../editor/geometry";

/** Pixels of a tile along each side, without overlap. */
export const side = 256;
/** This level is one tile at most. */
const oneTile = 8;

export interface Place {
  readonly level: number;
  readonly x: number;
  readonly y: number;
}

export const keyOf = ({ level, x, y }: Place): string => `${level}/${x}_${y}`;

export class Tiling {
  constructor(readonly size: Size, readonly lastLevel: number) {}

  /** The whole image in one tile, as large as that can be. */
  get base(): Place {
    return { level: Math.min(oneTile, this.lastLevel), x: 0, y: 0 };
  }

  /** How many of the image's pixels one of the level stands for, along each side. */
  factor(level: number): number {
    return 2 ** (this.lastLevel - level);
  }

  /** A level's width and height in its own pixels. */
  sizeOf(level: number): Size {
    const factor = this.factor(level);
    return { w: Math.ceil(this.size.w / factor), h: Math.ceil(this.size.h / factor) };
  }

  /** A tile's width and height in its level's pixels, without overlap. */
  extent({ level, x, y }: Place): Size {
    const { w, h } = this.sizeOf(level);
    return { w: Math.min(side, w - x * side), h: Math.min(side, h - y * side) };
  }

  /** What a tile shows, in the image's pixels; the last ones may reach beyond its edge by less than a pixel of theirs. */
  boxOf(place: Place): Box {
    const factor = this.factor(place.level);
    const { w, h } = this.extent(place);
    return [place.x * side * factor, place.y * side * factor, w * factor, h * factor];
  }

  /** The level to look at where an image pixel is `scale` pixels of the screen: 0.6 to 1.2 of the screen to one of it. */
  levelFor(scale: number): number {
    const halvings = Math.max(Math.floor(Math.log2(1 / scale) + 0.3), 0);
    return Math.max(this.lastLevel - halvings, this.base.level);
  }

  /** The tiles of a level that are in view, the middle first. */
  inView(level: number, camera: Camera, view: Size): Place[] {
    const across = this.factor(level) * side;
    const [x, y, w, h] = visible(camera, view);
    const middle = { x: (x + w / 2) / across - 0.5, y: (y + h / 2) / across - 0.5 };
    const away = (one: Place): number => (one.x - middle.x) ** 2 + (one.y - middle.y) ** 2;
    return this.#among(level, x / across, y / across, (x + w) / across, (y + h) / across).sort((a, b) => away(a) - away(b));
  }

  /** Those around them: what a little pan would show. */
  around(places: readonly Place[]): Place[] {
    const first = places[0];
    if (!first) return [];
    const ends = (values: readonly number[]): [number, number] => [Math.min(...values) - 1, Math.max(...values) + 1];
    const [x0, x1] = ends(places.map(({ x }) => x));
    const [y0, y1] = ends(places.map(({ y }) => y));
    return this.#among(first.level, x0, y0, x1, y1).filter(({ x, y }) => x === x0 || x === x1 || y === y0 || y === y1);
  }

  /** The tiles that a rectangle touches, in tiles. */
  #among(level: number, left: number, top: number, right: number, bottom: number): Place[] {
    const { w, h } = this.sizeOf(level);
    const places: Place[] = [];
    for (let y = Math.max(Math.floor(top), 0); y <= bottom && y * side < h; y++) {
      for (let x = Math.max(Math.floor(left), 0); x <= right && x * side < w; x++) places.push({ level, x, y });
    }
    return places;
  }
}

/** The part of a coarser level's tile that shows a tile's place. */
export function coarser(place: Place, { w, h }: Size, steps: number): { readonly place: Place; readonly part: Box } {
  const factor = 2 ** steps;
  const [left, top] = [(place.x * side) / factor, (place.y * side) / factor];
  const [x, y] = [Math.floor(left / side), Math.floor(top / side)];
  return { place: { level: place.level - steps, x, y }, part: [left - x * side, top - y * side, w / factor, h / factor] };
}
