// Mouse, pen, touch and wheel to the editor's events.
import type { Editor, PointerOptions } from "../editor/editor";
import type { Point } from "../editor/geometry";

/** Wheel events closer together than this belong to one gesture. */
const gestureMs = 180;

/** Space held so long is held, not tapped. */
const tapMs = 300;

export interface Focus {
  /** Whether the keys are the canvas's. */
  has(): boolean;
  take(): void;
  /** Space was pressed and let go, and nothing was moved by it. */
  tap(): void;
}

export function listenToPointer(element: HTMLElement, editor: Editor, focus: Focus): () => void {
  const stop = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(type: K, slot: (event: HTMLElementEventMap[K]) => void, passive = true): void =>
    element.addEventListener(type, slot, { signal: stop.signal, passive });
  let space = false;
  let tapped = -Infinity;
  let pinch: { a: number; b: number; points: Map<number, Point> } | null = null;
  const touches = new Map<number, Point>();

  const at = (event: MouseEvent): Point => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const options = (event: MouseEvent): PointerOptions => ({
    pressure: event instanceof PointerEvent && event.pointerType === "pen" ? event.pressure : 1,
    button: space || event.button === 1 ? "middle" : event.button === 2 ? "right" : "left",
    shift: event.shiftKey,
    ctrl: event.ctrlKey || event.metaKey,
    alt: event.altKey,
  });

  on("pointerdown", (event) => {
    tapped = -Infinity;
    focus.take();
    if (event.pointerType === "touch") {
      touches.set(event.pointerId, at(event));
      const [a, b] = touches.keys();
      if (a !== undefined && b !== undefined) {
        editor.dispatch({ type: "cancel" });
        pinch = { a, b, points: touches };
        return;
      }
    }
    // Captured, so that a drag may end outside the canvas.
    element.setPointerCapture(event.pointerId);
    editor.pointerDown(at(event), options(event));
  });
  on("pointermove", (event) => {
    if (touches.has(event.pointerId)) {
      const before = pinch && spread(pinch.points, pinch.a, pinch.b);
      touches.set(event.pointerId, at(event));
      if (pinch && before) {
        const after = spread(pinch.points, pinch.a, pinch.b);
        editor.viewport.pan({ x: after.middle.x - before.middle.x, y: after.middle.y - before.middle.y });
        editor.viewport.zoomAt(after.middle, after.length / Math.max(before.length, 1));
        return;
      }
    }
    editor.pointerMove(at(event), options(event));
  });
  const up = (event: PointerEvent): void => {
    touches.delete(event.pointerId);
    if (pinch) {
      if (touches.size === 0) pinch = null;
      return;
    }
    editor.pointerUp(at(event), options(event));
  };
  on("pointerup", up);
  on("pointercancel", up);
  on("pointerleave", () => editor.dispatch({ type: "leave" }));
  on("dblclick", (event) => editor.doubleClick(at(event), options(event)));
  on("contextmenu", (event) => {
    // Right click is a tool's; JupyterLab's own menu stays reachable with Shift.
    if (event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
  }, false);
  // The middle button would otherwise start the browser's own scrolling.
  on("mousedown", (event) => event.button === 1 && event.preventDefault(), false);

  let gesture = { last: 0, zooms: false };
  on("wheel", (event) => {
    const pinching = event.ctrlKey || event.metaKey;
    // Without focus a plain wheel scrolls the notebook past the widget.
    if (!pinching && !focus.has()) return;
    event.preventDefault();
    event.stopPropagation();
    const now = performance.now();
    // A notched wheel zooms, two fingers on a trackpad pan. The first event decides for the whole gesture: a flick of
    // the fingers grows into steps as large as a notch.
    if (now - gesture.last > gestureMs) {
      gesture.zooms = event.deltaX === 0 && (event.deltaMode !== 0 || Math.abs(event.deltaY) >= 50);
    }
    gesture = { last: now, zooms: gesture.zooms };
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    if (!pinching && !gesture.zooms) return editor.viewport.pan({ x: -event.deltaX * unit, y: -event.deltaY * unit });
    // A trackpad pinch comes in small steps, a notch in one of about 100.
    const step = Math.min(Math.max(event.deltaY * unit, -120), 120);
    editor.viewport.zoomAt(at(event), Math.exp(-step * (Math.abs(step) < 40 ? 0.01 : 0.0022)));
  }, false);

  const root = element.ownerDocument;
  const spaceKey = (down: boolean) => (event: KeyboardEvent): void => {
    if (event.key !== " " || (down && !focus.has())) return;
    if (down && event.target instanceof HTMLElement && event.target.closest("input, button, select")) return;
    if (down && !space) tapped = event.timeStamp;
    if (!down && space && focus.has() && event.timeStamp - tapped < tapMs) focus.tap();
    space = down;
    element.classList.toggle("evalnb-hand", down);
    if (down) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  root.addEventListener("keydown", spaceKey(true), { signal: stop.signal, capture: true });
  root.addEventListener("keyup", spaceKey(false), { signal: stop.signal, capture: true });
  return () => stop.abort();
}

function spread(points: Map<number, Point>, a: number, b: number): { middle: Point; length: number } {
  const p = points.get(a) ?? { x: 0, y: 0 };
  const q = points.get(b) ?? p;
  return { middle: { x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 }, length: Math.hypot(p.x - q.x, p.y - q.y) };
}
