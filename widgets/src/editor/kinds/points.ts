// Points without names, and keypoints that have them.
import { type Point, boxArea, boxContains, clampPoint, distance, partsBox, rounded, shifted } from "../geometry";
import type { KeypointsGeometry, PointsGeometry } from "../../wire.gen";
import type { Kind } from "./kind";

type Keypoint = KeypointsGeometry["points"][number];

const near = (x: number, y: number, p: Point, reach: number): boolean => distance({ x, y }, p) <= reach;

export function points(places: readonly (readonly [number, number])[]): PointsGeometry {
  return { kind: "points", box: partsBox([places.flat()]), points: places.map(([x, y]) => [x, y]) };
}

export const pointsKind: Kind<PointsGeometry> = {
  touches: (geometry, p, reach) => geometry.points.some(([x, y]) => near(x, y, p, Math.max(reach, 1))),
  area: () => 0,
  translate: (geometry, shift) => points(geometry.points.map(([x, y]) => [rounded(x + shift.x), rounded(y + shift.y)])),
  grips: (geometry) => geometry.points.map(([x, y], n) => ({ id: `${n}`, at: { x, y }, look: "vertex", cursor: "grab" })),
  dragged(geometry, grip, to, size) {
    const at = clampPoint(to, size);
    return points(geometry.points.map((one, n) => (`${n}` === grip ? [rounded(at.x), rounded(at.y)] : one)));
  },
  altered: (geometry, grip) => (geometry.points.length > 1 ? points(geometry.points.filter((_, n) => `${n}` !== grip)) : null),
  hint: "Drag a point to move it · Alt-click removes one · Del deletes all of them",
};

/** The box around those that have a place, a pixel wide at least. */
export function keypoints(places: readonly Keypoint[]): KeypointsGeometry {
  const [x, y, w, h] = partsBox([places.flatMap(([px, py, v]) => (v ? [px, py] : []))]);
  return { kind: "keypoints", box: [x, y, Math.max(w, 1), Math.max(h, 1)], points: places.map((one) => [...one]) };
}

export const keypointsKind: Kind<KeypointsGeometry> = {
  touches: (geometry, p, reach) =>
    boxContains(geometry.box, p) || geometry.points.some(([x, y, v]) => v > 0 && near(x, y, p, reach)),
  area: ({ box }) => boxArea(box),
  translate: (geometry, shift) => ({
    kind: "keypoints",
    box: shifted(geometry.box, shift),
    // An unlabelled keypoint (visibility 0) has no place and stays at 0, 0.
    points: geometry.points.map(([x, y, v]) => (v ? [rounded(x + shift.x), rounded(y + shift.y), v] : [x, y, v])),
  }),
  // Unlabelled ones are out of reach.
  grips: (geometry) =>
    geometry.points.flatMap(([x, y, v], n) => (v ? [{ id: `${n}`, at: { x, y }, look: "vertex" as const, cursor: "grab" }] : [])),
  dragged(geometry, grip, to, size) {
    const at = clampPoint(to, size);
    const moved = geometry.points.map((one, n): Keypoint => (`${n}` === grip ? [rounded(at.x), rounded(at.y), one[2]] : one));
    return { ...geometry, points: moved };
  },
  /** Alt-click goes round: seen, hidden, seen. */
  altered: (geometry, grip) => ({
    ...geometry,
    points: geometry.points.map((one, n): Keypoint => (`${n}` === grip ? [one[0], one[1], one[2] === 2 ? 1 : 2] : one)),
  }),
  hint: "Drag a point to move it · Alt-click: hidden or seen · 1–9 class · Del deletes",
};
