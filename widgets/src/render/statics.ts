// The layer of shapes at rest: rastered once at 1.5 times the view, then only moved and scaled until the view settles.
import { type Camera, visible } from "../editor/camera";
import type { Editor } from "../editor/editor";
import type { Box, Size } from "../editor/geometry";
import type { Geometry, Shape } from "../editor/records";
import type { MaskBitmaps } from "./bitmaps";
import type { Overlay, OverlayView } from "./overlay";
import { aim, paintKeypoints, paintPath, tag, tagPlace, trace } from "./paint";
import type { Palette } from "./palette";

/** The share of the view rastered beyond each of its edges: 0.25 on either side makes 1.5. */
const margin = 0.25;
/** Above this many shapes in view, names would only hide what they name. */
const tagsMax = 60;
/** Above this many the dark halo is left out: it doubles the strokes. */
const haloMax = 1500;
/** How many outlines are drawn between two looks at the clock. */
const chunk = 120;

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
  #view: Size = { w: 0, h: 0 };
  #dpr = 1;
  overlay: OverlayView = { overlay: null, shown: true, confidence: 0.25 };
  /** The shape that the active layer draws instead. */
  without: string | null = null;

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
    const shapes = this.#editor.truthShown ? this.#shapesIn(area) : [];
    const found = this.overlay.shown && this.overlay.overlay ? predictionsIn(this.overlay.overlay, area, this.overlay.confidence) : [];
    yield* this.#truth(ctx, shapes, camera);
    if (this.overlay.overlay) yield* this.#predictions(ctx, this.overlay.overlay, found, camera);
    // Names last: no line runs through them.
    if (shapes.length <= tagsMax) for (const shape of shapes) this.#name(ctx, shape, camera);
    if (found.length <= tagsMax) for (const place of found) this.#score(ctx, place, camera);
  }

  #shapesIn(area: Box): Shape[] {
    const near = this.#editor.document?.index.within(area) ?? [];
    return near.filter((shape) => shape.id !== this.without && this.#editor.isVisible(shape));
  }

  *#truth(ctx: CanvasRenderingContext2D, shapes: readonly Shape[], { zoom }: Camera): Generator<void, void, void> {
    const outlines = new Map<number, Geometry[]>();
    // They enclose nothing that could be filled.
    const lines = new Map<number, Geometry[]>();
    let drawn = 0;
    for (const { geometry, class_id } of shapes) {
      if (geometry.kind === "mask") {
        this.#bitmaps.draw(ctx, geometry, this.#palette.color(class_id));
        if (++drawn % 8 === 0) yield;
      } else {
        const list = (geometry.kind === "polyline" ? lines : outlines).get(class_id);
        if (list) list.push(geometry);
        else (geometry.kind === "polyline" ? lines : outlines).set(class_id, [geometry]);
      }
    }
    // One path for each class and chunk: 1,000 shapes in two strokes instead of 1,000.
    for (const [classId, list] of [...outlines, ...lines]) {
      for (let first = 0; first < list.length; first += chunk) {
        const some = list.slice(first, first + chunk);
        ctx.beginPath();
        for (const geometry of some) trace(ctx, geometry, 1 / zoom);
        const few = shapes.length <= haloMax;
        paintPath(ctx, this.#palette, this.#palette.color(classId), zoom, {
          fill: few && some[0]!.kind !== "polyline" ? 0.09 : 0, halo: few, width: few ? 2 : 1.25,
        });
        for (const geometry of some) paintKeypoints(ctx, geometry, this.#palette.color(classId), zoom, this.#palette.skeleton(classId));
        yield;
      }
    }
  }

  #name(ctx: CanvasRenderingContext2D, { geometry, class_id }: Shape, camera: Camera): void {
    if (Math.max(geometry.box[2], geometry.box[3]) * camera.zoom < 20) return;
    const place = tagPlace(geometry.box, -camera.y / camera.zoom, camera.zoom);
    tag(ctx, this.#palette, place, this.#palette.name(class_id), this.#palette.color(class_id), camera.zoom);
  }

  *#predictions(ctx: CanvasRenderingContext2D, overlay: Overlay, found: readonly number[], { zoom }: Camera): Generator<void, void, void> {
    const byClass = new Map<number, number[]>();
    for (const place of found) {
      const classId = overlay.classIds[place]!;
      const mask = overlay.masks?.[place];
      if (mask) {
        ctx.globalAlpha = 0.6;
        this.#bitmaps.draw(ctx, mask, this.#palette.color(classId));
        ctx.globalAlpha = 1;
        yield;
      }
      const list = byClass.get(classId);
      if (list) list.push(place);
      else byClass.set(classId, [place]);
    }
    for (const [classId, list] of byClass) {
      ctx.beginPath();
      for (const place of list) ctx.rect(...boxAt(overlay, place));
      paintPath(ctx, this.#palette, this.#palette.color(classId), zoom, { dashed: true, width: 2, halo: found.length <= haloMax });
      yield;
    }
  }

  #score(ctx: CanvasRenderingContext2D, place: number, { zoom }: Camera): void {
    const { overlay } = this.overlay;
    if (!overlay) return;
    const [x, y, , h] = boxAt(overlay, place);
    const classId = overlay.classIds[place]!;
    const text = `${this.#palette.name(classId)} ${Math.round(overlay.scores[place]! * 100)}%`;
    // Below the box, so that a prediction's label does not hide the ground truth's.
    tag(ctx, this.#palette, { x, y: y + h + 17 / zoom }, text, this.#palette.color(classId), zoom);
  }
}

function boxAt({ boxes }: Overlay, place: number): Box {
  return [boxes[4 * place]!, boxes[4 * place + 1]!, boxes[4 * place + 2]!, boxes[4 * place + 3]!];
}

/** The places of the predictions that are sure enough and touch the area. */
function predictionsIn(overlay: Overlay, area: Box, confidence: number): number[] {
  const found: number[] = [];
  for (let place = 0; place < overlay.count; place++) {
    if (overlay.scores[place]! < confidence) continue;
    const [x, y, w, h] = boxAt(overlay, place);
    if (x + w >= area[0] && y + h >= area[1] && x <= area[0] + area[2] && y <= area[1] + area[3]) found.push(place);
  }
  return found;
}
