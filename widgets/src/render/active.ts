// The layer above everything: the selected and hovered shape, and what the tool is drawing.
import { type Camera, visible } from "../editor/camera";
import type { Editor } from "../editor/editor";
import { type Box, type Size, hull } from "../editor/geometry";
import type { Geometry, MaskGeometry, Shape } from "../editor/records";
import type { Preview } from "../editor/tools/tool";
import type { MaskBitmaps } from "./bitmaps";
import { type Look, plain } from "./look";
import { aim, lineWidth, paintCross, paintGrips, paintKeypoints, paintPath, paintPrompt, paintSnap, paintStroke, tag, tagPlace, trace } from "./paint";
import type { Palette } from "./palette";
import { paintRulers } from "./rulers";

/** So many shapes are lifted one by one; of more, the frame around them says enough. */
const lifted = 300;

/** A prediction brought forward. */
export interface Focused {
  readonly box: Box;
  readonly mask: MaskGeometry | null;
  readonly color: string;
  readonly text: string;
}

export class ActiveLayer {
  #editor: Editor;
  #palette: Palette;
  #bitmaps: MaskBitmaps;
  look: Look = plain;
  /** The prediction that a person looks at. */
  focus: Focused | null = null;
  /** What somebody else made of a shape that was changed here too. */
  ghosts: readonly Shape[] = [];

  constructor(editor: Editor, palette: Palette, bitmaps: MaskBitmaps) {
    this.#editor = editor;
    this.#palette = palette;
    this.#bitmaps = bitmaps;
  }

  draw(ctx: CanvasRenderingContext2D, view: Size, dpr: number): void {
    const { camera } = this.#editor.viewport;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
    aim(ctx, camera, dpr);
    const preview = this.#editor.preview;
    for (const ghost of this.ghosts) this.#ghost(ctx, ghost.geometry, camera);
    if (this.focus) this.#focus(ctx, this.focus, camera);
    const hovered = this.#editor.hoveredId ? this.#editor.document?.store.get(this.#editor.hoveredId) : undefined;
    if (hovered && !this.#editor.selectedIds.includes(hovered.id) && this.#editor.isVisible(hovered)) this.#lift(ctx, hovered, camera);
    if (preview?.kind !== "shapes") this.#selection(ctx, preview?.kind === "shape" ? preview.shape.id : null, camera);
    if (preview) this.#preview(ctx, preview, camera, view);
    if (this.#editor.snappedTo) paintSnap(ctx, this.#editor.snappedTo, camera.zoom);
    const at = this.#editor.pointerAt;
    if (this.look.crosshair && at && preview?.kind !== "cross") paintCross(ctx, at, visible(camera, view), camera.zoom);
    if (this.look.rulers) paintRulers(ctx, camera, view, dpr, at);
  }

  #selection(ctx: CanvasRenderingContext2D, without: string | null, camera: Camera): void {
    const shapes = this.#editor.selection.filter((shape) => shape.id !== without && this.#editor.isVisible(shape));
    this.#several(ctx, shapes, camera);
    const [only] = shapes.length === 1 ? this.#editor.editable : [];
    if (only && only === shapes[0]) paintGrips(ctx, only.geometry, this.#palette.colorOf(only), camera.zoom, null);
  }

  #several(ctx: CanvasRenderingContext2D, shapes: readonly Shape[], camera: Camera): void {
    for (const shape of shapes.slice(0, lifted)) this.#lift(ctx, shape, camera, shapes.length === 1);
    if (shapes.length < 2) return;
    ctx.beginPath();
    ctx.rect(...hull(shapes.map(({ geometry }) => geometry.box)));
    paintPath(ctx, this.#palette, "#ffffff", camera.zoom, { dashed: true, width: 1 });
  }

  /** A shape brought forward: brighter, with its name. */
  #lift(ctx: CanvasRenderingContext2D, shape: Shape, camera: Camera, named = true): void {
    const { zoom } = camera;
    const color = this.#palette.colorOf(shape);
    const { geometry } = shape;
    if (geometry.kind === "mask") {
      this.#bitmaps.draw(ctx, geometry, color);
      ctx.setLineDash([4 / zoom, 3 / zoom]);
      ctx.lineWidth = 1 / zoom;
      ctx.strokeStyle = "#fff";
      ctx.strokeRect(...geometry.box);
      ctx.setLineDash([]);
    } else {
      ctx.beginPath();
      trace(ctx, geometry);
      paintPath(ctx, this.#palette, color, zoom, { fill: geometry.kind === "polyline" ? 0 : 0.22, width: lineWidth + 0.5 });
      paintKeypoints(ctx, geometry, color, zoom, this.#palette.skeleton(shape.class_id));
    }
    if (named) tag(ctx, this.#palette, tagPlace(geometry.box, -camera.y / zoom, zoom), this.#palette.title(shape), color, zoom);
  }

  #focus(ctx: CanvasRenderingContext2D, { box, mask, color, text }: Focused, { zoom }: Camera): void {
    if (mask) this.#bitmaps.draw(ctx, mask, color);
    for (const [ink, width] of [["#ffffff", 6], [color, 3]] as const) {
      ctx.beginPath();
      ctx.rect(...box);
      paintPath(ctx, this.#palette, ink, zoom, { width, halo: false, fill: ink === color && !mask ? 0.18 : 0 });
    }
    // Where the layer below says as much, in fewer words.
    tag(ctx, this.#palette, { x: box[0], y: box[1] + box[3] + 17 / zoom }, text, color, zoom);
  }

  #ghost(ctx: CanvasRenderingContext2D, geometry: Geometry, camera: Camera): void {
    ctx.beginPath();
    trace(ctx, geometry);
    paintPath(ctx, this.#palette, "#ffffff", camera.zoom, { dashed: true, width: 1.5 });
    tag(ctx, this.#palette, { x: geometry.box[0], y: geometry.box[1] }, "theirs", "#ffffff", camera.zoom);
  }

  #proposals(ctx: CanvasRenderingContext2D, { proposals, chosen, band }: Extract<Preview, { kind: "proposals" }>, camera: Camera): void {
    const { zoom } = camera;
    for (const { number, mask, classId } of proposals) {
      const color = classId === null ? this.#palette.instance(number) : this.#palette.color(classId);
      // While some are chosen, the others stand back.
      ctx.globalAlpha = chosen.size && !chosen.has(number) ? 0.45 : 0.9;
      this.#bitmaps.draw(ctx, mask, color);
      ctx.globalAlpha = 1;
      if (classId !== null) tag(ctx, this.#palette, tagPlace(mask.window, -camera.y / zoom, zoom), this.#palette.name(classId), color, zoom);
    }
    for (const { number, mask } of proposals) {
      if (!chosen.has(number)) continue;
      ctx.beginPath();
      ctx.rect(...mask.window);
      paintPath(ctx, this.#palette, "#ffffff", zoom, { dashed: true, width: 1.5 });
    }
    if (!band) return;
    ctx.beginPath();
    ctx.rect(...band);
    paintPath(ctx, this.#palette, "#ffffff", zoom, { fill: 0.12, dashed: true, width: 1 });
  }

  #preview(ctx: CanvasRenderingContext2D, preview: Preview, camera: Camera, view: Size): void {
    const { zoom } = camera;
    const color = this.#palette.color(this.#editor.classId);
    switch (preview.kind) {
      case "cross":
        paintCross(ctx, preview.at, visible(camera, view), zoom);
        return;
      case "shape": {
        const { shape, grip } = preview;
        const own = this.#palette.colorOf(shape);
        ctx.beginPath();
        trace(ctx, shape.geometry);
        paintPath(ctx, this.#palette, own, zoom, { fill: shape.geometry.kind === "polyline" ? 0 : 0.14 });
        paintKeypoints(ctx, shape.geometry, own, zoom, this.#palette.skeleton(shape.class_id));
        if (shape.id) paintGrips(ctx, shape.geometry, own, zoom, grip);
        const [x, y, w, h] = shape.geometry.box;
        const size = `${Math.round(w)} × ${Math.round(h)}`;
        tag(ctx, this.#palette, tagPlace([x, y, w, h], -camera.y / zoom, zoom), `${this.#palette.name(shape.class_id)}  ${size}`, own, zoom);
        return;
      }
      case "shapes":
        return this.#several(ctx, preview.shapes, camera);
      case "band":
        ctx.beginPath();
        ctx.rect(...preview.box);
        paintPath(ctx, this.#palette, "#ffffff", zoom, { fill: 0.12, dashed: true, width: 1 });
        return;
      case "proposals":
        return this.#proposals(ctx, preview, camera);
      case "stroke":
        paintStroke(ctx, preview.dabs, preview.wipes ? "#ffffff" : color, zoom);
        return;
      case "cut":
        ctx.beginPath();
        preview.line.forEach((p, n) => (n ? ctx.lineTo(p.x, p.y) : ctx.moveTo(p.x, p.y)));
        paintPath(ctx, this.#palette, "#ffffff", zoom, { dash: [5, 3], width: 2 });
        return;
      case "path": {
        const all = preview.to ? [...preview.points, preview.to] : preview.points;
        ctx.beginPath();
        all.forEach((p, i) => (i ? ctx.lineTo(p.x, p.y) : ctx.moveTo(p.x, p.y)));
        ctx.fillStyle = this.#palette.rgba(color, 0.14);
        ctx.fill("evenodd");
        paintPath(ctx, this.#palette, color, zoom);
        preview.points.forEach((p, i) => {
          const first = i === 0 && preview.points.length > 2;
          ctx.beginPath();
          ctx.arc(p.x, p.y, (first ? (preview.closing ? 8 : 6) : 4) / zoom, 0, 2 * Math.PI);
          ctx.fillStyle = first && preview.closing ? color : "#fff";
          ctx.fill();
          ctx.lineWidth = 2 / zoom;
          ctx.strokeStyle = first && preview.closing ? "#fff" : color;
          ctx.stroke();
        });
        return;
      }
      case "prompts": {
        for (const { mask, classId } of preview.kept) {
          const own = this.#palette.color(classId);
          this.#bitmaps.draw(ctx, mask, own);
          if (mask.bytes.length) tag(ctx, this.#palette, tagPlace(mask.window, -camera.y / zoom, zoom), `${this.#palette.name(classId)} ✓`, own, zoom);
        }
        if (preview.glimpse) {
          ctx.globalAlpha = 0.8;
          this.#bitmaps.draw(ctx, preview.glimpse.cells, color, preview.glimpse.box);
          ctx.globalAlpha = 1;
        }
        if (preview.mask) {
          ctx.globalAlpha = preview.waiting ? 0.6 : 1;
          this.#bitmaps.draw(ctx, preview.mask, color);
          ctx.globalAlpha = 1;
        }
        if (preview.prompts.box) {
          ctx.beginPath();
          ctx.rect(...preview.prompts.box);
          paintPath(ctx, this.#palette, color, zoom, { dashed: true });
        }
        preview.prompts.points.forEach((p, i) => paintPrompt(ctx, p, preview.prompts.labels[i] === 1, zoom));
        return;
      }
    }
  }
}
