// Select one or several, move, resize, and edit vertices.
import { shiftedTogether } from "../arranging";
import { type EditorEvent, type Pointer, dragStart, reach } from "../events";
import { type Point, boxFromCorners, clampShift, distance } from "../geometry";
import { type Grip, kindOf, moves } from "../kinds";
import { type Shape, same } from "../records";
import type { Preview, Tool, Workbench } from "./tool";

type State =
  | { readonly kind: "idle"; readonly cursor: string }
  /** Pressed on a shape; a move makes it a drag, a release selects what lies under it: but not out of the group that this press chose. */
  | { readonly kind: "pointing"; readonly shape: Shape; readonly from: Point; readonly screen: Point; readonly group: boolean }
  | { readonly kind: "dragging"; readonly shape: Shape; readonly from: Point; readonly now: Shape }
  | { readonly kind: "moving"; readonly shapes: readonly Shape[]; readonly ids: ReadonlySet<string>; readonly from: Point; readonly now: readonly Shape[] }
  /** A drag over nothing; `kept` is what was selected and stays so. */
  | { readonly kind: "banding"; readonly from: Point; readonly to: Point; readonly screen: Point; readonly kept: readonly string[] }
  | { readonly kind: "resizing" | "vertex"; readonly shape: Shape; readonly grip: Grip; readonly now: Shape };

const idle: State = { kind: "idle", cursor: "default" };

export class SelectTool implements Tool {
  readonly name = "select";
  state: State = idle;
  #bench: Workbench;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  handle(event: EditorEvent): boolean {
    const state = this.state;
    switch (event.type) {
      case "down":
        return event.button === "left" && this.#down(event);
      case "move":
        return this.#move(event);
      case "up":
        this.state = idle;
        this.#finish(state, event);
        return true;
      case "double":
        return this.#double(event);
      case "cancel":
        if (state.kind !== "idle") this.state = idle;
        else if (this.#bench.selectedIds.length) this.#bench.select(null);
        else return false;
        return true;
      case "leave":
        this.#bench.hover(null);
        return false;
      case "accept":
      case "back":
        return false;
    }
  }

  #finish(state: State, event: Pointer): void {
    switch (state.kind) {
      case "idle":
        return;
      case "pointing":
        return state.group ? undefined : this.#release(this.#bench.hit(event.at) ?? state.shape);
      case "moving":
        return this.#bench.putAll(state.now);
      case "banding":
        if (distance(state.screen, event.screen) < dragStart) return state.kept.length ? undefined : this.#bench.clickedNothing(event.at);
        return this.#bench.selectAll([...state.kept, ...this.#bench.inside(boxFromCorners(state.from, event.at)).map(({ id }) => id)]);
      case "dragging":
      case "resizing":
      case "vertex":
        if (!same(state.now.geometry, state.shape.geometry)) this.#bench.put(state.now);
    }
  }

  #down(event: Pointer): boolean {
    const selected = this.#alone();
    const grip = selected && this.#grip(selected, event.at);
    // Before anything that Shift means: it also holds a turn to steps.
    if (selected && grip) {
      if (event.alt && grip.look === "vertex") return this.#alter(selected, grip);
      const kind = grip.look === "vertex" || grip.look === "middle" ? "vertex" : "resizing";
      this.state = { kind, shape: selected, grip, now: selected };
      return true;
    }
    if (event.shift || event.ctrl) return this.#choose(event);
    if (this.#bench.selectedIds.length > 1) {
      const grabbed = this.#bench.hit(event.at);
      if (grabbed && this.#bench.selectedIds.includes(grabbed.id)) return this.#point(grabbed, event);
    }
    if (selected) {
      // A drag moves the selected shape even where a smaller one lies on it; a click selects the smaller.
      if (kindOf(selected.geometry).touches(selected.geometry, event.at, reach / this.#bench.zoom)) return this.#point(selected, event);
    }
    const shape = this.#bench.hit(event.at);
    const chosen = shape ? this.#bench.fellows(shape) : [];
    this.#bench.selectAll(chosen);
    return shape ? this.#point(shape, event, chosen.length > 1) : this.#band(event, []);
  }

  /** With Shift or Ctrl a click takes one more into the selection, or out of it, and a drag over anything all inside. */
  #choose(event: Pointer): boolean {
    const shape = this.#bench.hit(event.at);
    if (shape) this.#bench.toggleAll(this.#bench.fellows(shape));
    return this.#band(event, this.#bench.selectedIds);
  }

  #band(event: Pointer, kept: readonly string[]): boolean {
    this.state = { kind: "banding", from: event.at, to: event.at, screen: event.screen, kept };
    return true;
  }

  #point(shape: Shape, event: Pointer, group = false): boolean {
    this.state = { kind: "pointing", shape, from: event.at, screen: event.screen, group };
    return true;
  }

  /** A click on one of a group that is selected already means that one; on any other, its group. */
  #release(shape: Shape): void {
    const { selectedIds } = this.#bench;
    if (selectedIds.includes(shape.id)) this.#bench.select(shape.id);
    else this.#bench.selectAll(this.#bench.fellows(shape));
  }

  #move(event: Pointer): boolean {
    const state = this.state;
    switch (state.kind) {
      case "idle":
        this.#hover(event.at);
        return true;
      case "pointing":
        if (distance(event.screen, state.screen) < dragStart) return true;
        if (this.#bench.selectedIds.length > 1) {
          const shapes = this.#bench.editable;
          this.#shift(shapes, new Set(shapes.map(({ id }) => id)), state.from, event.at);
        } else if (moves(state.shape.geometry) && this.#bench.editable.length) this.#drag(state.shape, state.from, event.at);
        return true;
      case "moving":
        this.#shift(state.shapes, state.ids, state.from, event.at);
        return true;
      case "banding":
        this.state = { ...state, to: event.at };
        return true;
      case "dragging":
        this.#drag(state.shape, state.from, event.at);
        return true;
      case "resizing":
      case "vertex": {
        const { geometry } = state.shape;
        const now = kindOf(geometry).dragged(geometry, state.grip.id, event.at, this.#bench.size, event.shift);
        // What would leave nothing stays as it was a moment ago.
        if (now !== geometry) this.state = { ...state, now: { ...state.shape, geometry: now } };
        return true;
      }
    }
  }

  #drag(shape: Shape, from: Point, at: Point): void {
    const shift = clampShift(shape.geometry.box, { x: at.x - from.x, y: at.y - from.y }, this.#bench.size);
    this.state = { kind: "dragging", shape, from, now: { ...shape, geometry: kindOf(shape.geometry).translate(shape.geometry, shift) } };
  }

  #shift(shapes: readonly Shape[], ids: ReadonlySet<string>, from: Point, at: Point): void {
    const now = shiftedTogether(shapes, { x: at.x - from.x, y: at.y - from.y }, this.#bench.size);
    this.state = { kind: "moving", shapes, ids, from, now };
  }

  #hover(at: Point): void {
    const selected = this.#alone();
    const grip = selected ? this.#grip(selected, at) : null;
    const under = this.#bench.hit(at);
    this.#bench.hover(grip ? null : (under?.id ?? null));
    const movable = under && this.#bench.selectedIds.includes(under.id) && moves(under.geometry) && !this.#bench.readOnly;
    this.state = { kind: "idle", cursor: grip ? grip.cursor : movable ? "move" : under ? "pointer" : "default" };
  }

  /** The one shape that is selected, where it may be changed: only then are there grips. */
  #alone(): Shape | null {
    return this.#bench.selectedIds.length === 1 ? (this.#bench.editable[0] ?? null) : null;
  }

  /** The grip of the selected shape under the pointer; of two as near, the one that is drawn last. */
  #grip(shape: Shape, at: Point): Grip | null {
    const unit = 1 / this.#bench.zoom;
    let best: Grip | null = null;
    let nearest = reach * unit;
    for (const grip of kindOf(shape.geometry).grips(shape.geometry, unit)) {
      // Corners go before edges, and vertices before the middles between them.
      const away = distance(grip.at, at) + (grip.look === "edge" || grip.look === "middle" ? 1e-6 : 0);
      if (away > nearest || (away === nearest && !best)) continue;
      nearest = away;
      best = grip;
    }
    return best;
  }

  #alter(shape: Shape, grip: Grip): boolean {
    const geometry = kindOf(shape.geometry).altered?.(shape.geometry, grip.id);
    if (geometry) this.#bench.put({ ...shape, geometry });
    return true;
  }

  #double(event: Pointer): boolean {
    const selected = this.#alone();
    const split = selected ? kindOf(selected.geometry).split : undefined;
    if (!selected || !split) return this.#bench.hit(event.at) !== null;
    const geometry = split(selected.geometry, event.at, reach / this.#bench.zoom);
    if (geometry) this.#bench.put({ ...selected, geometry });
    return true;
  }

  snapsBesides(): ReadonlySet<string> | null {
    const state = this.state;
    return state.kind === "resizing" || state.kind === "vertex" ? new Set([state.shape.id]) : null;
  }

  preview(): Preview | null {
    const state = this.state;
    if (state.kind === "idle" || state.kind === "pointing") return null;
    if (state.kind === "moving") return state.now.length ? { kind: "shapes", shapes: state.now, ids: state.ids } : null;
    if (state.kind === "banding") return { kind: "band", box: boxFromCorners(state.from, state.to) };
    return { kind: "shape", shape: state.now, grip: state.kind === "dragging" ? null : state.grip.id };
  }

  hint(): string {
    const selected = this.#bench.selected;
    const several = this.#bench.selectedIds.length;
    if (this.state.kind === "banding") return "Release to select what lies inside";
    if (this.state.kind !== "idle" && this.state.kind !== "pointing") return "Release to keep · Esc to undo the move";
    if (several > 1) return `${several.toLocaleString("en")} selected · drag moves them · Shift-click takes one out · 1–9 class · Del deletes`;
    if (!selected) return "Click a shape to select it, drag over nothing for several · B box, P polygon, S segment · N draws again";
    return kindOf(selected.geometry).hint;
  }

  cursor(): string {
    switch (this.state.kind) {
      case "idle":
        return this.state.cursor;
      case "pointing":
        return "default";
      case "dragging":
      case "moving":
        return "move";
      case "banding":
        return "crosshair";
      case "resizing":
        return this.state.grip.cursor === "grab" ? "grabbing" : this.state.grip.cursor;
      case "vertex":
        return "grabbing";
    }
  }
}
