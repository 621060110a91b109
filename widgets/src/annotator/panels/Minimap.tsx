// Where in the image one is: the whole of it, small, with a frame around what is in view. It comes when one zooms in.
import { useEffect, useRef } from "preact/hooks";
import { visible } from "../../editor/camera";
import type { Session } from "../session";

/** The longer side, CSS pixels. */
const sidePx = 150;

export function Minimap({ session }: { session: Session }) {
  const picture = session.imageState.value === "shown" && session.image.value ? session.viewer.picture : null;
  // Read so that a pan or zoom draws the frame anew.
  const camera = session.camera.value;
  const { viewport, size } = session.editor;
  const { view } = viewport;
  const [x, y, w, h] = visible(camera, view);
  const whole = x <= 1 && y <= 1 && x + w >= size.w - 1 && y + h >= size.h - 1;
  if (!picture || whole || !session.preferences.look.value.minimap || view.w < 3 * sidePx || view.h < 2 * sidePx) return null;
  return <Map session={session} picture={picture} />;
}

function Map({ session, picture }: { session: Session; picture: CanvasImageSource }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { viewport, size } = session.editor;
  const scale = sidePx / Math.max(size.w, size.h);
  const [width, height] = [Math.max(size.w * scale, 8), Math.max(size.h * scale, 8)];
  useEffect(() => {
    const ctx = canvas.current?.getContext("2d");
    if (!ctx) return;
    ctx.imageSmoothingQuality = "medium";
    ctx.drawImage(picture, 0, 0, ctx.canvas.width, ctx.canvas.height);
  }, [picture, session.deep.view.value]);
  const [x, y, w, h] = visible(session.camera.value, viewport.view);
  const [left, top] = [Math.max(x, 0) * scale, Math.max(y, 0) * scale];
  const frame = {
    left: `${left}px`, top: `${top}px`,
    width: `${Math.min(x + w, size.w) * scale - left}px`, height: `${Math.min(y + h, size.h) * scale - top}px`,
  };
  const look = (event: PointerEvent & { currentTarget: HTMLElement }): void => {
    const box = event.currentTarget.getBoundingClientRect();
    viewport.centre({ x: (event.clientX - box.left) / scale, y: (event.clientY - box.top) / scale });
  };
  const dpr = window.devicePixelRatio || 1;
  return (
    <div
      class="evalnb-minimap" aria-hidden="true" style={{ width: `${width}px`, height: `${height}px` }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        look(event);
      }}
      onPointerMove={(event) => event.buttons && look(event)}
    >
      <canvas ref={canvas} width={Math.round(width * dpr)} height={Math.round(height * dpr)} />
      <i style={frame} />
    </div>
  );
}
