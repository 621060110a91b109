// The editor: one image's document, the camera, the selection, and the tool that events go to. No DOM, no kernel.
import { toImage } from "./camera";
import { type EditorEvent, type Pointer, reach } from "./events";
import { type Point, type Size, clampShift } from "./geometry";
import { HitIndex } from "./hit";
import { History } from "./history";
import { kindOf } from "./kinds";
import { type Geometry, type LabelInfo, type Shape, newShape, same } from "./records";
import { ShapeStore } from "./store";
import { makeTools } from "./tools";
import type { SamTool } from "./tools/sam";
import type { Preview, Prompts, Tool, ToolName, Workbench } from "./tools/tool";
import { Viewport } from "./viewport";

/** What changed, for those who draw it. */
export type Aspect = "document" | "shapes" | "preview" | "camera" | "selection" | "visibility" | "tool" | "class";

/** One image's shapes with their history. It outlives the image's turn on the canvas, so that undo does too. */
export class EditorDocument {
  readonly store = new ShapeStore();
  readonly history = new History(this.store);
  readonly index = new HitIndex(this.store);
  readonly hidden = new Set<string>();

  constructor(
    readonly imageId: number,
    readonly size: Size,
  ) {}
}

export interface EditorOptions {
  /** Makes a shape's id, a UUID. */
  readonly newId: () => string;
  /** Told what the SAM tool asks; null takes the question back. */
  readonly onPrompt?: (prompts: Prompts | null) => void;
}

export interface PointerOptions {
  readonly button?: Pointer["button"];
  readonly shift?: boolean;
  readonly ctrl?: boolean;
  readonly alt?: boolean;
  readonly pressure?: number;
}

export class Editor implements Workbench {
  document: EditorDocument | null = null;
  readonly viewport = new Viewport(() => this.#tell("camera"));
  selectedId: string | null = null;
  hoveredId: string | null = null;
  classId = 0;
  readOnly = false;
  truthShown = true;
  #drawn: ToolName = "box";
  #panFrom: Point | null = null;
  #listeners = new Set<(aspect: Aspect) => void>();
  #unlisten = (): void => undefined;
  #options: EditorOptions;
  #tools = makeTools(this);
  readonly sam: SamTool = this.#tools.sam;
  tool: Tool = this.#tools.select;
  /** What each class asks of its shapes, by its id. */
  labels: ReadonlyMap<number, Pick<LabelInfo, "keypoints" | "attributes">> = new Map();

  constructor(options: EditorOptions) {
    this.#options = options;
  }

  on(listener: (aspect: Aspect) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(...aspects: Aspect[]): void {
    for (const aspect of aspects) for (const listener of this.#listeners) listener(aspect);
  }

  /** Where the editor stands, as a path: "box.dragging". */
  get state(): string {
    return this.#panFrom ? "hand.dragging" : `${this.tool.name}.${this.tool.state.kind}`;
  }

  // The document ------------------------------------------------------------------------------------------------

  open(document: EditorDocument | null): void {
    this.tool.handle({ type: "cancel" });
    this.#unlisten();
    this.document = document;
    this.selectedId = this.hoveredId = null;
    if (document) this.#unlisten = document.store.listen(() => this.#afterChange());
    if (document) this.viewport.look(document.size);
    this.#tell("document", "shapes", "selection", "preview");
  }

  #afterChange(): void {
    if (this.selectedId && !this.document?.store.get(this.selectedId)) this.select(null);
    this.#tell("shapes", "preview");
  }

  get size(): Size {
    return this.document?.size ?? { w: 1, h: 1 };
  }

  get zoom(): number {
    return this.viewport.camera.zoom;
  }

  get selected(): Shape | null {
    return (this.selectedId && this.document?.store.get(this.selectedId)) || null;
  }

  get keypointNames(): readonly string[] {
    return this.labels.get(this.classId)?.keypoints ?? [];
  }

  isVisible(shape: Shape): boolean {
    return this.truthShown && !this.document?.hidden.has(shape.id);
  }

  hit(at: Point): Shape | null {
    return this.document?.index.at(at, reach / this.zoom, (shape) => this.isVisible(shape)) ?? null;
  }

  select(id: string | null): void {
    if (id === this.selectedId) return;
    this.selectedId = id;
    this.#tell("selection", "preview");
  }

  hover(id: string | null): void {
    if (id === this.hoveredId) return;
    this.hoveredId = id;
    this.#tell("preview");
  }

  put(shape: Shape): void {
    this.document?.store.change("local", (draft) => draft.put(shape));
  }

  create(geometry: Geometry, stay = false, select = !stay): void {
    if (this.readOnly || !this.document) return;
    const shape = { ...newShape(this.#options.newId(), this.classId, geometry), attributes: this.#defaults() };
    this.truthShown = true;
    this.put(shape);
    if (!stay) this.use("select");
    if (select) this.select(shape.id);
  }

  #defaults(): Record<string, unknown> {
    const asked = this.labels.get(this.classId)?.attributes ?? [];
    return Object.fromEntries(asked.flatMap((one) => (one.default === null ? [] : [[one.name, one.default]])));
  }

  /** Set an attribute of a shape; undefined takes it away. */
  describe(id: string, name: string, value: unknown): void {
    const shape = this.document?.store.get(id);
    if (!shape || this.readOnly) return;
    const attributes = { ...shape.attributes, [name]: value };
    if (value === undefined) delete attributes[name];
    if (!same(attributes, shape.attributes)) this.put({ ...shape, attributes });
  }

  /** Say that the selected shape is partly hidden by something, or no longer. */
  toggleOccluded(): boolean {
    const shape = this.selected;
    if (shape) this.describe(shape.id, "occluded", shape.attributes["occluded"] === true ? undefined : true);
    return shape !== null;
  }

  prompt(prompts: Prompts | null): void {
    this.#options.onPrompt?.(prompts);
  }

  /** The mask that answers the SAM tool's latest prompts. */
  answer(mask: Parameters<SamTool["answer"]>[0]): void {
    this.sam.answer(mask);
    this.#tell("preview", "tool");
  }

  // What keys and buttons ask -----------------------------------------------------------------------------------

  use(name: ToolName): void {
    if (name !== "select") {
      if (this.readOnly) return;
      this.#drawn = name;
      // The brush goes on with the mask that is selected.
      if (!((name === "brush" || name === "eraser") && this.selected?.geometry.kind === "mask")) this.select(null);
    }
    if (this.tool.name !== name) this.tool.handle({ type: "cancel" });
    this.tool = this.#tools[name];
    this.hover(null);
    this.#tell("tool", "preview");
  }

  /** N: finish what is being drawn, or draw once more with the tool used last. */
  again(): void {
    if (!this.dispatch({ type: "accept" })) this.use(this.#drawn);
  }

  setClass(id: number): void {
    this.classId = id;
    const shape = this.selected;
    if (shape && shape.class_id !== id && !this.readOnly) this.put({ ...shape, class_id: id });
    this.#tell("class", "preview");
  }

  remove(id: string | null = this.selectedId): void {
    if (!id || this.readOnly) return;
    this.dispatch({ type: "cancel" });
    this.document?.store.change("local", (draft) => draft.remove(id));
  }

  undo(): void {
    // While drawing, undo takes back a point, as every drawing program does.
    if (!this.dispatch({ type: "back" })) this.#reselect(this.document?.history.undo() ?? null);
  }

  redo(): void {
    this.#reselect(this.document?.history.redo() ?? null);
  }

  #reselect(ids: string[] | null): void {
    const id = ids?.find((one) => this.document?.store.get(one));
    if (id && this.tool.name === "select") this.select(id);
  }

  /** The brush and the eraser, larger or smaller; false while neither is in hand. */
  resizeBrush(larger: boolean): boolean {
    const { name } = this.tool;
    if (name !== "brush" && name !== "eraser") return false;
    this.#tools[name].resize(larger);
    this.#tell("preview", "tool");
    return true;
  }

  toggleHidden(id: string): void {
    const hidden = this.document?.hidden;
    if (hidden && !hidden.delete(id)) hidden.add(id);
    this.#tell("visibility", "preview");
  }

  showTruth(shown: boolean): void {
    this.truthShown = shown;
    this.#tell("visibility", "preview");
  }

  /** Select the shape `step` places on from the selected one, in drawing order. */
  selectBeside(step: 1 | -1): void {
    const ids = [...(this.document?.store.all() ?? [])].filter((shape) => this.isVisible(shape)).map((shape) => shape.id);
    const place = this.selectedId ? ids.indexOf(this.selectedId) : step > 0 ? -1 : 0;
    const id = ids.at((place + step) % (ids.length || 1));
    if (id) this.pick(id);
  }

  /** Select a shape from a list, and bring it into view. */
  pick(id: string): void {
    this.use("select");
    this.select(id);
    if (this.selected) this.viewport.reveal(this.selected.geometry.box);
  }

  nudge(by: Point): boolean {
    const shape = this.selected;
    if (!shape || this.readOnly) return false;
    const moved = kindOf(shape.geometry).translate(shape.geometry, clampShift(shape.geometry.box, by, this.size));
    if (moved !== shape.geometry) this.put({ ...shape, geometry: moved });
    return true;
  }

  // Events ------------------------------------------------------------------------------------------------------

  dispatch(event: EditorEvent): boolean {
    if (!this.document) return false;
    const before = this.tool.state;
    const meant = this.tool.handle(event);
    if (this.tool.state !== before) this.#tell("preview", "tool");
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
      this.#tell("tool");
    } else this.dispatch(this.#pointer("up", screen, options));
  }

  doubleClick(screen: Point, options: PointerOptions = {}): void {
    if (!this.dispatch(this.#pointer("double", screen, options))) this.viewport.fit();
  }

  #pointer(type: "down" | "move" | "up" | "double", screen: Point, options: PointerOptions): EditorEvent {
    const { button = "left", shift = false, ctrl = false, alt = false, pressure = 1 } = options;
    return { type, at: toImage(this.viewport.camera, screen), screen, button, shift, ctrl, alt, pressure };
  }

  get preview(): Preview | null {
    return this.tool.preview();
  }
}
