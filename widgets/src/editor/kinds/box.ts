// Upright boxes.
import { boxArea, boxContains, boxEdgeDistance, handleNames, handlePoint, resizeBox, shifted, type Handle } from "../geometry";
import type { BoxGeometry } from "../../wire.gen";
import type { Kind } from "./kind";

const cursors: Record<Handle, string> = {
  nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize", n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize",
};

export const box: Kind<BoxGeometry> = {
  touches: ({ box }, p, reach) => boxContains(box, p) || boxEdgeDistance(box, p) <= reach,
  area: ({ box }) => boxArea(box),
  translate: ({ box }, shift) => ({ kind: "box", box: shifted(box, shift) }),
  grips: ({ box }) =>
    handleNames.map((id) => ({ id, at: handlePoint(box, id), look: id.length === 2 ? "corner" : "edge", cursor: cursors[id] })),
  dragged(geometry, grip, to, size) {
    const box = resizeBox(geometry.box, grip as Handle, to, size);
    return box[2] >= 1 && box[3] >= 1 ? { kind: "box", box } : geometry;
  },
  hint: "Drag to move, handles to resize · 1–9 class · Del deletes · N draws again",
};
