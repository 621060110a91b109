// Where a point is drawn to: corners of other shapes first, then their edges, then the image's borders.
import { type Point, type Size, distance, nearestEdge, rounded, turnedCorners, vertexOf } from "./geometry";
import type { Geometry, Shape } from "./records";

interface Outline {
  readonly runs: readonly (readonly number[])[];
  /** Whether the runs have edges, and one back from the last corner. */
  readonly edges: "closed" | "open" | "none";
}

function outlineOf(geometry: Geometry): Outline {
  switch (geometry.kind) {
    case "polygon":
      return { runs: [...geometry.parts, ...geometry.holes], edges: "closed" };
    case "polyline":
      return { runs: geometry.parts, edges: "open" };
    case "rotated":
      return { runs: [turnedCorners(geometry.turned)], edges: "closed" };
    case "ellipse":
    case "mask":
      // Their outlines have no corners that a hand could mean.
      return { runs: [], edges: "none" };
    case "points":
      return { runs: [geometry.points.flat()], edges: "none" };
    case "keypoints":
      return { runs: [geometry.points.flatMap(([x, y, v]) => (v ? [x, y] : []))], edges: "none" };
    case "box": {
      const [x, y, w, h] = geometry.box;
      return { runs: [[x, y, x + w, y, x + w, y + h, x, y + h]], edges: "closed" };
    }
  }
}

/** The place within `reach` pixels that the point is drawn to; null where there is none. */
export function snapped(at: Point, reach: number, shapes: Iterable<Shape>, size: Size): Point | null {
  let corner: Point | null = null;
  let edge: Point | null = null;
  let [toCorner, toEdge] = [reach, reach];
  for (const { geometry } of shapes) {
    const { runs, edges } = outlineOf(geometry);
    for (const run of runs) {
      for (let n = 0; n < run.length / 2; n++) {
        const vertex = vertexOf(run, n);
        const away = distance(vertex, at);
        if (away <= toCorner) [corner, toCorner] = [vertex, away];
      }
    }
    const near = edges === "none" ? null : nearestEdge(runs, at, edges === "closed");
    if (near && near.away <= toEdge) [edge, toEdge] = [near.at, near.away];
  }
  const found = corner ?? edge ?? border(at, reach, size);
  return found && { x: rounded(found.x), y: rounded(found.y) };
}

function border({ x, y }: Point, reach: number, { w, h }: Size): Point | null {
  const to = (value: number, end: number): number => (Math.abs(value) <= reach ? 0 : Math.abs(value - end) <= reach ? end : value);
  const found = { x: to(x, w), y: to(y, h) };
  return found.x === x && found.y === y ? null : found;
}
