// Everything that can drive a tool: a closed union.
import type { Point } from "./geometry";

export interface Pointer {
  /** In image pixels. */
  readonly at: Point;
  /** In CSS pixels of the stage. */
  readonly screen: Point;
  readonly button: "left" | "middle" | "right";
  readonly shift: boolean;
  readonly ctrl: boolean;
  readonly alt: boolean;
  /** Of a pen, 0 to 1; 1 for everything else. */
  readonly pressure: number;
}

export type EditorEvent =
  | ({ readonly type: "down" | "move" | "up" | "double" } & Pointer)
  /** The pointer left the stage. */
  | { readonly type: "leave" }
  /** Esc. */
  | { readonly type: "cancel" }
  /** Enter, or N while drawing. */
  | { readonly type: "accept" }
  /** Backspace, or undo while drawing: one point or prompt less. */
  | { readonly type: "back" };

/** Farther than this from the press, in CSS pixels, a click is a drag. */
export const dragStart = 4;
/** How near the pointer must come to a handle, vertex or outline, in CSS pixels. */
export const reach = 8;
