// Paint masks: a stroke adds to the selected mask, or begins one; the eraser takes away.
import { type Dab, brushed, wiped } from "../brushing";
import type { EditorEvent, Pointer } from "../events";
import type { Point } from "../geometry";
import type { MaskGeometry, Shape } from "../records";
import type { Preview, Tool, Workbench } from "./tool";

type State =
  | { readonly kind: "idle"; readonly at: Point | null }
  | { readonly kind: "stroking"; readonly dabs: readonly Dab[]; readonly wipes: boolean };

/** In image pixels. */
const least = 0.5;
const most = 2000;
/** How much one press of [ or ] changes the size. */
const step = 1.25;

export class BrushTool implements Tool {
  state: State = { kind: "idle", at: null };
  /** Of the brush, in image pixels; both tools share it. */
  static #radius = 12;
  #bench: Workbench;

  constructor(bench: Workbench, readonly name: "brush" | "eraser") {
    this.#bench = bench;
  }

  /** Larger or smaller by one step. */
  resize(larger: boolean): void {
    BrushTool.#radius = Math.min(Math.max(BrushTool.#radius * (larger ? step : 1 / step), least), most);
    this.state = { ...this.state };
  }

  handle(event: EditorEvent): boolean {
    const state = this.state;
    switch (event.type) {
      case "down":
        if (event.button === "middle") return false;
        // The right button does the other tool's work.
        this.state = { kind: "stroking", dabs: [this.#dab(event)], wipes: (this.name === "eraser") !== (event.button === "right") };
        return true;
      case "move":
        if (state.kind === "idle") this.state = { kind: "idle", at: event.at };
        else this.state = { ...state, dabs: [...state.dabs, this.#dab(event)] };
        return true;
      case "up":
        if (state.kind === "stroking") this.#finish(state.dabs, state.wipes, event.at);
        return true;
      case "cancel":
        if (state.kind === "idle") return false;
        this.state = { kind: "idle", at: state.dabs.at(-1)! };
        return true;
      case "accept":
        if (state.kind === "stroking" || !this.#bench.selected) return false;
        // A new object begins with nothing selected.
        this.#bench.select(null);
        return true;
      case "leave":
        if (state.kind === "idle") this.state = { kind: "idle", at: null };
        return false;
      case "back":
        return false;
      case "double":
        return true;
    }
  }

  #dab({ at, pressure }: Pointer): Dab {
    return { x: at.x, y: at.y, radius: Math.max(BrushTool.#radius * pressure, least) };
  }

  #finish(dabs: readonly Dab[], wipes: boolean, at: Point): void {
    this.state = { kind: "idle", at };
    const selected = this.#bench.editable.at(-1) ?? null;
    const mask = selected?.geometry.kind === "mask" ? selected.geometry : null;
    if (!wipes) return this.#keep(selected, mask, brushed(mask, dabs, this.#bench.size));
    // The eraser works on the selected mask, else on the first that it meets.
    const under = mask ? selected : (dabs.map((dab) => this.#bench.hit(dab)).find((shape) => shape?.geometry.kind === "mask") ?? null);
    if (under?.geometry.kind === "mask") this.#keep(under, under.geometry, wiped(under.geometry, dabs, this.#bench.size));
  }

  #keep(shape: Shape | null, before: MaskGeometry | null, after: MaskGeometry | null): void {
    if (!before || !shape) {
      if (after) this.#bench.create(after, true, true);
    } else if (!after) this.#bench.remove(shape.id);
    else if (after.counts !== before.counts) this.#bench.put({ ...shape, geometry: after });
  }

  preview(): Preview | null {
    const state = this.state;
    if (state.kind === "stroking") return { kind: "stroke", dabs: state.dabs, wipes: state.wipes };
    return state.at && { kind: "stroke", dabs: [{ ...state.at, radius: BrushTool.#radius }], wipes: this.name === "eraser" };
  }

  hint(): string {
    const size = `[ and ] change its size (${Math.round(2 * BrushTool.#radius)} px)`;
    if (this.state.kind === "stroking") return "Release to keep · Esc to drop";
    if (this.name === "eraser") return `Drag over a mask to take away · ${size}`;
    return this.#bench.editable.at(-1)?.geometry.kind === "mask"
      ? `Drag to add to this mask · right button takes away · Enter begins another · ${size}`
      : `Drag over the object · right button takes away · ${size}`;
  }

  cursor(): string {
    return "none";
  }
}
