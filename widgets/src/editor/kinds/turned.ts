// Rectangles turned about their centres: rotated boxes, and the ellipses that fill one.
import {
  type Box, type Handle, type Point, clampPoint, handleNames, handlePoint, nearestEdge, partContains, partsBox, retwist, rounded,
  turnedCorners, untwist,
} from "../geometry";
import type { EllipseGeometry, RotatedGeometry, Turned } from "../../wire.gen";
import type { Kind } from "./kind";

/** How far above its upper side the grip that turns it stands, in CSS pixels. */
const stalk = 22;
/** What an even angle is a multiple of. */
const step = Math.PI / 12;
const resizing = ["ew-resize", "nwse-resize", "ns-resize", "nesw-resize"] as const;

export function rotated(turned: Turned): RotatedGeometry {
  return { kind: "rotated", box: partsBox([turnedCorners(turned)]), turned };
}

export function ellipse(turned: Turned): EllipseGeometry {
  const { center: [x, y], size: [w, h], angle } = turned;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [halfW, halfH] = [Math.hypot((w / 2) * cos, (h / 2) * sin), Math.hypot((w / 2) * sin, (h / 2) * cos)];
  return { kind: "ellipse", box: [rounded(x - halfW), rounded(y - halfH), rounded(2 * halfW), rounded(2 * halfH)], turned };
}

/** The rectangle of these measures, as finely as labels are drawn. */
export function turnedOf(center: Point, w: number, h: number, angle: number): Turned {
  const whole = Math.atan2(Math.sin(angle), Math.cos(angle));
  return { center: [rounded(center.x), rounded(center.y)], size: [rounded(w), rounded(h)], angle: Math.round(whole * 1e5) / 1e5 };
}

/** The rectangle in its own frame, its centre at 0, 0. */
function own({ size: [w, h] }: Turned): Box {
  return [-w / 2, -h / 2, w, h];
}

function grips(turned: Turned, unit: number): ReturnType<Kind["grips"]> {
  const upright = own(turned);
  const handles = handleNames.map((id) => {
    const at = handlePoint(upright, id);
    // The cursor's arrows lie along the handle's direction as it is seen.
    const seen = Math.atan2(at.y, at.x) + turned.angle;
    const cursor = resizing[((Math.round(seen / (Math.PI / 4)) % 4) + 4) % 4]!;
    return { id: id as string, at: retwist(turned, at), look: id.length === 2 ? ("corner" as const) : ("edge" as const), cursor };
  });
  const above = { x: 0, y: -turned.size[1] / 2 - stalk * unit };
  return [...handles, { id: "turn", at: retwist(turned, above), look: "turn", cursor: "grab" }];
}

function dragged(turned: Turned, grip: string, to: Point, even: boolean): Turned {
  const [cx, cy] = turned.center;
  if (grip === "turn") {
    const angle = Math.atan2(to.y - cy, to.x - cx) + Math.PI / 2;
    return turnedOf({ x: cx, y: cy }, ...turned.size, even ? Math.round(angle / step) * step : angle);
  }
  const p = untwist(turned, to);
  const [x, y, w, h] = own(turned);
  const handle = grip as Handle;
  const left = handle.includes("w") ? p.x : x;
  const right = handle.includes("e") ? p.x : x + w;
  const top = handle.includes("n") ? p.y : y;
  const bottom = handle.includes("s") ? p.y : y + h;
  const middle = retwist(turned, { x: (left + right) / 2, y: (top + bottom) / 2 });
  return turnedOf(middle, Math.abs(right - left), Math.abs(bottom - top), turned.angle);
}

function movedBy({ center: [x, y], size, angle }: Turned, shift: Point): Turned {
  return { center: [rounded(x + shift.x), rounded(y + shift.y)], size, angle };
}

function kindOf<G extends RotatedGeometry | EllipseGeometry>(
  make: (turned: Turned) => G, contains: (turned: Turned, p: Point, reach: number) => boolean, fills: number, hint: string,
): Kind<G> {
  return {
    touches: ({ turned }, p, reach) => contains(turned, p, reach),
    area: ({ turned: { size: [w, h] } }) => w * h * fills,
    translate: ({ turned }, shift) => make(movedBy(turned, shift)),
    grips: ({ turned }, unit) => grips(turned, unit),
    dragged(geometry, grip, to, size, even) {
      const turned = dragged(geometry.turned, grip, grip === "turn" ? to : clampPoint(to, size), even);
      return Math.min(...turned.size) >= 1 ? make(turned) : geometry;
    },
    hint,
  };
}

export const rotatedKind = kindOf(
  rotated,
  (turned, p, reach) => {
    const corners = turnedCorners(turned);
    return partContains(corners, p) || (nearestEdge([corners], p)?.away ?? Infinity) <= reach;
  },
  1,
  "Drag to move, handles to resize, the knob above to turn (Shift: by 15°) · 1–9 class · Del deletes",
);

export const ellipseKind = kindOf(
  ellipse,
  (turned, p, reach) => {
    const at = untwist(turned, p);
    const [w, h] = turned.size;
    return (at.x / (w / 2 + reach)) ** 2 + (at.y / (h / 2 + reach)) ** 2 <= 1;
  },
  Math.PI / 4,
  "Drag to move, handles to resize, the knob above to turn (Shift: by 15°) · 1–9 class · Del deletes",
);
