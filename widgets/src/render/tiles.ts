// An image in tiles: those that the view needs are asked for, the middle first, and coarser ones stand in meanwhile.
import type { Camera } from "../editor/camera";
import type { Box, Point, Size } from "../editor/geometry";
import { type Codes, type DepthView, paint, tableOf } from "./depth";
import { Tiling, type Place, coarser, keyOf, side } from "./tiling";

/** Tiles asked for in one go, and so many goes under way: a message costs more than a tile, and the first are to come soon. */
const together = 6;
const underWay = 3;
const bytesMax = 160 * 2 ** 20;
/** After a failure a tile is asked for again: after this long, then twice as long, and so often at most. */
const againMs = 800;
const triesMax = 4;

/** What came for a tile: a picture with an overlap of one pixel, or codes without. */
export type Arrived = { readonly bitmap: ImageBitmap } | { readonly codes: Codes };

export interface TileSource {
  readonly size: Size;
  readonly lastLevel: number;
  /** What codes mean; null where tiles come as pictures. */
  readonly coding: { readonly offset: number; readonly scale: number } | null;
  fetch(places: readonly Place[], bands: readonly number[]): Promise<readonly Arrived[]>;
}

interface Tile {
  readonly arrived: Arrived;
  readonly bytes: number;
  /** Of codes: painted for this version of the view. */
  canvas: OffscreenCanvas | null;
  version: number;
}

interface Failure {
  readonly tries: number;
  readonly until: number;
}

export class TileSet {
  /** Called when what would be drawn has changed. */
  onChange: () => void = () => undefined;
  /** Called when a tile does not come, however often it is asked for. */
  onFault: (error: unknown) => void = () => undefined;
  readonly #source: TileSource;
  readonly #tiling: Tiling;
  #view: DepthView | null = null;
  #version = 0;
  #tables: { readonly bits: 8 | 16; readonly tables: Uint8ClampedArray[] } | null = null;
  #tiles = new Map<string, Tile>();
  #bytes = 0;
  /** What the last view shows. */
  #wanted: readonly Place[] = [];
  #coming = new Set<string>();
  #goes = 0;
  #failures = new Map<string, Failure>();
  #closed = false;

  constructor(source: TileSource) {
    this.#source = source;
    this.#tiling = new Tiling(source.size, source.lastLevel);
  }

  /** How a deep picture is looked at. Other bands are other tiles; another window paints them anew. */
  set view(view: DepthView) {
    if (this.#view?.bands.join() !== view.bands.join()) this.#forget();
    this.#view = view;
    this.#version++;
    this.#tables = null;
    this.begin();
    this.onChange();
  }

  /** Ask for the whole picture, small. */
  begin(): void {
    if (!this.#source.coding || this.#view) this.#pump([this.#tiling.base]);
  }

  /** The whole picture, small; null until it has come. */
  get small(): CanvasImageSource | null {
    const base = this.#tiles.get(keyOf(this.#tiling.base));
    return base ? this.#painted(base) : null;
  }

  /** Whether all that the last view needed is there, or never will be. */
  get settled(): boolean {
    return this.#wanted.every((one) => this.#tiles.has(keyOf(one)) || (this.#failures.get(keyOf(one))?.tries ?? 0) >= triesMax);
  }

  /** The values at a place of the picture, of the bands that are shown; null where its finest tile is not here. */
  valuesAt(at: Point): readonly number[] | null {
    const { coding, lastLevel } = this.#source;
    const [x, y] = [Math.floor(at.x / side), Math.floor(at.y / side)];
    const tile = this.#tiles.get(keyOf({ level: lastLevel, x, y }));
    if (!coding || !tile || !("codes" in tile.arrived)) return null;
    const { width, height, planes } = tile.arrived.codes;
    const [left, top] = [Math.floor(at.x) - x * side, Math.floor(at.y) - y * side];
    if (left < 0 || top < 0 || left >= width || top >= height) return null;
    return planes.map((plane) => coding.offset + coding.scale * plane[top * width + left]!);
  }

  /** Draw what the view shows, and ask for what is missing. */
  draw(ctx: CanvasRenderingContext2D, camera: Camera, view: Size, dpr: number): void {
    const { w, h } = this.#source.size;
    const level = this.#tiling.levelFor(camera.zoom * dpr);
    const needed = this.#tiling.inView(level, camera, view);
    const onScreen = (value: number, offset: number): number => Math.round((value * camera.zoom + offset) * dpr);
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.beginPath();
    ctx.rect(camera.x * dpr, camera.y * dpr, w * camera.zoom * dpr, h * camera.zoom * dpr);
    ctx.clip();
    // Above 3 : 1 the person looks at pixels, and they must have edges.
    ctx.imageSmoothingEnabled = camera.zoom < 3;
    ctx.imageSmoothingQuality = "medium";
    for (const place of needed) {
      const found = this.#nearest(place);
      if (!found) continue;
      // Edges on whole pixels of the screen: neighbours meet, with nothing between.
      const [x, y, width, height] = this.#tiling.boxOf(place);
      const [left, top] = [onScreen(x, camera.x), onScreen(y, camera.y)];
      const [right, bottom] = [onScreen(x + width, camera.x), onScreen(y + height, camera.y)];
      ctx.drawImage(this.#painted(found.tile), ...found.part, left, top, right - left, bottom - top);
    }
    ctx.restore();
    if (this.#source.coding && !this.#view) return;
    this.#wanted = level === this.#tiling.base.level ? needed : [this.#tiling.base, ...needed];
    this.#pump(this.#wanted);
    if (!this.#coming.size) this.#pump(this.#tiling.around(needed));
  }

  dispose(): void {
    this.#closed = true;
    this.onChange = this.onFault = () => undefined;
    this.#wanted = [];
    this.#forget();
  }

  /** The tile, or the part of the finest coarser one that shows its place. */
  #nearest(place: Place): { readonly tile: Tile; readonly part: Box } | null {
    const extent = this.#tiling.extent(place);
    for (let steps = 0; place.level - steps >= this.#tiling.base.level; steps++) {
      const { place: at, part: [x, y, w, h] } = coarser(place, extent, steps);
      const tile = this.#tiles.get(keyOf(at));
      if (!tile) continue;
      // Last in the map is the most recently used.
      this.#tiles.delete(keyOf(at));
      this.#tiles.set(keyOf(at), tile);
      const overlap = "bitmap" in tile.arrived ? 1 : 0;
      return { tile, part: [x + (at.x ? overlap : 0), y + (at.y ? overlap : 0), w, h] };
    }
    return null;
  }

  #painted(tile: Tile): CanvasImageSource {
    if ("bitmap" in tile.arrived) return tile.arrived.bitmap;
    const { codes } = tile.arrived;
    if (tile.canvas && tile.version === this.#version) return tile.canvas;
    tile.canvas ??= new OffscreenCanvas(codes.width, codes.height);
    tile.version = this.#version;
    const ctx = tile.canvas.getContext("2d")!;
    const pixels = ctx.createImageData(codes.width, codes.height);
    paint(codes, this.#tablesFor(codes), pixels.data);
    ctx.putImageData(pixels, 0, 0);
    return tile.canvas;
  }

  #tablesFor(codes: Codes): Uint8ClampedArray[] {
    const bits = codes.planes[0] instanceof Uint16Array ? 16 : 8;
    const { offset, scale } = this.#source.coding ?? { offset: 0, scale: 1 };
    if (this.#tables?.bits !== bits) this.#tables = { bits, tables: (this.#view?.windows ?? []).map((one) => tableOf(one, { offset, scale, bits })) };
    return this.#tables.tables;
  }

  #pump(places: readonly Place[]): void {
    const missing = places.filter((place) => {
      const key = keyOf(place);
      return !this.#tiles.has(key) && !this.#coming.has(key) && !this.#waits(key);
    });
    for (let first = 0; first < missing.length && this.#goes < underWay && !this.#closed; first += together) {
      void this.#load(missing.slice(first, first + together), this.#view);
    }
  }

  async #load(places: readonly Place[], view: DepthView | null): Promise<void> {
    this.#goes++;
    for (const place of places) this.#coming.add(keyOf(place));
    try {
      const arrived = await this.#source.fetch(places, view?.bands ?? []);
      // Codes of other bands than those that are looked at by now are of no use.
      if (!this.#closed && view?.bands.join() === this.#view?.bands.join()) places.forEach((place, n) => this.#keep(keyOf(place), arrived[n]!));
    } catch (error) {
      this.#failed(places, error);
    } finally {
      this.#goes--;
      for (const place of places) this.#coming.delete(keyOf(place));
      this.onChange();
    }
  }

  #failed(places: readonly Place[], error: unknown): void {
    if (this.#closed) return;
    let given = false;
    for (const place of places) {
      const tries = (this.#failures.get(keyOf(place))?.tries ?? 0) + 1;
      const wait = againMs * 2 ** (tries - 1);
      this.#failures.set(keyOf(place), { tries, until: performance.now() + wait });
      if (tries < triesMax) setTimeout(() => this.onChange(), wait + 10);
      else given = true;
    }
    if (given) this.onFault(error);
  }

  #waits(key: string): boolean {
    const failure = this.#failures.get(key);
    return failure !== undefined && (failure.tries >= triesMax || performance.now() < failure.until);
  }

  #keep(key: string, arrived: Arrived): void {
    const painted = 4 * side * side;
    const bytes = "codes" in arrived ? painted + arrived.codes.planes.reduce((sum, one) => sum + one.byteLength, 0) : painted;
    this.#failures.delete(key);
    this.#tiles.set(key, { arrived, bytes, canvas: null, version: -1 });
    this.#bytes += bytes;
    const base = keyOf(this.#tiling.base);
    for (const [old, tile] of this.#tiles) {
      if (this.#bytes <= bytesMax) break;
      if (old !== base && old !== key) this.#drop(old, tile);
    }
  }

  #drop(key: string, tile: Tile): void {
    if ("bitmap" in tile.arrived) tile.arrived.bitmap.close();
    this.#tiles.delete(key);
    this.#bytes -= tile.bytes;
  }

  #forget(): void {
    for (const [key, tile] of [...this.#tiles]) this.#drop(key, tile);
    this.#failures.clear();
  }
}
