// Draw a polygon: click its corners; close it at the first, with a double-click, Enter or N.
import { type EditorEvent, reach } from "../events";
import { type Point, clampPoint, distance, partArea, polygon, rounded } from "../geometry";
import type { Preview, Tool, Workbench } from "./tool";

type State =
  | { readonly kind: "idle"; readonly at: Point | null }
  | { readonly kind: "drawing"; readonly points: readonly Point[]; readonly to: Point | null; readonly closing: boolean };

export class PolygonTool implements Tool {
  readonly name = "polygon";
  state: State = { kind: "idle", at: null };
  #bench: Workbench;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  handle(event: EditorEvent): boolean {
    const state = this.state;
    switch (event.type) {
      case "down": {
        if (event.button === "right") return state.kind === "drawing" && this.#back(state.points);
        if (event.button !== "left") return false;
        const at = clampPoint(event.at, this.#bench.size);
        if (state.kind === "idle") this.state = { kind: "drawing", points: [at], to: at, closing: false };
        else if (this.#closes(state.points, at)) return this.#finish(state.points);
        else if (distance(state.points.at(-1)!, at) * this.#bench.zoom > 1) {
          this.state = { kind: "drawing", points: [...state.points, at], to: at, closing: false };
        }
        return true;
      }
      case "move": {
        const at = clampPoint(event.at, this.#bench.size);
        this.state =
          state.kind === "idle"
            ? { kind: "idle", at }
            : { kind: "drawing", points: state.points, to: at, closing: this.#closes(state.points, at) };
        return true;
      }
      case "up":
        return true;
      case "double":
      case "accept":
        return state.kind === "drawing" && this.#finish(state.points);
      case "back":
        return state.kind === "drawing" && this.#back(state.points);
      case "cancel":
        if (state.kind === "idle") return false;
        this.state = { kind: "idle", at: state.to };
        return true;
      case "leave":
        this.state = state.kind === "idle" ? { kind: "idle", at: null } : { ...state, to: null };
        return false;
    }
  }

  #closes(points: readonly Point[], at: Point): boolean {
    return points.length >= 3 && distance(points[0]!, at) * this.#bench.zoom <= reach;
  }

  #back(points: readonly Point[]): boolean {
    const left = points.slice(0, -1);
    const to = this.state.kind === "drawing" ? this.state.to : null;
    this.state = left.length ? { kind: "drawing", points: left, to, closing: false } : { kind: "idle", at: to };
    return true;
  }

  #finish(points: readonly Point[]): boolean {
    const part = points.flatMap((p) => [rounded(p.x), rounded(p.y)]);
    // Two corners, or three on a line, enclose nothing: keep drawing.
    if (points.length < 3 || partArea(part) < 1) return true;
    this.state = { kind: "idle", at: null };
    this.#bench.create(polygon([part]));
    return true;
  }

  preview(): Preview | null {
    const state = this.state;
    if (state.kind === "idle") return state.at && { kind: "cross", at: state.at };
    return { kind: "path", points: state.points, to: state.to, closing: state.closing };
  }

  hint(): string {
    if (this.state.kind === "idle") return "Click the corners of the object one after another";
    if (this.state.points.length < 3) return "Click the next corner · Backspace takes one back · Esc to drop";
    return "Click the first corner, double-click or press Enter to close · Backspace takes one back";
  }

  cursor(): string {
    return this.state.kind === "drawing" && this.state.closing ? "pointer" : "crosshair";
  }
}
