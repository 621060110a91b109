// Draw a polygon, a polyline or points, or a cut through what is selected, or a hole in it: click one after another; end with a double-click, Enter or N.
import { type EditorEvent, reach } from "../events";
import { type Point, clampPoint, distance, partArea, polygon } from "../geometry";
import { polyline, runOf } from "../kinds/paths";
import { points } from "../kinds/points";
import type { Geometry } from "../records";
import { newShape } from "../records";
import type { Preview, Tool, ToolName, Workbench } from "./tool";

type State =
  | { readonly kind: "idle"; readonly at: Point | null }
  | { readonly kind: "drawing"; readonly points: readonly Point[]; readonly to: Point | null; readonly closing: boolean };

interface Way {
  readonly name: ToolName;
  /** A click at the first corner closes it. */
  readonly closes: boolean;
  /** The geometry of these points; null while they are too few, or enclose nothing. */
  make(points: readonly Point[]): Geometry | null;
  /** What is done with the finished path, if not a shape of it. */
  done?(bench: Workbench, points: readonly Point[]): void;
  readonly begin: string;
  readonly more: string;
  readonly end: string;
}

const ways = {
  polygon: {
    name: "polygon",
    closes: true,
    make(points) {
      const part = runOf(points);
      return points.length >= 3 && partArea(part) >= 1 ? polygon([part]) : null;
    },
    begin: "Click the corners of the object one after another",
    more: "Click the next corner · Backspace takes one back · Esc to drop",
    end: "Click the first corner, double-click or press Enter to close · Backspace takes one back",
  },
  polyline: {
    name: "polyline",
    closes: false,
    make: (points) => (points.length >= 2 ? polyline([runOf(points)]) : null),
    begin: "Click along the line, corner after corner",
    more: "Click the next corner · Backspace takes one back · Esc to drop",
    end: "Double-click or press Enter to end · Backspace takes one back",
  },
  slice: {
    name: "slice",
    closes: false,
    make: (points) => (points.length >= 2 ? polyline([runOf(points)]) : null),
    done: (bench, points) => bench.slice(points),
    begin: "Click on one side of the shape, then on the other; the line goes on straight beyond its ends",
    more: "Click beyond the shape · Backspace takes one back · Esc to drop",
    end: "Double-click or press Enter to cut · Backspace takes one back",
  },
  hole: {
    name: "hole",
    closes: true,
    make(points) {
      const part = runOf(points);
      return points.length >= 3 && partArea(part) >= 1 ? polygon([part]) : null;
    },
    done: (bench, points) => bench.punch(points),
    begin: "Click the corners of the hole one after another, in the shape that is selected",
    more: "Click the next corner · Backspace takes one back · Esc to drop",
    end: "Click the first corner, double-click or press Enter to cut it out · Backspace takes one back",
  },
  points: {
    name: "points",
    closes: false,
    make: (places) => (places.length ? points(places.map((p) => [Math.round(p.x * 100) / 100, Math.round(p.y * 100) / 100])) : null),
    begin: "Click each point; Enter ends",
    more: "Click the next point · Enter ends · Backspace takes one back",
    end: "Click the next point · Enter ends · Backspace takes one back",
  },
} as const satisfies Record<string, Way>;

const none: ReadonlySet<string> = new Set();

export class PathTool implements Tool {
  readonly name: ToolName;
  state: State = { kind: "idle", at: null };
  #bench: Workbench;
  #way: Way;

  constructor(bench: Workbench, way: keyof typeof ways) {
    this.#bench = bench;
    this.#way = ways[way];
    this.name = this.#way.name;
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
    return this.#way.closes && points.length >= 3 && distance(points[0]!, at) * this.#bench.zoom <= reach;
  }

  #back(points: readonly Point[]): boolean {
    const left = points.slice(0, -1);
    const to = this.state.kind === "drawing" ? this.state.to : null;
    this.state = left.length ? { kind: "drawing", points: left, to, closing: false } : { kind: "idle", at: to };
    return true;
  }

  #finish(points: readonly Point[]): boolean {
    const geometry = this.#way.make(points);
    // Too little to be one: keep drawing.
    if (!geometry) return true;
    this.state = { kind: "idle", at: null };
    if (this.#way.done) this.#way.done(this.#bench, points);
    else this.#bench.create(geometry);
    return true;
  }

  snapsBesides(): ReadonlySet<string> | null {
    return this.name === "slice" ? null : none;
  }

  preview(): Preview | null {
    const state = this.state;
    if (state.kind === "idle") return state.at && { kind: "cross", at: state.at };
    if (this.#way.closes) return { kind: "path", points: state.points, to: state.to, closing: state.closing };
    if (this.#way.done) return { kind: "cut", line: state.to ? [...state.points, state.to] : state.points };
    const geometry = this.#way.make(this.name === "polyline" && state.to ? [...state.points, state.to] : state.points);
    return geometry && { kind: "shape", shape: newShape("", this.#bench.classId, geometry), grip: null };
  }

  hint(): string {
    if (this.state.kind === "idle") return this.#way.begin;
    return this.#way.make(this.state.points) ? this.#way.end : this.#way.more;
  }

  cursor(): string {
    return this.state.kind === "drawing" && this.state.closing ? "pointer" : "crosshair";
  }
}
