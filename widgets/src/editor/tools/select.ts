// Select, move, resize, and edit vertices.
import { type EditorEvent, type Pointer, dragStart, reach } from "../events";
import {
  type Handle, type Point, type VertexHit, clampPoint, clampShift, distance, handleAt, nearestEdge, partArea, polygon,
  resizeBox, rounded, translate, vertexAt, vertexOf, withVertex,
} from "../geometry";
import { touches } from "../hit";
import { type Geometry, type Shape, same } from "../records";
import type { Preview, Tool, Workbench } from "./tool";

type State =
  | { readonly kind: "idle"; readonly cursor: string }
  /** Pressed on a shape; a move makes it a drag, a release selects what lies under it. */
  | { readonly kind: "pointing"; readonly shape: Shape; readonly from: Point; readonly screen: Point }
  | { readonly kind: "dragging"; readonly shape: Shape; readonly from: Point; readonly now: Shape }
  | { readonly kind: "resizing"; readonly shape: Shape; readonly handle: Handle; readonly now: Shape }
  | { readonly kind: "vertex"; readonly shape: Shape; readonly hit: VertexHit; readonly now: Shape };

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
      if (grip && "handle" in grip) {
        this.state = { kind: "resizing", shape: selected, handle: grip.handle, now: selected };
        return true;
      }
      if (grip) {
        if (event.alt && !grip.insert) return this.#removeVertex(selected, grip.hit);
        this.#grabVertex(selected, grip.hit, grip.insert);
        return true;
      }
      // A drag moves the selected shape even where a smaller one lies on it; a click selects the smaller.
      if (touches(selected.geometry, event.at, reach / this.#bench.zoom)) return this.#point(selected, event);
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
        if (state.shape.geometry.kind === "mask" || this.#bench.readOnly) return true;
        this.#drag(state.shape, state.from, event.at);
        return true;
      case "dragging":
        this.#drag(state.shape, state.from, event.at);
        return true;
      case "resizing": {
        const box = resizeBox(state.shape.geometry.box, state.handle, event.at, this.#bench.size);
        if (box[2] >= 1 && box[3] >= 1) this.state = { ...state, now: { ...state.shape, geometry: { kind: "box", box } } };
        return true;
      }
      case "vertex": {
        const to = clampPoint(event.at, this.#bench.size);
        this.state = { ...state, now: { ...state.now, geometry: movedVertex(state.now.geometry, state.hit, to) } };
        return true;
      }
    }
  }

  #drag(shape: Shape, from: Point, at: Point): void {
    const shift = clampShift(shape.geometry.box, { x: at.x - from.x, y: at.y - from.y }, this.#bench.size);
    this.state = { kind: "dragging", shape, from, now: { ...shape, geometry: translate(shape.geometry, shift) } };
  }

  #hover(at: Point): void {
    const selected = this.#bench.selected;
    const grip = selected && !this.#bench.readOnly ? this.#grip(selected, at) : null;
    const under = this.#bench.hit(at);
    this.#bench.hover(grip ? null : (under?.id ?? null));
    const movable = under && under.id === selected?.id && under.geometry.kind !== "mask" && !this.#bench.readOnly;
    const cursor = grip
      ? "handle" in grip ? resizeCursor(grip.handle) : grip.insert ? "copy" : "grab"
      : movable ? "move" : under ? "pointer" : "default";
    this.state = { kind: "idle", cursor };
  }

  /** What of the selected shape's handles lies under the pointer. */
  #grip(shape: Shape, at: Point): { handle: Handle } | { hit: VertexHit; insert: boolean } | null {
    const near = reach / this.#bench.zoom;
    const { geometry } = shape;
    if (geometry.kind === "box") {
      const handle = handleAt(geometry.box, at, near);
      return handle && { handle };
    }
    const parts = partsOf(geometry);
    const hit = vertexAt(parts, at, near);
    if (hit) return { hit, insert: false };
    if (geometry.kind !== "polygon") return null;
    const edge = nearestEdge(parts, at);
    if (!edge) return null;
    const part = parts[edge.part]!;
    const a = vertexOf(part, edge.vertex);
    const b = vertexOf(part, (edge.vertex + 1) % (part.length / 2));
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    return distance(middle, at) < near ? { hit: edge, insert: true } : null;
  }

  #grabVertex(shape: Shape, hit: VertexHit, insert: boolean, at?: Point): void {
    if (!insert || shape.geometry.kind !== "polygon") {
      this.state = { kind: "vertex", shape, hit, now: shape };
      return;
    }
    const part = shape.geometry.parts[hit.part]!;
    const a = vertexOf(part, hit.vertex);
    const b = vertexOf(part, (hit.vertex + 1) % (part.length / 2));
    const to = at ?? { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    const geometry = polygon(withVertex(shape.geometry.parts, hit, to, true), shape.geometry.holes);
    this.state = {
      kind: "vertex", shape, hit: { part: hit.part, vertex: hit.vertex + 1 }, now: { ...shape, geometry },
    };
  }

  #removeVertex(shape: Shape, hit: VertexHit): boolean {
    if (shape.geometry.kind !== "polygon") return true;
    const part = shape.geometry.parts[hit.part]!;
    // A polygon needs three corners; delete the shape itself instead.
    if (part.length <= 6) return true;
    this.#bench.put({ ...shape, geometry: polygon(withVertex(shape.geometry.parts, hit, null), shape.geometry.holes) });
    return true;
  }

  #double(event: Pointer): boolean {
    const selected = this.#bench.selected;
    if (!selected || selected.geometry.kind !== "polygon" || this.#bench.readOnly) return this.#bench.hit(event.at) !== null;
    const edge = nearestEdge(selected.geometry.parts, event.at);
    if (!edge || edge.away * this.#bench.zoom > reach) return true;
    if (vertexAt(selected.geometry.parts, event.at, reach / this.#bench.zoom)) return true;
    this.#bench.put({ ...selected, geometry: polygon(withVertex(selected.geometry.parts, edge, edge.at, true), selected.geometry.holes) });
    return true;
  }

  preview(): Preview | null {
    const state = this.state;
    if (state.kind === "idle" || state.kind === "pointing") return null;
    return { kind: "shape", shape: state.now, vertex: state.kind === "vertex" ? state.hit : null };
  }

  hint(): string {
    const selected = this.#bench.selected;
    if (this.state.kind !== "idle" && this.state.kind !== "pointing") return "Release to keep · Esc to undo the move";
    if (!selected) return "Click a shape to select it · B box, P polygon, S segment · N draws again";
    switch (selected.geometry.kind) {
      case "box":
        return "Drag to move, handles to resize · 1–9 class · Del deletes · N draws again";
      case "polygon":
        return "Drag corners; drag a midpoint or double-click an edge to add one · Alt-click removes one · Del deletes";
      case "rotated":
      case "ellipse":
      case "polyline":
      case "points":
        return "Drag to move · 1–9 class · Del deletes";
      case "mask":
        return "1–9 class · Del deletes · S segments the next object";
      case "keypoints":
        return "Drag a point to move it · 1–9 class · Del deletes";
    }
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
        return resizeCursor(this.state.handle);
      case "vertex":
        return "grabbing";
    }
  }
}

/** Vertices by part, keypoints as one part. Unlabelled keypoints are out of reach. */
function partsOf(geometry: Geometry): readonly (readonly number[])[] {
  if (geometry.kind === "polygon") return geometry.parts;
  if (geometry.kind === "keypoints") return [geometry.points.flatMap(([x, y, v]) => (v ? [x, y] : [NaN, NaN]))];
  return [];
}

function movedVertex(geometry: Geometry, hit: VertexHit, to: Point): Geometry {
  if (geometry.kind === "polygon") {
    const moved = polygon(withVertex(geometry.parts, hit, to), geometry.holes);
    return moved.kind === "polygon" && partArea(moved.parts[hit.part]!) > 0 ? moved : geometry;
  }
  if (geometry.kind !== "keypoints") return geometry;
  const points = geometry.points.map((p, i): [number, number, number] =>
    i === hit.vertex ? [rounded(to.x), rounded(to.y), p[2]] : p,
  );
  return { ...geometry, points };
}

function resizeCursor(handle: Handle): string {
  return { nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize", n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize" }[handle];
}
