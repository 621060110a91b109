// Draw a box, or an ellipse within one: drag its diagonal, or click two corners.
import { type EditorEvent, dragStart } from "../events";
import { type Box, type Point, boxFromCorners, clampPoint, distance } from "../geometry";
import { ellipse } from "../kinds/turned";
import { type Geometry, newShape } from "../records";
import type { Preview, Tool, Workbench } from "./tool";

/** A box thinner than this, in image pixels, is a slip of the hand. */
const thinnest = 1;

type State =
  | { readonly kind: "idle"; readonly at: Point | null }
  | { readonly kind: "pointing"; readonly from: Point; readonly screen: Point }
  | { readonly kind: "dragging"; readonly from: Point; readonly to: Point }
  /** The first corner was clicked; the second click ends the box. */
  | { readonly kind: "anchored"; readonly from: Point; readonly to: Point };

const none: ReadonlySet<string> = new Set();

export class BoxTool implements Tool {
  state: State = { kind: "idle", at: null };
  #bench: Workbench;

  constructor(bench: Workbench, readonly name: "box" | "ellipse") {
    this.#bench = bench;
  }

  #made(box: Box): Geometry {
    const [x, y, w, h] = box;
    return this.name === "box" ? { kind: "box", box } : ellipse({ center: [x + w / 2, y + h / 2], size: [w, h], angle: 0 });
  }

  handle(event: EditorEvent): boolean {
    const state = this.state;
    switch (event.type) {
      case "down": {
        if (event.button === "right" && state.kind !== "idle") return this.#reset();
        if (event.button !== "left") return false;
        const at = clampPoint(event.at, this.#bench.size);
        if (state.kind === "anchored") return this.#finish(state.from, at);
        this.state = { kind: "pointing", from: at, screen: event.screen };
        return true;
      }
      case "move": {
        const at = clampPoint(event.at, this.#bench.size);
        if (state.kind === "idle") this.state = { kind: "idle", at };
        else if (state.kind === "pointing") {
          if (distance(event.screen, state.screen) >= dragStart) this.state = { kind: "dragging", from: state.from, to: at };
        } else this.state = { ...state, to: at };
        return true;
      }
      case "up":
        if (state.kind === "dragging") return this.#finish(state.from, clampPoint(event.at, this.#bench.size));
        if (state.kind === "pointing") this.state = { kind: "anchored", from: state.from, to: state.from };
        return true;
      case "accept":
        return state.kind === "anchored" ? this.#finish(state.from, state.to) : false;
      case "cancel":
      case "back":
        return state.kind === "idle" ? false : this.#reset();
      case "leave":
        if (state.kind === "idle") this.state = { kind: "idle", at: null };
        return false;
      case "double":
        return true;
    }
  }

  #finish(from: Point, to: Point): boolean {
    const box = boxFromCorners(from, to);
    this.#reset();
    if (box[2] >= thinnest && box[3] >= thinnest) this.#bench.create(this.#made(box));
    return true;
  }

  #reset(): boolean {
    this.state = { kind: "idle", at: null };
    return true;
  }

  snapsBesides(): ReadonlySet<string> {
    return none;
  }

  preview(): Preview | null {
    const state = this.state;
    if (state.kind === "idle") return state.at && { kind: "cross", at: state.at };
    const to = state.kind === "pointing" ? state.from : state.to;
    const geometry = this.#made(boxFromCorners(state.from, to));
    return { kind: "shape", shape: newShape("", this.#bench.classId, geometry), grip: null };
  }

  hint(): string {
    switch (this.state.kind) {
      case "idle":
      case "pointing":
        return "Drag from corner to corner, or click two corners";
      case "dragging":
        return "Release to finish · Esc to drop";
      case "anchored":
        return "Click the opposite corner · Esc to drop";
    }
  }

  cursor(): string {
    return "crosshair";
  }
}
