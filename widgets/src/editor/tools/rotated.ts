// Draw a rotated box: one side by a drag or two clicks, then its depth by a third.
import { type EditorEvent, dragStart } from "../events";
import { type Point, clampPoint, distance } from "../geometry";
import { rotated, turnedOf } from "../kinds/turned";
import { newShape } from "../records";
import type { Preview, Tool, Workbench } from "./tool";

type State =
  | { readonly kind: "idle"; readonly at: Point | null }
  /** The side begins here. `dragging`: the button is still down, and has moved. */
  | { readonly kind: "side"; readonly from: Point; readonly to: Point; readonly screen: Point; readonly dragging: boolean }
  | { readonly kind: "depth"; readonly from: Point; readonly to: Point; readonly at: Point };

/** The rectangle on the side from `a` to `b`, as deep as `p` is far from it. */
function rectangle(a: Point, b: Point, p: Point): ReturnType<typeof turnedOf> {
  const side = distance(a, b);
  const angle = Math.atan2(b.y - a.y, b.x - a.x);
  // Positive on the right of the side as one goes along it.
  const depth = (p.y - a.y) * Math.cos(angle) - (p.x - a.x) * Math.sin(angle);
  const center = {
    x: (a.x + b.x) / 2 - (depth / 2) * Math.sin(angle),
    y: (a.y + b.y) / 2 + (depth / 2) * Math.cos(angle),
  };
  return turnedOf(center, side, Math.abs(depth), angle);
}

const none: ReadonlySet<string> = new Set();

export class RotatedTool implements Tool {
  readonly name = "rotated";
  state: State = { kind: "idle", at: null };
  #bench: Workbench;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  handle(event: EditorEvent): boolean {
    const state = this.state;
    switch (event.type) {
      case "down": {
        if (event.button === "right") return state.kind !== "idle" && this.#reset();
        if (event.button !== "left") return false;
        const at = clampPoint(event.at, this.#bench.size);
        if (state.kind === "idle") this.state = { kind: "side", from: at, to: at, screen: event.screen, dragging: false };
        else if (state.kind === "side") this.#turn(state.from, at);
        else return this.#finish(state.from, state.to, at);
        return true;
      }
      case "move": {
        const at = clampPoint(event.at, this.#bench.size);
        if (state.kind === "idle") this.state = { kind: "idle", at };
        else if (state.kind === "side") {
          this.state = { ...state, to: at, dragging: state.dragging || distance(event.screen, state.screen) >= dragStart };
        } else this.state = { ...state, at };
        return true;
      }
      case "up":
        // A drag ends the side with the button; after a click the next click does.
        if (state.kind === "side" && state.dragging) this.#turn(state.from, clampPoint(event.at, this.#bench.size));
        else if (state.kind === "side") this.state = { ...state, screen: { x: -1e9, y: -1e9 }, dragging: false };
        return true;
      case "accept":
        return state.kind === "depth" && this.#finish(state.from, state.to, state.at);
      case "cancel":
      case "back":
        return state.kind !== "idle" && this.#reset();
      case "leave":
        if (state.kind === "idle") this.state = { kind: "idle", at: null };
        return false;
      case "double":
        return true;
    }
  }

  #turn(from: Point, to: Point): void {
    if (distance(from, to) >= 1) this.state = { kind: "depth", from, to, at: to };
  }

  #finish(from: Point, to: Point, at: Point): boolean {
    const turned = rectangle(from, to, at);
    if (Math.min(...turned.size) < 1) return true;
    this.#reset();
    this.#bench.create(rotated(turned));
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
    if (state.kind === "side") return { kind: "path", points: [state.from], to: state.to, closing: false };
    const geometry = rotated(rectangle(state.from, state.to, state.at));
    return { kind: "shape", shape: newShape("", this.#bench.classId, geometry), grip: null };
  }

  hint(): string {
    switch (this.state.kind) {
      case "idle":
        return "Drag along one side of the object, or click its two ends";
      case "side":
        return "The other end of this side · Esc to drop";
      case "depth":
        return "Click the opposite side · Esc to drop";
    }
  }

  cursor(): string {
    return "crosshair";
  }
}
