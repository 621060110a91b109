// Three canvases on top of each other and one frame loop that draws only what changed.
import type { Editor } from "../editor/editor";
import type { Shape } from "../editor/records";
import type { Aspect } from "../editor/selecting";
import { ActiveLayer, type Focused } from "./active";
import { MaskBitmaps } from "./bitmaps";
import { type Look, altersPicture, filterOf, plain } from "./look";
import type { OverlayView } from "./overlay";
import { aim } from "./paint";
import type { Palette } from "./palette";
import type { Standing } from "./verdicts";
import { StaticLayer } from "./statics";
import { TileSet } from "./tiles";

/** A camera at rest for this long gets a sharp raster; until then the last one is scaled. */
const settleMs = 90;
/** What one frame may spend on rastering shapes and still make 60 a second. */
const budgetMs = 7;

const stepsKept = 1000;

const noShapes: ReadonlySet<string> = new Set();

function equal(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a === b || (a.size === b.size && [...a].every((id) => b.has(id)));
}

const layerNames = ["image", "statics", "active"] as const;
type LayerName = (typeof layerNames)[number];

const svg = "http://www.w3.org/2000/svg";

/** An empty SVG filter beside the canvases, under a name of its own. */
function newFilter(beside: HTMLElement): SVGFilterElement {
  const holder = document.createElementNS(svg, "svg");
  holder.setAttribute("width", "0");
  holder.setAttribute("height", "0");
  holder.setAttribute("aria-hidden", "true");
  const filter = document.createElementNS(svg, "filter");
  filter.id = `evalnb-look-${crypto.randomUUID()}`;
  filter.setAttribute("color-interpolation-filters", "sRGB");
  holder.append(filter);
  beside.append(holder);
  return filter;
}

export class Stage {
  readonly element: HTMLDivElement;
  #editor: Editor;
  #contexts: Record<LayerName, CanvasRenderingContext2D>;
  #palette: Palette;
  #bitmaps: MaskBitmaps;
  #filter: SVGFilterElement;
  #statics: StaticLayer;
  #active: ActiveLayer;
  #image: ImageBitmap | TileSet | null = null;
  #dirty = new Set<LayerName>(layerNames);
  /** The shapes changed: the sheet is out of date even where it covers the view. */
  #stale = true;
  #movedAt = 0;
  #frame = 0;
  #dpr = 1;
  /** How long the last steps of rastering took, ms: for whoever measures. */
  readonly steps: number[] = [];
  readonly #soon = new MessageChannel();
  #observer: ResizeObserver;
  #off: () => void;

  constructor(editor: Editor, palette: Palette) {
    this.#editor = editor;
    this.#palette = palette;
    this.#bitmaps = new MaskBitmaps(palette);
    this.#statics = new StaticLayer(editor, palette, this.#bitmaps);
    this.#active = new ActiveLayer(editor, palette, this.#bitmaps);
    this.element = document.createElement("div");
    this.element.className = "evalnb-stage";
    this.#filter = newFilter(this.element);
    const layer = (name: LayerName): CanvasRenderingContext2D => {
      const canvas = document.createElement("canvas");
      canvas.dataset["layer"] = name;
      this.element.append(canvas);
      return canvas.getContext("2d")!;
    };
    this.#contexts = { image: layer("image"), statics: layer("statics"), active: layer("active") };
    this.#soon.port1.onmessage = () => this.#goOn();
    this.#off = editor.on((aspect) => this.#changed(aspect));
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(this.element);
  }

  /** Whether what is shown is sharp and whole: no sheet is under way, and none is due. */
  get settled(): boolean {
    const { camera, view } = this.#editor.viewport;
    const whole = !(this.#image instanceof TileSet) || this.#image.settled;
    return whole && !this.#dirty.size && !this.#stale && !this.#statics.working && this.#statics.fits(camera, view);
  }

  dispose(): void {
    this.#off();
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#soon.port1.close();
  }

  set image(image: ImageBitmap | TileSet | null) {
    this.#image = image;
    this.#mark("image");
  }

  /** Tiles came, or are seen otherwise. */
  freshen(): void {
    this.#mark("image");
  }

  set overlay(view: OverlayView) {
    this.#statics.overlay = view;
    this.#stale = true;
    this.#mark("statics");
  }

  /** The prediction that a person looks at. */
  set focus(focus: Focused | null) {
    this.#active.focus = focus;
    this.#mark("active");
  }

  /** What the judged run made of each shape. */
  set standings(standings: ReadonlyMap<string, Standing>) {
    this.#palette.standings = standings;
    if (this.#palette.by === "match") this.repaint();
  }

  set look(look: Look) {
    const { image, statics } = this.#contexts;
    const was = this.#statics.look;
    // The browser does these to canvases as they are.
    this.#filter.innerHTML = filterOf(look);
    image.canvas.style.filter = altersPicture(look) ? `url(#${this.#filter.id})` : "";
    statics.canvas.style.opacity = String(look.labels);
    this.#palette.by = look.colorBy;
    this.#bitmaps.fill = look.fill / plain.fill;
    this.#statics.look = this.#active.look = look;
    if (was.fill !== look.fill || was.colorBy !== look.colorBy || was.names !== look.names) this.repaint();
    else this.#mark("active");
  }

  set ghosts(shapes: readonly Shape[]) {
    this.#active.ghosts = shapes;
    this.#mark("active");
  }

  /** Colours or names changed. */
  repaint(): void {
    this.#stale = true;
    this.#mark(...layerNames);
  }

  #changed(aspect: Aspect): void {
    switch (aspect) {
      case "document":
        this.#statics.clear();
        this.#stale = true;
        return this.#mark(...layerNames);
      case "shapes":
      case "visibility":
        this.#stale = true;
        return this.#mark("statics", "active");
      case "camera":
        this.#movedAt = performance.now();
        return this.#mark(...layerNames);
      case "preview":
      case "selection":
      case "class":
        return this.#mark("active");
      case "tool":
        this.element.style.cursor = this.#editor.tool.cursor();
        return;
    }
  }

  #mark(...layers: LayerName[]): void {
    for (const layer of layers) this.#dirty.add(layer);
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #resize(): void {
    const { clientWidth: w, clientHeight: h } = this.element;
    if (!w || !h) return;
    this.#fitCanvases(w, h);
    this.#statics.clear();
    this.#stale = true;
    this.#editor.viewport.resize({ w, h });
    // A resized canvas is blank until drawn: drawing now spares a flicker.
    cancelAnimationFrame(this.#frame);
    this.#draw();
  }

  #fitCanvases(w: number, h: number): void {
    this.#dpr = window.devicePixelRatio || 1;
    for (const { canvas } of Object.values(this.#contexts)) {
      const [width, height] = [Math.round(w * this.#dpr), Math.round(h * this.#dpr)];
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
    }
    for (const name of layerNames) this.#dirty.add(name);
  }

  #draw(): void {
    this.#frame = 0;
    const { camera, view } = this.#editor.viewport;
    if (!view.w) return;
    if ((window.devicePixelRatio || 1) !== this.#dpr) {
      this.#fitCanvases(view.w, view.h);
      this.#stale = true;
    }
    const preview = this.#editor.preview;
    const without = preview?.kind === "shapes" ? preview.ids : preview?.kind === "shape" && preview.shape.id ? new Set([preview.shape.id]) : noShapes;
    if (!equal(without, this.#statics.without)) {
      this.#statics.without = without;
      this.#stale = true;
    }
    if (this.#dirty.has("image")) this.#drawImage();
    this.#tendStatics();
    if (this.#dirty.has("statics")) {
      const ctx = this.#contexts.statics;
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
      this.#statics.blit(ctx, camera);
    }
    if (this.#dirty.has("active")) this.#active.draw(this.#contexts.active, view, this.#dpr);
    this.#dirty.clear();
    this.element.toggleAttribute("data-settled", this.settled);
    if (this.#statics.working || this.#stale || !this.#statics.fits(camera, view)) {
      this.#frame = requestAnimationFrame(() => this.#draw());
      if (this.#statics.working) this.#soon.port2.postMessage(null);
    }
  }

  /** A step more before the next frame, where neither the hand nor the camera needs the time. */
  #goOn(): void {
    if (!this.#statics.working || performance.now() - this.#movedAt < settleMs || this.#editor.preview) return;
    this.#step();
    if (this.#statics.working) this.#soon.port2.postMessage(null);
  }

  #step(): void {
    const start = performance.now();
    if (this.#statics.step(budgetMs)) this.#mark("statics");
    this.steps.push(performance.now() - start);
    if (this.steps.length > stepsKept) this.steps.shift();
  }

  #tendStatics(): void {
    const { camera, view } = this.#editor.viewport;
    const settled = performance.now() - this.#movedAt > settleMs;
    const due = this.#stale || (!this.#statics.fits(camera, view) && (settled || !this.#statics.covers(camera, view)));
    if (due && (this.#stale || !this.#statics.working)) {
      this.#statics.begin(camera, view, this.#dpr);
      this.#stale = false;
    }
    if (this.#statics.working) this.#step();
  }

  #drawImage(): void {
    const ctx = this.#contexts.image;
    const { size, viewport: { camera, view }, document } = this.#editor;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
    aim(ctx, camera, this.#dpr);
    if (!this.#image) {
      // Where the image will be: shapes that came first have something to lie on.
      ctx.fillStyle = "rgba(128,136,150,0.22)";
      if (document) ctx.fillRect(0, 0, size.w, size.h);
      return;
    }
    if (this.#image instanceof TileSet) return this.#image.draw(ctx, camera, view, this.#dpr);
    // Above 3 : 1 the person looks at pixels, and they must have edges.
    ctx.imageSmoothingEnabled = camera.zoom < 3;
    ctx.imageSmoothingQuality = "medium";
    ctx.drawImage(this.#image, 0, 0, size.w, size.h);
  }
}
