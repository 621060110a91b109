// How shapes look. All drawing is in image coordinates under the camera's transform; widths are CSS pixels.
import type { Camera } from "../editor/camera";
import type { Dab } from "../editor/brushing";
import { type Box, type Point, turnedCorners, unreachable } from "../editor/geometry";
import { kindOf } from "../editor/kinds";
import type { Geometry } from "../editor/records";
import type { Palette } from "./palette";

export const lineWidth = 2;
const halo = "rgba(0,0,0,0.45)";
/** Under dashes, whose gaps already set them off. */
const softHalo = "rgba(0,0,0,0.22)";
const font = '600 11px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

/** Add the outline of a geometry to the current path. Corners nearer than `finest` image pixels are left out. */
export function trace(ctx: CanvasRenderingContext2D, geometry: Geometry, finest = 0): void {
  switch (geometry.kind) {
    case "polygon":
      for (const part of geometry.parts) tracePart(ctx, part, finest);
      for (const hole of geometry.holes) tracePart(ctx, hole, finest);
      return;
    case "polyline":
      for (const part of geometry.parts) tracePart(ctx, part, finest, false);
      return;
    case "rotated":
      return tracePart(ctx, turnedCorners(geometry.turned), 0);
    case "ellipse": {
      const { center: [x, y], size: [w, h], angle } = geometry.turned;
      ctx.moveTo(x + (w / 2) * Math.cos(angle), y + (w / 2) * Math.sin(angle));
      return ctx.ellipse(x, y, w / 2, h / 2, angle, 0, 2 * Math.PI);
    }
    case "points":
      return;
    case "box":
    case "mask":
    case "keypoints":
      return ctx.rect(...geometry.box);
    default:
      return unreachable(geometry);
  }
}

function tracePart(ctx: CanvasRenderingContext2D, part: readonly number[], finest: number, closed = true): void {
  let lastX = part[0]!;
  let lastY = part[1]!;
  ctx.moveTo(lastX, lastY);
  for (let i = 2; i + 1 < part.length; i += 2) {
    const x = part[i]!;
    const y = part[i + 1]!;
    if (Math.abs(x - lastX) < finest && Math.abs(y - lastY) < finest) continue;
    ctx.lineTo(x, y);
    lastX = x;
    lastY = y;
  }
  if (closed) ctx.closePath();
}

/** Fill and stroke the current path in a class's colour, on a dark halo that keeps it visible on any photograph. */
export function paintPath(
  ctx: CanvasRenderingContext2D, palette: Palette, color: string, zoom: number,
  style: { fill?: number; width?: number; dashed?: boolean; dash?: readonly number[]; halo?: boolean } = {},
): void {
  const width = style.width ?? lineWidth;
  ctx.lineJoin = "round";
  const dash = style.dash ?? (style.dashed ? [6, 4] : []);
  ctx.setLineDash(dash.map((length) => length / zoom));
  if (style.fill) {
    ctx.fillStyle = palette.rgba(color, style.fill);
    ctx.fill("evenodd");
  }
  if (style.halo !== false) {
    ctx.strokeStyle = dash.length ? softHalo : halo;
    ctx.lineWidth = (width + 2) / zoom;
    ctx.stroke();
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = width / zoom;
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Points, and keypoints with the lines of their class's skeleton. */
export function paintKeypoints(
  ctx: CanvasRenderingContext2D, geometry: Geometry, color: string, zoom: number, skeleton: readonly (readonly [number, number])[] = [],
): void {
  if (geometry.kind === "points") {
    for (const [x, y] of geometry.points) knob(ctx, { x, y }, 3.5 / zoom, color, "#fff", zoom);
  }
  if (geometry.kind !== "keypoints") return;
  ctx.beginPath();
  for (const [a, b] of skeleton) {
    const [from, to] = [geometry.points[a], geometry.points[b]];
    if (!from?.[2] || !to?.[2]) continue;
    ctx.moveTo(from[0], from[1]);
    ctx.lineTo(to[0], to[1]);
  }
  ctx.lineWidth = 2 / zoom;
  ctx.strokeStyle = color;
  ctx.stroke();
  for (const [x, y, v] of geometry.points) {
    if (!v) continue;
    // A hidden point (visibility 1) is a ring, a visible one a disc.
    knob(ctx, { x, y }, 3.5 / zoom, v === 2 ? color : "#fff", v === 2 ? "#fff" : color, zoom);
  }
}

/** A label on a small plate, its bottom left corner at a point of the image; kept legible at every zoom. */
export function tag(ctx: CanvasRenderingContext2D, palette: Palette, at: Point, text: string, color: string, zoom: number): void {
  ctx.save();
  ctx.translate(at.x, at.y);
  ctx.scale(1 / zoom, 1 / zoom);
  ctx.font = font;
  const width = ctx.measureText(text).width + 10;
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.roundRect(-1, -17, width, 16, 3);
  ctx.fill();
  ctx.fillStyle = palette.ink(color);
  ctx.textBaseline = "middle";
  ctx.fillText(text, 4, -8.5);
  ctx.restore();
}

/** Where a box's label goes: above it, or just inside where there is no room above. */
export function tagPlace(box: Box, visibleTop: number, zoom: number): Point {
  const y = box[1] - visibleTop < 18 / zoom && box[3] > 20 / zoom ? Math.max(box[1], visibleTop) + 19 / zoom : box[1];
  return { x: box[0], y };
}

function knob(ctx: CanvasRenderingContext2D, at: Point, radius: number, fill: string, stroke: string, zoom: number): void {
  ctx.beginPath();
  ctx.arc(at.x, at.y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.lineWidth = 1.5 / zoom;
  ctx.strokeStyle = stroke;
  ctx.stroke();
}

/** The grips of the selected shape; the `grabbed` one stands out. */
export function paintGrips(ctx: CanvasRenderingContext2D, geometry: Geometry, color: string, zoom: number, grabbed: string | null): void {
  const grips = kindOf(geometry).grips(geometry, 1 / zoom);
  const top = grips.find(({ id }) => id === "n");
  for (const { id, at, look } of grips) {
    switch (look) {
      case "corner":
      case "edge": {
        const side = (look === "corner" ? 9 : 7) / zoom;
        ctx.beginPath();
        ctx.roundRect(at.x - side / 2, at.y - side / 2, side, side, 2 / zoom);
        ctx.fillStyle = "#fff";
        ctx.fill();
        ctx.strokeStyle = color;
        ctx.lineWidth = 1.5 / zoom;
        ctx.stroke();
        break;
      }
      case "middle":
        // A midpoint adds a corner.
        ctx.globalAlpha = 0.75;
        knob(ctx, at, 3 / zoom, color, "#fff", zoom);
        ctx.globalAlpha = 1;
        break;
      case "turn":
        if (top) {
          ctx.beginPath();
          ctx.moveTo(top.at.x, top.at.y);
          ctx.lineTo(at.x, at.y);
          ctx.strokeStyle = color;
          ctx.lineWidth = 1.5 / zoom;
          ctx.stroke();
        }
        knob(ctx, at, (id === grabbed ? 6 : 5) / zoom, "#fff", color, zoom);
        break;
      case "vertex":
        if (geometry.kind !== "keypoints") knob(ctx, at, (id === grabbed ? 6 : 4.5) / zoom, "#fff", color, zoom);
        break;
    }
  }
}

/** A stroke of the brush as it will be, and its tip. */
export function paintStroke(ctx: CanvasRenderingContext2D, dabs: readonly Dab[], color: string, zoom: number): void {
  ctx.lineCap = ctx.lineJoin = "round";
  ctx.globalAlpha = dabs.length > 1 ? 0.45 : 0;
  ctx.strokeStyle = color;
  // One path where the width stays, so that it does not darken where it crosses itself.
  const steady = dabs.every(({ radius }) => radius === dabs[0]!.radius);
  for (let first = 0; first < dabs.length; first = steady ? dabs.length : first + 1) {
    ctx.beginPath();
    const run = steady ? dabs : dabs.slice(first, first + 2);
    run.forEach(({ x, y }, n) => (n ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
    ctx.lineWidth = 2 * run[0]!.radius;
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
  const tip = dabs.at(-1)!;
  for (const [ink, width] of [["rgba(0,0,0,0.6)", 3], ["#fff", 1.25]] as const) {
    ctx.beginPath();
    ctx.arc(tip.x, tip.y, tip.radius, 0, 2 * Math.PI);
    ctx.strokeStyle = ink;
    ctx.lineWidth = width / zoom;
    ctx.stroke();
  }
}

/** Full-span guide lines through the pointer, as CVAT draws them. */
export function paintCross(ctx: CanvasRenderingContext2D, at: Point, visible: Box, zoom: number): void {
  ctx.beginPath();
  ctx.moveTo(visible[0], at.y);
  ctx.lineTo(visible[0] + visible[2], at.y);
  ctx.moveTo(at.x, visible[1]);
  ctx.lineTo(at.x, visible[1] + visible[3]);
  ctx.lineWidth = 3 / zoom;
  ctx.strokeStyle = "rgba(0,0,0,0.35)";
  ctx.stroke();
  ctx.lineWidth = 1 / zoom;
  ctx.strokeStyle = "rgba(255,255,255,0.85)";
  ctx.stroke();
}

/** What the pointer is drawn to: a small square about it. */
export function paintSnap(ctx: CanvasRenderingContext2D, { x, y }: Point, zoom: number): void {
  for (const [ink, width] of [["rgba(0,0,0,0.7)", 4], ["#fff", 2]] as const) {
    ctx.strokeStyle = ink;
    ctx.lineWidth = width / zoom;
    ctx.strokeRect(x - 6 / zoom, y - 6 / zoom, 12 / zoom, 12 / zoom);
  }
}

/** A SAM prompt: green with a plus, or red with a minus. */
export function paintPrompt(ctx: CanvasRenderingContext2D, at: Point, positive: boolean, zoom: number): void {
  knob(ctx, at, 7 / zoom, positive ? "#12a150" : "#e5484d", "#fff", zoom);
  ctx.beginPath();
  ctx.moveTo(at.x - 3.5 / zoom, at.y);
  ctx.lineTo(at.x + 3.5 / zoom, at.y);
  if (positive) {
    ctx.moveTo(at.x, at.y - 3.5 / zoom);
    ctx.lineTo(at.x, at.y + 3.5 / zoom);
  }
  ctx.strokeStyle = "#fff";
  ctx.lineWidth = 1.75 / zoom;
  ctx.stroke();
}

/** Point the context at the image: one unit is one image pixel. */
export function aim(ctx: CanvasRenderingContext2D, camera: Camera, dpr: number, shift: Point = { x: 0, y: 0 }): void {
  const k = camera.zoom * dpr;
  ctx.setTransform(k, 0, 0, k, (camera.x + shift.x) * dpr, (camera.y + shift.y) * dpr);
}
