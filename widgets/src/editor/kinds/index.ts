// Every kind of geometry, and what each can do.
import type { Geometry } from "../records";
import { box } from "./box";
import type { Kind } from "./kind";
import { mask } from "./mask";
import { polygonKind, polylineKind } from "./paths";
import { keypointsKind, pointsKind } from "./points";
import { ellipseKind, rotatedKind } from "./turned";

export { type Grip, type Kind, moves } from "./kind";

const kinds: { readonly [K in Geometry["kind"]]: Kind<Extract<Geometry, { kind: K }>> } = {
  box, rotated: rotatedKind, polygon: polygonKind, polyline: polylineKind, points: pointsKind, ellipse: ellipseKind, mask, keypoints: keypointsKind,
};

/** What the geometry's kind can do. It is asked about geometries of that kind alone. */
export function kindOf(geometry: Geometry): Kind {
  return kinds[geometry.kind] as unknown as Kind;
}
