// Rulers along the top and the left of the view, in image pixels, with a mark where the pointer is.
import type { Camera } from "../editor/camera";
import type { Point, Size } from "../editor/geometry";

/** CSS pixels. */
const thick = 18;
/** Numbers closer together than this run into each other; CSS pixels. */
const apart = 64;

/** The least round step (1, 2 or 5 times a power of ten) that is at least `atLeast`. */
export function roundStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  for (const times of [1, 2, 5]) if (times * power >= atLeast) return times * power;
  return 10 * power;
}

export function paintRulers(ctx: CanvasRenderingContext2D, camera: Camera, view: Size, dpr: number, at: Point | null): void {
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  ctx.font = "10px system-ui, -apple-system, \"Segoe UI\", \"DejaVu Sans\", sans-serif";
  ctx.textBaseline = "middle";
  const step = roundStep(apart / camera.zoom);
  for (const along of ["x", "y"] as const) {
    ctx.save();
    // The left ruler is the top one turned and mirrored: the same numbers down instead of across.
    if (along === "y") ctx.transform(0, 1, 1, 0, 0, 0);
    const length = along === "x" ? view.w : view.h;
    ctx.fillStyle = "rgba(18,21,26,0.82)";
    ctx.fillRect(0, 0, length, thick);
    ctx.beginPath();
    const first = Math.floor(-camera[along] / camera.zoom / step) * step;
    for (let value = first; value * camera.zoom + camera[along] < length; value += step) {
      for (let tenth = 0; tenth < 10; tenth++) {
        const place = Math.round((value + (tenth * step) / 10) * camera.zoom + camera[along]) + 0.5;
        ctx.moveTo(place, tenth === 0 ? 4 : tenth === 5 ? 11 : 14);
        ctx.lineTo(place, thick);
      }
    }
    ctx.strokeStyle = "rgba(255,255,255,0.45)";
    ctx.lineWidth = 1;
    ctx.stroke();
    ctx.fillStyle = "#fff";
    for (let value = first; value * camera.zoom + camera[along] < length; value += step) number(ctx, value, value * camera.zoom + camera[along] + 3, along);
    if (at) {
      ctx.fillStyle = "#ffd24a";
      ctx.fillRect(Math.round(at[along] * camera.zoom + camera[along]) - 0.5, 0, 1.5, thick);
    }
    ctx.restore();
  }
}

function number(ctx: CanvasRenderingContext2D, value: number, place: number, along: "x" | "y"): void {
  const text = `${Math.round(value * 1000) / 1000}`;
  if (along === "x") return ctx.fillText(text, place, 6.5);
  ctx.save();
  // Turned back, or the mirrored ruler's numbers would be mirrored too.
  ctx.translate(place, 6.5);
  ctx.scale(1, -1);
  ctx.fillText(text, 0, 0);
  ctx.restore();
}
