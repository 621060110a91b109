// Polygons (parts, less holes) and polylines: runs of vertices.
import {
  type Point, type VertexHit, clampPoint, nearestEdge, partArea, partContains, partsBox, polygon, rounded, runShifted, vertexAt, vertexOf,
  withVertex,
} from "../geometry";
import type { PolygonGeometry, PolylineGeometry } from "../../wire.gen";
import type { Grip, Kind } from "./kind";

type Runs = readonly (readonly number[])[];

/** A grip's name: v or m (vertex or middle), the run, the place in it. */
function placeOf(grip: string): VertexHit & { middle: boolean } {
  const [look, part, vertex] = grip.split(":");
  return { middle: look === "m", part: Number(part), vertex: Number(vertex) };
}

/** Vertices, and middles of the edges long enough to have room for one. */
function gripsOf(runs: Runs, closed: boolean, unit: number): Grip[] {
  const found: Grip[] = [];
  runs.forEach((run, part) => {
    const count = run.length / 2;
    for (let v = 0; v < (closed ? count : count - 1); v++) {
      const [a, b] = [vertexOf(run, v), vertexOf(run, (v + 1) % count)];
      // On short edges it would hide the corners themselves.
      if (Math.hypot(b.x - a.x, b.y - a.y) <= 36 * unit) continue;
      found.push({ id: `m:${part}:${v}`, at: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, look: "middle", cursor: "copy" });
    }
    for (let v = 0; v < count; v++) found.push({ id: `v:${part}:${v}`, at: vertexOf(run, v), look: "vertex", cursor: "grab" });
  });
  return found;
}

function moved(runs: Runs, grip: string, to: Point): number[][] {
  const { middle, part, vertex } = placeOf(grip);
  return withVertex(runs, { part, vertex }, to, middle);
}

/** The runs with a vertex on the edge nearest to `p`; null where there is one already, or the edge is too far. */
function splitAt(runs: Runs, closed: boolean, p: Point, reach: number): number[][] | null {
  const edge = nearestEdge(runs, p, closed);
  return edge && edge.away <= reach && !vertexAt(runs, p, reach) ? withVertex(runs, edge, edge.at, true) : null;
}

const all = ({ parts, holes }: PolygonGeometry): Runs => [...parts, ...holes];
const again = (geometry: PolygonGeometry, runs: number[][]): PolygonGeometry =>
  polygon(runs.slice(0, geometry.parts.length), runs.slice(geometry.parts.length));

export const polygonKind: Kind<PolygonGeometry> = {
  touches: (geometry, p, reach) =>
    (geometry.parts.some((part) => partContains(part, p)) && !geometry.holes.some((hole) => partContains(hole, p)))
    || (nearestEdge(all(geometry), p)?.away ?? Infinity) <= reach,
  area: ({ parts, holes }) => Math.max(0, sum(parts.map(partArea)) - sum(holes.map(partArea))),
  translate: ({ parts, holes }, shift) => polygon(parts.map((run) => runShifted(run, shift)), holes.map((run) => runShifted(run, shift))),
  grips: (geometry, unit) => gripsOf(all(geometry), true, unit),
  dragged(geometry, grip, to, size) {
    const now = again(geometry, moved(all(geometry), grip, clampPoint(to, size)));
    return all(now).every((run) => partArea(run) > 0) ? now : geometry;
  },
  altered(geometry, grip) {
    const { middle, part, vertex } = placeOf(grip);
    const runs = all(geometry);
    if (middle) return null;
    // A hole may go whole with its third corner; the last part is deleted with the shape itself.
    if (runs[part]!.length > 6) return again(geometry, withVertex(runs, { part, vertex }, null));
    return part >= geometry.parts.length ? polygon(geometry.parts, geometry.holes.filter((_, n) => n !== part - geometry.parts.length)) : null;
  },
  split(geometry, p, reach) {
    const runs = splitAt(all(geometry), true, p, reach);
    return runs && again(geometry, runs);
  },
  hint: "Drag corners; drag a midpoint or double-click an edge to add one · Alt-click removes one · Del deletes",
};

export function polyline(parts: number[][]): PolylineGeometry {
  return { kind: "polyline", box: partsBox(parts), parts };
}

export const polylineKind: Kind<PolylineGeometry> = {
  touches: ({ parts }, p, reach) => (nearestEdge(parts, p, false)?.away ?? Infinity) <= Math.max(reach, 1),
  // It encloses nothing: as the smallest of all it can be clicked on whatever it lies over.
  area: () => 0,
  translate: ({ parts }, shift) => polyline(parts.map((run) => runShifted(run, shift))),
  grips: ({ parts }, unit) => gripsOf(parts, false, unit),
  dragged: ({ parts }, grip, to, size) => polyline(moved(parts, grip, clampPoint(to, size))),
  altered({ parts }, grip) {
    const { middle, part, vertex } = placeOf(grip);
    return middle || parts[part]!.length <= 4 ? null : polyline(withVertex(parts, { part, vertex }, null));
  },
  split({ parts }, p, reach) {
    const runs = splitAt(parts, false, p, reach);
    return runs && polyline(runs);
  },
  hint: "Drag corners; drag a midpoint or double-click the line to add one · Alt-click removes one · Del deletes",
};

/** Points of the hand as one run, as finely as labels are drawn. */
export function runOf(points: readonly Point[]): number[] {
  return points.flatMap((p) => [rounded(p.x), rounded(p.y)]);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}
