// The layer of shapes at rest: rastered once at 1.5 times the view, then only moved and scaled until the view settles.
import { type Camera, visible } from "../editor/camera";
import type { Editor } from "../editor/editor";
import type { Box, Size } from "../editor/geometry";
import type { Geometry, Shape } from "../editor/records";
import type { MaskBitmaps } from "./bitmaps";
import { type OverlayLayer, type OverlayView, boxAt, predictionsIn } from "./overlay";
import { type Look, plain } from "./look";
import { aim, paintKeypoints, paintPath, tag, tagPlace, trace } from "./paint";
import type { Palette } from "./palette";
import { Plot } from "./plot";
import { colorOfOutcome, outcomes } from "./verdicts";

/** The share of the view rastered beyond each of its edges: 0.25 on either side makes 1.5. */
const margin = 0.25;
/** Above this many shapes in view, names would only hide what they name. */
const tagsMax = 60;
/** Above this many in view outlines are plotted, thin and without a halo: see plot.ts. */
const plotted = 1500;
/** How many outlines are plotted between two looks at the clock. */
const looked = 150;
/** How many shapes are looked at between two looks at the clock. */
const gathered = 5000;
/** How many outlines are drawn between two looks at the clock. */
const chunk = 40;

/** How far outlines are filled while nobody asks for more. */
const ordinaryFill = 0.09;

interface Outlines {
  readonly color: string;
  readonly classId: number;
  readonly list: Geometry[];
}

interface Sheet {
  canvas: HTMLCanvasElement;
  camera: Camera;
}

function newSheet(): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.getContext("2d", { willReadFrequently: true });
  return canvas;
}

export class StaticLayer {
  #editor: Editor;
  #palette: Palette;
  #bitmaps: MaskBitmaps;
  #front: Sheet | null = null;
  #back: Sheet | null = null;
  #work: Generator<void, void, void> | null = null;
  #plot: Plot | null = null;
  #view: Size = { w: 0, h: 0 };
  #dpr = 1;
  look: Look = plain;
  overlay: OverlayView = { layers: [], confidence: 0.25 };
  /** The shapes that the active layer draws instead. */
  without: ReadonlySet<string> = new Set();

  constructor(editor: Editor, palette: Palette, bitmaps: MaskBitmaps) {
    this.#editor = editor;
    this.#palette = palette;
    this.#bitmaps = bitmaps;
  }

  get working(): boolean {
    return this.#work !== null;
  }

  /** Whether the sheet shows the camera's view sharply and wholly. */
  fits(camera: Camera, view: Size): boolean {
    return this.#front !== null && this.#front.camera.zoom === camera.zoom && this.covers(camera, view);
  }

  covers(camera: Camera, view: Size): boolean {
    const sheet = this.#front?.camera;
    if (!sheet) return false;
    const scale = camera.zoom / sheet.zoom;
    const left = camera.x - sheet.x * scale - view.w * margin * scale;
    const top = camera.y - sheet.y * scale - view.h * margin * scale;
    const reach = 1 + 2 * margin;
    return left <= 0 && top <= 0 && left + view.w * reach * scale >= view.w && top + view.h * reach * scale >= view.h;
  }

  /** Forget the sheet: what it shows is another image. */
  clear(): void {
    this.#front = null;
    this.#work = null;
  }

  /** Start to raster for this view; `step` does the work. */
  begin(camera: Camera, view: Size, dpr: number): void {
    this.#view = view;
    this.#dpr = dpr;
    const canvas = this.#back?.canvas ?? newSheet();
    const [w, h] = [Math.ceil(view.w * (1 + 2 * margin) * dpr), Math.ceil(view.h * (1 + 2 * margin) * dpr)];
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
    }
    this.#back = { canvas, camera };
    this.#work = this.#raster(this.#back);
  }

  /** Go on for at most `budgetMs`; true once the new sheet is in place. */
  step(budgetMs: number): boolean {
    const end = performance.now() + budgetMs;
    while (this.#work) {
      const { done } = this.#work.next();
      // Browsers only record what is drawn, and raster it all at once when the sheet is used. Reading a pixel makes them
      // do it now, in this step's own time.
      this.#back?.canvas.getContext("2d")?.getImageData(0, 0, 1, 1);
      if (done) {
        this.#work = null;
        [this.#front, this.#back] = [this.#back, this.#front];
        return true;
      }
      if (performance.now() >= end) return false;
    }
    return false;
  }

  /** Show the sheet as it would look from this camera. */
  blit(ctx: CanvasRenderingContext2D, camera: Camera): void {
    if (!this.#front) return;
    const { canvas, camera: was } = this.#front;
    const scale = camera.zoom / was.zoom;
    const x = camera.x - (was.x + this.#view.w * margin) * scale;
    const y = camera.y - (was.y + this.#view.h * margin) * scale;
    if (scale === 1) {
      // Whole device pixels keep lines as sharp as they were drawn.
      ctx.drawImage(canvas, Math.round(x * this.#dpr), Math.round(y * this.#dpr));
    } else {
      ctx.drawImage(canvas, x * this.#dpr, y * this.#dpr, canvas.width * scale, canvas.height * scale);
    }
  }

  *#raster({ canvas, camera }: Sheet): Generator<void, void, void> {
    const ctx = canvas.getContext("2d")!;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    aim(ctx, camera, this.#dpr, { x: this.#view.w * margin, y: this.#view.h * margin });
    const area = visible(camera, this.#view, margin);
    const shapes: Shape[] = [];
    if (this.#editor.truthShown) yield* this.#gather(area, shapes);
    const { layers, confidence } = this.overlay;
    const found = layers.map((layer) => ({ layer, places: predictionsIn(layer.overlay, area, confidence) }));
    const many = found.reduce((sum, { places }) => sum + places.length, 0);
    yield* this.#truth(ctx, shapes, camera);
    for (const { layer, places } of found) yield* this.#predictions(ctx, layer, places, camera, many <= plotted);
    // Names last: no line runs through them.
    if (shapes.length <= tagsMax && this.look.names) for (const shape of shapes) this.#name(ctx, shape, camera);
    if (many <= tagsMax) for (const { layer, places } of found) for (const place of places) this.#score(ctx, layer, place, camera);
  }

  /** What is to be drawn, into `into`, the lowest first. */
  *#gather(area: Box, into: Shape[]): Generator<void, void, void> {
    const { document } = this.#editor;
    if (!document) return;
    // Where most of the image is in view a search would find nearly all of it, and take longer than going through it.
    const { w, h } = document.size;
    const all = area[0] <= 0 && area[1] <= 0 && area[0] + area[2] >= w && area[1] + area[3] >= h;
    let seen = 0;
    let raised = false;
    for (const shape of all ? document.store.all() : document.index.within(area)) {
      if (++seen % gathered === 0) yield;
      if (this.without.has(shape.id) || !this.#editor.isVisible(shape)) continue;
      raised ||= shape.z !== 0;
      into.push(shape);
    }
    if (raised) into.sort((a, b) => a.z - b.z);
  }

  *#truth(ctx: CanvasRenderingContext2D, shapes: readonly Shape[], camera: Camera): Generator<void, void, void> {
    const many = shapes.length > plotted;
    const plot = many ? this.#fresh(ctx) : null;
    const outlines = new Map<string, Outlines>();
    const scale = camera.zoom * this.#dpr;
    const shift = { x: (camera.x + this.#view.w * margin) * this.#dpr, y: (camera.y + this.#view.h * margin) * this.#dpr };
    let masks = 0;
    let seen = 0;
    for (const shape of shapes) {
      const { geometry, class_id } = shape;
      const color = this.#palette.colorOf(shape);
      if (++seen % (many ? looked : gathered) === 0) yield;
      if (geometry.kind === "mask") {
        this.#bitmaps.draw(ctx, geometry, color);
        if (++masks % 8 === 0) yield;
      } else if (plot && geometry.kind !== "points" && geometry.kind !== "keypoints") {
        plot.outline(geometry, this.#palette.rgb(color), scale, shift, Math.round(this.#dpr));
      } else {
        // Lines enclose nothing that could be filled.
        const key = `${color}${class_id}${geometry.kind === "polyline"}`;
        const group = outlines.get(key);
        if (group) group.list.push(geometry);
        else outlines.set(key, { color, classId: class_id, list: [geometry] });
      }
    }
    plot?.lay(ctx);
    yield;
    for (const group of outlines.values()) yield* this.#strokes(ctx, group, camera.zoom, !many);
  }

  /** One path for each chunk: 1,000 shapes in a few strokes instead of 1,000. */
  *#strokes(ctx: CanvasRenderingContext2D, { color, classId, list }: Outlines, zoom: number, rich: boolean): Generator<void, void, void> {
    const fill = ordinaryFill * (this.look.fill / plain.fill);
    for (let first = 0; first < list.length; first += chunk) {
      const some = list.slice(first, first + chunk);
      ctx.beginPath();
      for (const geometry of some) trace(ctx, geometry, 1 / zoom);
      paintPath(ctx, this.#palette, color, zoom, {
        fill: rich && some[0]!.kind !== "polyline" ? Math.min(fill, 1) : 0, halo: rich, width: rich ? 2 : 1.25,
      });
      for (const geometry of some) paintKeypoints(ctx, geometry, color, zoom, this.#palette.skeleton(classId));
      yield;
    }
  }

  /** An empty plot as large as the sheet. */
  #fresh({ canvas: { width, height } }: CanvasRenderingContext2D): Plot {
    if (this.#plot?.width === width && this.#plot.height === height) this.#plot.clear();
    else this.#plot = new Plot(width, height);
    return this.#plot;
  }

  #name(ctx: CanvasRenderingContext2D, shape: Shape, camera: Camera): void {
    const { geometry } = shape;
    if (Math.max(geometry.box[2], geometry.box[3]) * camera.zoom < 20) return;
    const place = tagPlace(geometry.box, -camera.y / camera.zoom, camera.zoom);
    tag(ctx, this.#palette, place, this.#palette.title(shape), this.#palette.colorOf(shape), camera.zoom);
  }

  *#predictions(
    ctx: CanvasRenderingContext2D, layer: OverlayLayer, found: readonly number[], { zoom }: Camera, rich: boolean,
  ): Generator<void, void, void> {
    const { overlay, dash } = layer;
    const byColor = new Map<string, number[]>();
    for (const place of found) {
      const color = this.#colorIn(layer, place);
      const mask = overlay.masks?.[place];
      if (mask) {
        ctx.globalAlpha = 0.6;
        this.#bitmaps.draw(ctx, mask, color);
        ctx.globalAlpha = 1;
        yield;
      }
      const list = byColor.get(color);
      if (list) list.push(place);
      else byColor.set(color, [place]);
    }
    for (const [color, list] of byColor) {
      ctx.beginPath();
      for (const place of list) ctx.rect(...boxAt(overlay, place));
      paintPath(ctx, this.#palette, color, zoom, { dash, width: 2, halo: rich });
      yield;
    }
  }

  #colorIn({ overlay, verdicts }: OverlayLayer, place: number): string {
    return verdicts ? colorOfOutcome(verdicts, place) : this.#palette.color(overlay.classIds[place]!);
  }

  #score(ctx: CanvasRenderingContext2D, layer: OverlayLayer, place: number, { zoom }: Camera): void {
    const { overlay, verdicts, mark } = layer;
    const [x, y, , h] = boxAt(overlay, place);
    const error = verdicts?.outcome[place] === outcomes.ghost ? ` · ${verdicts.errors[verdicts.error[place]!] ?? "false"}` : "";
    const text = `${mark && `${mark} `}${this.#palette.name(overlay.classIds[place]!)} ${Math.round(overlay.scores[place]! * 100)}%${error}`;
    // Below the box, so that a prediction's label does not hide the ground truth's.
    tag(ctx, this.#palette, { x, y: y + h + 17 / zoom }, text, this.#colorIn(layer, place), zoom);
  }
}
