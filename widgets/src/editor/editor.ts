// The editor: one image's document, the camera, the selection, and the tool that events go to. No DOM, no kernel.
import { shiftedTogether } from "./arranging";
import { defaultsOf, described, occluded } from "./attributes";
import { toImage } from "./camera";
import { type EditorEvent, type Pointer, reach } from "./events";
import { type Point, type Size, hull } from "./geometry";
import { shapesOf } from "./making";
import { type Geometry, type LabelInfo, type Shape, alone, keyed, newShape } from "./records";
import { type EditorDocument, Selecting } from "./selecting";
import { pierced, sliced } from "./ops/combine";
import { snapped } from "./snapping";
import { makeTools } from "./tools";
import type { SamTool } from "./tools/sam";
import type { Answer, Peek, Question } from "./prompted";
import type { Made, Preview, Tool, ToolName, Workbench } from "./tools/tool";
import { Viewport } from "./viewport";

export interface EditorOptions {
  /** Makes a shape's id, a UUID. */
  readonly newId: () => string;
  /** Told why something could not be done. */
  readonly onRemark?: (text: string) => void;
  /** Told of a click that meant no shape. */
  readonly onNothing?: (at: Point) => void;
  /** Told what the SAM tool asks of an object; null takes the question back, and without a number every one. */
  readonly onPrompt?: (object: number | null, question: Question | null) => void;
  /** Told where the SAM tool would like to know what a click means; null: nowhere any more. */
  readonly onPeek?: (at: Peek | null) => void;
  /** Told that nobody wants what is found, or looked for, in the whole image. */
  readonly onSweepEnded?: () => void;
}

export interface PointerOptions {
  readonly button?: Pointer["button"];
  readonly shift?: boolean;
  readonly ctrl?: boolean;
  readonly alt?: boolean;
  readonly pressure?: number;
}

export class Editor extends Selecting implements Workbench {
  readonly viewport = new Viewport(() => this.tell("camera"));
  classId = 0;
  #drawn: ToolName = "box";
  #panFrom: Point | null = null;
  /** Whether points are drawn to corners, edges and borders near them. */
  snapping = false;
  /** What the pointer is drawn to just now. */
  snappedTo: Point | null = null;
  /** Where the pointer is over the image; null while it is elsewhere. */
  pointerAt: Point | null = null;
  #unlisten = (): void => undefined;
  #options: EditorOptions;
  #tools = makeTools(this);
  readonly sam: SamTool = this.#tools.sam;
  readonly everything = this.#tools.everything;
  tool: Tool = this.#tools.select;
  /** What each class asks of its shapes, by its id. */
  labels: ReadonlyMap<number, Pick<LabelInfo, "keypoints" | "attributes">> = new Map();

  constructor(options: EditorOptions) {
    super();
    this.#options = options;
  }

  /** Where the editor stands, as a path: "box.dragging". */
  get state(): string {
    return this.#panFrom ? "hand.dragging" : `${this.tool.name}.${this.tool.state.kind}`;
  }

  // The document ------------------------------------------------------------------------------------------------

  open(document: EditorDocument | null): void {
    this.sam.end(true);
    this.tool.handle({ type: "cancel" });
    this.#unlisten();
    this.document = document;
    this.selectedIds = [];
    this.hoveredId = null;
    if (document) this.#unlisten = document.store.listen(() => this.#afterChange());
    if (document) this.viewport.look(document.size);
    this.tell("document", "shapes", "selection", "preview");
  }

  #afterChange(): void {
    const living = this.selectedIds.filter((id) => this.document?.store.get(id));
    if (living.length < this.selectedIds.length) this.selectAll(living);
    this.tell("shapes", "preview");
  }

  get size(): Size {
    return this.document?.size ?? { w: 1, h: 1 };
  }

  get zoom(): number {
    return this.viewport.camera.zoom;
  }

  get keypointNames(): readonly string[] {
    return this.labels.get(this.classId)?.keypoints ?? [];
  }

  put(shape: Shape): void {
    this.putAll([shape]);
  }

  /** Store changed or new shapes: one step of undo. */
  putAll(shapes: readonly Shape[]): void {
    const store = this.document?.store;
    if (shapes.length) store?.change("local", (draft) => shapes.forEach((shape) => draft.put(keyed(shape, store.get(shape.id)))));
  }

  /** Store copies of shapes under new ids, and select them. */
  add(shapes: readonly Shape[]): void {
    if (this.readOnly || !this.document || !shapes.length) return;
    const copies = shapes.map((shape) => ({ ...shape, id: this.#options.newId(), rev: 0, deleted: false, track: { ...alone } }));
    this.truthShown = true;
    this.use("select");
    this.putAll(copies);
    this.selectAll(copies.map(({ id }) => id));
  }

  create(geometry: Geometry, stay = false, select = !stay): void {
    if (this.readOnly || !this.document) return;
    const shape = { ...newShape(this.#options.newId(), this.classId, geometry), attributes: this.defaultsOf(this.classId) };
    this.truthShown = true;
    this.put(shape);
    if (!stay) this.use("select");
    if (select) this.select(shape.id);
  }

  /** The attributes that a new shape of the class begins with. */
  defaultsOf(classId: number): Record<string, unknown> {
    return defaultsOf(this.labels.get(classId));
  }

  /** Set an attribute of a shape; undefined takes it away. */
  describe(id: string, name: string, value: unknown): void {
    const shape = this.document?.store.get(id);
    if (shape && !this.readOnly && !this.isLocked(id)) this.putAll(described(shape, name, value));
  }

  /** Say that what is selected is partly hidden by something, or no longer. */
  toggleOccluded(): boolean {
    this.putAll(occluded(this.editable));
    return this.editable.length > 0;
  }

  slice(line: readonly Point[]): void {
    const [a, b] = [line[Math.floor((line.length - 1) / 2)], line[Math.ceil((line.length - 1) / 2)]];
    this.#cut(a && b && { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, "The line cuts nothing in two: draw it across the shape that is selected", (shape) => {
      const sides = sliced(shape.geometry, line, this.size);
      return sides ? [{ ...shape, geometry: sides[0] }, { ...shape, id: this.#options.newId(), rev: 0, track: { ...alone }, geometry: sides[1] }] : [];
    });
  }

  punch(ring: readonly Point[]): void {
    this.#cut(ring[0], "There is nothing to cut out: draw the hole inside the shape that is selected", (shape) => {
      const geometry = pierced(shape.geometry, ring, this.size);
      return geometry ? [{ ...shape, geometry }] : [];
    });
  }

  /** What is selected, or else what lies there, becomes what `make` makes of it, and is selected then. */
  #cut(at: Point | undefined, nothing: string, make: (shape: Shape) => Shape[]): void {
    const under = at && !this.selectedIds.length && !this.readOnly ? this.hit(at) : null;
    const made = (under ? [under] : this.editable).flatMap(make);
    if (!made.length) return this.#options.onRemark?.(nothing);
    this.use("select");
    this.putAll(made);
    this.selectAll(made.map(({ id }) => id));
  }

  clickedNothing(at: Point): void {
    this.#options.onNothing?.(at);
  }

  createAll(made: readonly Made[]): void {
    if (this.readOnly || !this.document) return;
    this.truthShown = true;
    this.putAll(shapesOf(made, { store: this.document.store, classId: this.classId, newId: this.#options.newId, defaultsOf: (id) => this.defaultsOf(id) }));
  }

  prompt(object: number | null, question: Question | null): void {
    this.#options.onPrompt?.(object, question);
  }

  peek(at: Peek | null): void {
    this.#options.onPeek?.(at);
  }

  sweepEnded(): void {
    this.#options.onSweepEnded?.();
  }

  /** The answer to one of the SAM tool's questions; null where it failed. */
  answer(turn: number, answer: Answer | null): void {
    this.sam.answer(turn, answer);
    this.repaint();
  }

  /** The SAM tool changed by itself, not by an event. */
  repaint(): void {
    this.tell("preview", "tool");
  }

  // What keys and buttons ask -----------------------------------------------------------------------------------

  use(name: ToolName): void {
    if (name !== "select") {
      if (this.readOnly) return;
      const cuts = name === "slice" || name === "hole";
      if (!cuts) this.#drawn = name;
      // The brush goes on with the mask that is selected, and the knife cuts what is.
      const goesOn = (name === "brush" || name === "eraser") && this.editable.at(-1)?.geometry.kind === "mask";
      this.sam.offered = name === "sam" ? (this.editable.at(-1)?.id ?? this.sam.offered) : null;
      if (!goesOn && !cuts) this.select(null);
    }
    if (this.tool.name !== name) {
      this.sam.end();
      // What was found in the whole image waits for the hand to come back.
      if (this.tool !== this.everything) this.tool.handle({ type: "cancel" });
    }
    this.tool = this.#tools[name];
    this.hover(null);
    this.tell("tool", "preview");
  }

  /** N: finish what is being drawn, or draw once more with the tool used last. */
  again(): void {
    if (!this.dispatch({ type: "accept" })) this.use(this.#drawn);
  }

  setClass(id: number): void {
    this.classId = id;
    if (this.tool === this.everything && this.everything.classify(id)) return this.tell("class", "preview", "tool");
    this.putAll(this.editable.filter(({ class_id }) => class_id !== id).map((shape) => ({ ...shape, class_id: id })));
    this.tell("class", "preview");
  }

  /** Delete one shape, or without an id what is selected; what is locked stays. */
  remove(id?: string): void {
    const ids = id === undefined ? this.editable.map((shape) => shape.id) : this.readOnly || this.isLocked(id) ? [] : [id];
    if (!ids.length) return;
    this.dispatch({ type: "cancel" });
    this.document?.store.change("local", (draft) => ids.forEach(draft.remove));
  }

  undo(): void {
    // While drawing, undo takes back a point, as every drawing program does.
    if (!this.dispatch({ type: "back" })) this.#reselect(this.document?.history.undo() ?? null);
  }

  redo(): void {
    this.#reselect(this.document?.history.redo() ?? null);
  }

  #reselect(ids: string[] | null): void {
    const living = ids?.filter((one) => this.document?.store.get(one)) ?? [];
    if (living.length && this.tool.name === "select") this.selectAll(living);
  }

  /** The brush and the eraser, larger or smaller; false while neither is in hand. */
  resizeBrush(larger: boolean): boolean {
    const { name } = this.tool;
    if (name !== "brush" && name !== "eraser") return false;
    this.#tools[name].resize(larger);
    this.tell("preview", "tool");
    return true;
  }

  /** Select the shape `step` places on from the selected one, in drawing order. */
  selectBeside(step: 1 | -1): void {
    const ids = [...(this.document?.store.all() ?? [])].filter((shape) => this.isVisible(shape)).map((shape) => shape.id);
    const place = this.selectedId ? ids.indexOf(this.selectedId) : step > 0 ? -1 : 0;
    const id = ids.at((place + step) % (ids.length || 1));
    if (id) this.pick(id);
  }

  zoomToSelection(): boolean {
    const boxes = this.selection.map(({ geometry }) => geometry.box);
    if (boxes.length) this.viewport.frame(hull(boxes));
    return boxes.length > 0;
  }

  /** Select a shape from a list, and bring it into view. */
  pick(id: string): void {
    this.use("select");
    this.select(id);
    if (this.selected) this.viewport.reveal(this.selected.geometry.box);
  }

  nudge(by: Point): boolean {
    const shapes = this.editable;
    this.putAll(shiftedTogether(shapes, by, this.size));
    return shapes.length > 0;
  }

  // Events ------------------------------------------------------------------------------------------------------

  dispatch(event: EditorEvent): boolean {
    if (!this.document) return false;
    if ("at" in event) this.pointerAt = event.at;
    else if (event.type === "leave") this.pointerAt = this.snappedTo = null;
    const before = this.tool.state;
    const meant = this.tool.handle(event);
    if (this.tool.state !== before) this.tell("preview", "tool");
    return meant;
  }

  pointerDown(screen: Point, options: PointerOptions = {}): void {
    if (options.button === "middle") this.#panFrom = screen;
    else this.dispatch(this.#pointer("down", screen, options));
  }

  pointerMove(screen: Point, options: PointerOptions = {}): void {
    if (this.#panFrom) {
      this.viewport.pan({ x: screen.x - this.#panFrom.x, y: screen.y - this.#panFrom.y });
      this.#panFrom = screen;
    } else this.dispatch(this.#pointer("move", screen, options));
  }

  pointerUp(screen: Point, options: PointerOptions = {}): void {
    if (this.#panFrom) {
      this.#panFrom = null;
      this.tell("tool");
    } else this.dispatch(this.#pointer("up", screen, options));
  }

  doubleClick(screen: Point, options: PointerOptions = {}): void {
    if (!this.dispatch(this.#pointer("double", screen, options))) this.viewport.fit();
  }

  #pointer(type: "down" | "move" | "up" | "double", screen: Point, options: PointerOptions): EditorEvent {
    const { button = "left", shift = false, ctrl = false, alt = false, pressure = 1 } = options;
    return { type, at: this.#snapped(toImage(this.viewport.camera, screen), ctrl), screen, button, shift, ctrl, alt, pressure };
  }

  #snapped(at: Point, suspended: boolean): Point {
    const besides = this.snapping && !suspended && this.document ? this.tool.snapsBesides?.() : null;
    const r = reach / this.zoom;
    const near = besides ? this.document!.index.within([at.x - r, at.y - r, 2 * r, 2 * r]).filter((shape) => this.isVisible(shape) && !besides.has(shape.id)) : [];
    this.snappedTo = besides ? snapped(at, r, near, this.size) : null;
    return this.snappedTo ?? at;
  }

  get preview(): Preview | null {
    return this.tool.preview();
  }
}
