// Select, move, resize, and edit vertices.
import { type EditorEvent, type Pointer, dragStart, reach } from "../events";
import { type Point, clampShift, distance } from "../geometry";
import { type Grip, kindOf, moves } from "../kinds";
import { type Shape, same } from "../records";
import type { Preview, Tool, Workbench } from "./tool";

type State =
  | { readonly kind: "idle"; readonly cursor: string }
  /** Pressed on a shape; a move makes it a drag, a release selects what lies under it. */
  | { readonly kind: "pointing"; readonly shape: Shape; readonly from: Point; readonly screen: Point }
  | { readonly kind: "dragging"; readonly shape: Shape; readonly from: Point; readonly now: Shape }
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
        if (state.kind === "pointing") this.#bench.select(this.#bench.hit(event.at)?.id ?? state.shape.id);
        else if (state.kind !== "idle" && !same(state.now.geometry, state.shape.geometry)) this.#bench.put(state.now);
        this.state = idle;
        return true;
      case "double":
        return this.#double(event);
      case "cancel":
        if (state.kind !== "idle") this.state = idle;
        else if (this.#bench.selected) this.#bench.select(null);
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

  #down(event: Pointer): boolean {
    const selected = this.#bench.selected;
    if (selected && !this.#bench.readOnly) {
      const grip = this.#grip(selected, event.at);
      if (grip && event.alt && grip.look === "vertex") return this.#alter(selected, grip);
      if (grip) {
        const kind = grip.look === "vertex" || grip.look === "middle" ? "vertex" : "resizing";
        this.state = { kind, shape: selected, grip, now: selected };
        return true;
      }
      // A drag moves the selected shape even where a smaller one lies on it; a click selects the smaller.
      if (kindOf(selected.geometry).touches(selected.geometry, event.at, reach / this.#bench.zoom)) return this.#point(selected, event);
    }
    const shape = this.#bench.hit(event.at);
    this.#bench.select(shape?.id ?? null);
    return shape ? this.#point(shape, event) : true;
  }

  #point(shape: Shape, event: Pointer): boolean {
    this.state = { kind: "pointing", shape, from: event.at, screen: event.screen };
    return true;
  }

  #move(event: Pointer): boolean {
    const state = this.state;
    switch (state.kind) {
      case "idle":
        this.#hover(event.at);
        return true;
      case "pointing":
        if (distance(event.screen, state.screen) < dragStart) return true;
        if (!moves(state.shape.geometry) || this.#bench.readOnly) return true;
        this.#drag(state.shape, state.from, event.at);
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

  #hover(at: Point): void {
    const selected = this.#bench.selected;
    const grip = selected && !this.#bench.readOnly ? this.#grip(selected, at) : null;
    const under = this.#bench.hit(at);
    this.#bench.hover(grip ? null : (under?.id ?? null));
    const movable = under && under.id === selected?.id && moves(under.geometry) && !this.#bench.readOnly;
    this.state = { kind: "idle", cursor: grip ? grip.cursor : movable ? "move" : under ? "pointer" : "default" };
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
    const selected = this.#bench.selected;
    const split = selected && !this.#bench.readOnly ? kindOf(selected.geometry).split : undefined;
    if (!selected || !split) return this.#bench.hit(event.at) !== null;
    const geometry = split(selected.geometry, event.at, reach / this.#bench.zoom);
    if (geometry) this.#bench.put({ ...selected, geometry });
    return true;
  }

  preview(): Preview | null {
    const state = this.state;
    if (state.kind === "idle" || state.kind === "pointing") return null;
    return { kind: "shape", shape: state.now, grip: state.kind === "dragging" ? null : state.grip.id };
  }

  hint(): string {
    const selected = this.#bench.selected;
    if (this.state.kind !== "idle" && this.state.kind !== "pointing") return "Release to keep · Esc to undo the move";
    if (!selected) return "Click a shape to select it · B box, P polygon, S segment · N draws again";
    return kindOf(selected.geometry).hint;
  }

  cursor(): string {
    switch (this.state.kind) {
      case "idle":
        return this.state.cursor;
      case "pointing":
        return "default";
      case "dragging":
        return "move";
      case "resizing":
        return this.state.grip.cursor === "grab" ? "grabbing" : this.state.grip.cursor;
      case "vertex":
        return "grabbing";
    }
  }
}
