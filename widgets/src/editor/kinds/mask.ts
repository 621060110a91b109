// Masks: pixels, which the brush changes.
import { boxArea } from "../geometry";
import { maskContains } from "../masks";
import type { MaskGeometry } from "../../wire.gen";
import type { Kind } from "./kind";

export const mask: Kind<MaskGeometry> = {
  touches: (geometry, p) => maskContains(geometry, p),
  // Its box: counting pixels at every move would cost more than it tells.
  area: ({ box }) => boxArea(box),
  translate: (geometry) => geometry,
  grips: () => [],
  dragged: (geometry) => geometry,
  hint: "M brushes over it, W wipes away · 1–9 class · Del deletes · S segments the next object",
};
