// Which key means what. CVAT's keys are the convention; the tools' own letters fill its gaps.
import type { ToolName } from "./tools/tool";

export type Command =
  | `tool.${ToolName}`
  | `class.${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}`
  | `image.${"next" | "previous" | "forward" | "back"}`
  | `nudge.${"left" | "right" | "up" | "down"}`
  | `zoom.${"in" | "out" | "fit"}`
  | `brush.${"smaller" | "larger"}`
  | "again" | "accept" | "back" | "cancel" | "delete" | "undo" | "redo" | "hide" | "hide.all" | "object.next"
  | "object.previous" | "occluded" | "search" | "help" | "save";

export interface KeyPress {
  /** As KeyboardEvent.key. */
  readonly key: string;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly alt: boolean;
}

interface Binding {
  readonly command: Command;
  readonly keys: readonly string[];
  /** As the key sheet and the tooltips write it. */
  readonly shown: string;
  readonly about: string;
}

export interface KeyGroup {
  readonly title: string;
  readonly bindings: readonly Binding[];
}

const classes = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

export const keyGroups: readonly KeyGroup[] = [
  {
    title: "Tools",
    bindings: [
      { command: "tool.select", keys: ["a"], shown: "A", about: "Select, move, edit" },
      { command: "tool.box", keys: ["b"], shown: "B", about: "Draw a box" },
      { command: "tool.rotated", keys: ["o"], shown: "O", about: "Draw a rotated box" },
      { command: "tool.ellipse", keys: ["i"], shown: "I", about: "Draw an ellipse" },
      { command: "tool.polygon", keys: ["p"], shown: "P", about: "Draw a polygon" },
      { command: "tool.polyline", keys: ["y"], shown: "Y", about: "Draw a line" },
      { command: "tool.points", keys: ["u"], shown: "U", about: "Mark points" },
      { command: "tool.keypoints", keys: ["k"], shown: "K", about: "Place the class's keypoints" },
      { command: "tool.brush", keys: ["m"], shown: "M", about: "Brush a mask (right button wipes)" },
      { command: "tool.eraser", keys: ["w"], shown: "W", about: "Wipe a mask" },
      { command: "brush.smaller", keys: ["["], shown: "[ ]", about: "A smaller or larger brush" },
      { command: "brush.larger", keys: ["]"], shown: "", about: "" },
      { command: "tool.sam", keys: ["s"], shown: "S", about: "Segment with clicks (SAM 2)" },
      { command: "again", keys: ["n"], shown: "N", about: "Draw again; while drawing, finish" },
    ],
  },
  {
    title: "While drawing",
    bindings: [
      { command: "accept", keys: ["Enter"], shown: "Enter", about: "Accept the shape or mask" },
      { command: "back", keys: ["Backspace"], shown: "Backspace", about: "Take the last point or click back" },
      { command: "cancel", keys: ["Escape"], shown: "Esc", about: "Drop; deselect; then back to Jupyter" },
    ],
  },
  {
    title: "Shapes",
    bindings: [
      ...classes.map((n): Binding => ({
        command: `class.${n}`,
        keys: [`${n}`],
        shown: n === 1 ? "1 – 9" : "",
        about: n === 1 ? "Class: of the selected shape, and the next" : "",
      })),
      { command: "delete", keys: ["Delete"], shown: "Del", about: "Delete the selected shape" },
      { command: "undo", keys: ["ctrl+z"], shown: "Ctrl Z", about: "Undo" },
      { command: "redo", keys: ["ctrl+shift+z", "ctrl+y"], shown: "Ctrl Shift Z", about: "Redo" },
      { command: "save", keys: ["ctrl+s"], shown: "Ctrl S", about: "Save the notebook; edits are saved by themselves" },
      { command: "object.next", keys: ["."], shown: ".", about: "Select the next shape" },
      { command: "object.previous", keys: [","], shown: ",", about: "Select the previous shape" },
      { command: "nudge.left", keys: ["ArrowLeft", "shift+ArrowLeft"], shown: "← ↑ ↓ →", about: "Move by 1 px (Shift: 10 px)" },
      { command: "nudge.right", keys: ["ArrowRight", "shift+ArrowRight"], shown: "", about: "" },
      { command: "nudge.up", keys: ["ArrowUp", "shift+ArrowUp"], shown: "", about: "" },
      { command: "nudge.down", keys: ["ArrowDown", "shift+ArrowDown"], shown: "", about: "" },
      { command: "hide", keys: ["h"], shown: "H", about: "Hide or show the selected shape" },
      { command: "hide.all", keys: ["t", "shift+h"], shown: "T", about: "Hide or show all ground truth" },
      { command: "occluded", keys: ["q"], shown: "Q", about: "The selected shape is partly hidden, or no longer" },
      { command: "search", keys: ["/"], shown: "/", about: "Find a class by name" },
    ],
  },
  {
    title: "Images and view",
    bindings: [
      { command: "image.next", keys: ["f"], shown: "F", about: "Next image" },
      { command: "image.previous", keys: ["d"], shown: "D", about: "Previous image" },
      { command: "image.forward", keys: ["v"], shown: "V", about: "Forward ten" },
      { command: "image.back", keys: ["c"], shown: "C", about: "Back ten" },
      { command: "zoom.fit", keys: ["0"], shown: "0", about: "Fit the image (or double-click beside shapes)" },
      { command: "zoom.in", keys: ["+", "="], shown: "+", about: "Zoom in" },
      { command: "zoom.out", keys: ["-"], shown: "−", about: "Zoom out" },
      { command: "help", keys: ["F1", "?"], shown: "F1", about: "This sheet" },
    ],
  },
];

const table = new Map<string, Command>();
for (const group of keyGroups) {
  for (const { keys, command } of group.bindings) for (const key of keys) table.set(key, command);
}

/** The command of a key press, or null: then the key is not ours and must not be touched. */
export function commandFor(press: KeyPress): Command | null {
  if (press.alt) return null;
  const key = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  // A shifted sign ("?", "+") already is its own key; only letters and named keys carry the modifier.
  const shift = press.shift && (key.length > 1 || key.toUpperCase() !== key) ? "shift+" : "";
  return table.get(`${press.ctrl ? "ctrl+" : ""}${shift}${key}`) ?? null;
}

/** The key that a tooltip names for a command. */
export function keyOf(command: Command): string {
  for (const group of keyGroups) {
    for (const binding of group.bindings) if (binding.command === command) return binding.shown;
  }
  return "";
}
