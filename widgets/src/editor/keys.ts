// Every command, what it is called, and the keys that it has until somebody gives it others. CVAT's keys are the
// convention; the tools' own letters fill its gaps.
import type { Target } from "./ops/convert";
import { type ToolName, toolLabels } from "./tools";

const classPlaces = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
type Digit = (typeof classPlaces)[number];

export type Command =
  | `tool.${ToolName}`
  | `class.${Digit}`
  | `tag.${Digit}`
  | `image.${"next" | "previous" | "forward" | "back"}`
  | `nudge.${"left" | "right" | "up" | "down"}`
  | `zoom.${"in" | "out" | "fit" | "selection"}`
  | `brush.${"smaller" | "larger"}`
  | `align.${"left" | "right" | "top" | "bottom" | "center" | "middle"}`
  | `distribute.${"horizontal" | "vertical"}`
  | `clip.${"copy" | "cut" | "paste"}`
  | `window.${"auto" | "full"}`
  | `view.${"crosshair" | "rulers" | "minimap" | "fainter" | "stronger" | "reset"}`
  | `shapes.${"join" | "split" | "subtract" | "punch" | "tighten"}`
  | `track.${"begin" | "carry" | "fill" | "outside" | "next" | "previous" | "key" | "spread" | "join" | "split"}`
  | `follow.${"forward" | "backward"}`
  | `review.${"accept" | "reject" | "comment" | "next"}`
  | `mistake.${"next" | "previous"}`
  | `sam.${"other" | "before" | "hover" | "sticky" | "form" | "refine" | "boxes"}`
  | "play" | "accept.free" | "again" | "accept" | "back" | "cancel" | "delete" | "undo" | "redo" | "hide" | "hide.all" | "object.next"
  | "object.previous" | "occluded" | "tags" | "search" | "help" | "save" | "palette" | "all" | "duplicate" | "propagate"
  | "convert" | `convert.${Target}` | "copy.previous" | "snap" | "lock" | "unlock.all" | "group" | "ungroup" | "front" | "rear";

export interface KeyPress {
  /** As KeyboardEvent.key. */
  readonly key: string;
  /** As KeyboardEvent.code: with Alt the key itself may be any sign. */
  readonly code?: string;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly alt: boolean;
}

interface CommandInfo {
  readonly command: Command;
  readonly keys: readonly string[];
  readonly about: string;
  /** How the key sheet writes it where one row stands for several commands; null: another's row does. */
  readonly row?: { readonly shown: string; readonly about: string } | null;
  /** Esc, Enter and the clipboard's keys stay as they are: people could not get out again, or the browser has its own say. */
  readonly fixed?: true;
}

export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly CommandInfo[];
}

const toolKeys: Readonly<Record<ToolName, string>> = {
  select: "a", box: "b", rotated: "o", ellipse: "i", polygon: "p", polyline: "y", points: "u", keypoints: "k", brush: "m", eraser: "w", slice: "alt+j", hole: "alt+h", sam: "s",
  everything: "shift+a",
};

const nudged = { shown: "← ↑ ↓ →", about: "Move by 1 px (Shift: 10 px)" };

export const commandGroups: readonly CommandGroup[] = [
  {
    title: "Tools",
    commands: [
      ...(Object.entries(toolLabels) as [ToolName, string][]).map(([name, about]): CommandInfo => (
        { command: `tool.${name}` as const, keys: [toolKeys[name]], about }
      )),
      { command: "brush.smaller", keys: ["["], about: "A smaller brush", row: { shown: "[ ]", about: "A smaller or larger brush" } },
      { command: "brush.larger", keys: ["]"], about: "A larger brush", row: null },
      { command: "snap", keys: ["x"], about: "Snap to corners, edges and borders (Ctrl: not now)" },
      { command: "again", keys: ["n"], about: "Draw again; while drawing, finish" },
    ],
  },
  {
    title: "While drawing",
    commands: [
      { command: "accept", keys: ["Enter"], about: "Accept the shape or mask; keep the prediction in focus", fixed: true },
      { command: "sam.other", keys: ["z"], about: "Another of the masks that the clicks may mean" },
      { command: "sam.before", keys: ["alt+z"], about: "The one of these masks before" },
      { command: "sam.hover", keys: ["shift+x"], about: "Show what a click would mean, or no longer" },
      { command: "sam.sticky", keys: ["shift+z"], about: "Every click an object of its own, or no longer" },
      { command: "sam.form", keys: ["shift+s"], about: "Accept as a mask, a polygon or a box" },
      { command: "sam.refine", keys: ["alt+s"], about: "Refine the selected shape with the wand" },
      { command: "sam.boxes", keys: ["alt+b"], about: "Masks of the selected boxes, or of all boxes, with a preview" },
      { command: "back", keys: ["Backspace"], about: "Take the last point or click back", fixed: true },
      { command: "cancel", keys: ["Escape"], about: "Drop; deselect; then back to Jupyter", fixed: true },
    ],
  },
  {
    title: "Shapes",
    commands: [
      ...classPlaces.map((n): CommandInfo => ({
        command: `class.${n}`, keys: [`${n}`], about: `Class ${n} of the list`,
        row: n === 1 ? { shown: "1 – 9", about: "Class: of what is selected, and of the next" } : null,
      })),
      { command: "search", keys: ["/"], about: "Find a class by name" },
      { command: "delete", keys: ["Delete"], about: "Delete what is selected" },
      { command: "undo", keys: ["ctrl+z"], about: "Undo" },
      { command: "redo", keys: ["ctrl+shift+z", "ctrl+y"], about: "Redo" },
      { command: "save", keys: ["ctrl+s"], about: "Save the notebook; edits are saved by themselves" },
      { command: "nudge.left", keys: ["ArrowLeft", "shift+ArrowLeft"], about: "Move left", row: nudged, fixed: true },
      { command: "nudge.right", keys: ["ArrowRight", "shift+ArrowRight"], about: "Move right", row: null, fixed: true },
      { command: "nudge.up", keys: ["ArrowUp", "shift+ArrowUp"], about: "Move up", row: null, fixed: true },
      { command: "nudge.down", keys: ["ArrowDown", "shift+ArrowDown"], about: "Move down", row: null, fixed: true },
      { command: "occluded", keys: ["q"], about: "What is selected is partly hidden, or no longer" },
    ],
  },
  {
    title: "The whole image",
    commands: [
      { command: "tags", keys: ["alt+t"], about: "Tags of the image" },
      ...classPlaces.map((n): CommandInfo => ({
        command: `tag.${n}`, keys: [`alt+${n}`], about: `Tag ${n} of the list`,
        row: n === 1 ? { shown: "Alt 1 – 9", about: "Set a tag of the image, or take it away" } : null,
      })),
    ],
  },
  {
    title: "Several at once",
    commands: [
      { command: "all", keys: ["ctrl+a"], about: "Select every shape that is shown" },
      { command: "object.next", keys: ["."], about: "Select the next shape" },
      { command: "object.previous", keys: [","], about: "Select the previous shape" },
      { command: "clip.copy", keys: ["ctrl+c"], about: "Copy", fixed: true },
      { command: "clip.cut", keys: ["ctrl+x"], about: "Cut", fixed: true },
      { command: "clip.paste", keys: ["ctrl+v"], about: "Paste, here or on another image", fixed: true },
      { command: "duplicate", keys: ["ctrl+d"], about: "Duplicate" },
      { command: "propagate", keys: ["ctrl+b"], about: "Copy to the next images" },
      { command: "copy.previous", keys: ["ctrl+shift+v"], about: "Copy all from the previous image" },
      { command: "align.left", keys: [], about: "Align left edges" },
      { command: "align.center", keys: [], about: "Align centres on a vertical line" },
      { command: "align.right", keys: [], about: "Align right edges" },
      { command: "align.top", keys: [], about: "Align top edges" },
      { command: "align.middle", keys: [], about: "Align centres on a horizontal line" },
      { command: "align.bottom", keys: [], about: "Align bottom edges" },
      { command: "distribute.horizontal", keys: [], about: "Even gaps from left to right" },
      { command: "distribute.vertical", keys: [], about: "Even gaps from top to bottom" },
      { command: "group", keys: ["g"], about: "Group what is selected: one click selects all of it" },
      { command: "ungroup", keys: ["shift+g"], about: "Take what is selected out of its group" },
      { command: "shapes.join", keys: ["j"], about: "Join into one shape" },
      { command: "shapes.split", keys: ["shift+j"], about: "Take apart: a shape for each part or island" },
      { command: "shapes.subtract", keys: [], about: "Cut the others out of the shape chosen first" },
      { command: "shapes.punch", keys: [], about: "Cut the others out of the shape chosen first, and delete them" },
      { command: "shapes.tighten", keys: [], about: "Fit boxes to the masks or outlines in them" },
      { command: "convert", keys: ["shift+c"], about: "Convert to another kind, with a preview" },
      { command: "convert.polygon", keys: [], about: "Convert to polygons (of masks and ellipses: within 1 px)" },
      { command: "convert.mask", keys: [], about: "Convert to masks" },
      { command: "convert.box", keys: [], about: "Convert to boxes" },
      { command: "convert.rotated", keys: [], about: "Convert to rotated boxes" },
      { command: "convert.ellipse", keys: [], about: "Convert to ellipses" },
      { command: "front", keys: ["PageUp"], about: "Bring to the front" },
      { command: "rear", keys: ["PageDown"], about: "Send to the back" },
      { command: "hide", keys: ["h"], about: "Hide or show what is selected" },
      { command: "hide.all", keys: ["t", "shift+h"], about: "Hide or show all ground truth" },
      { command: "lock", keys: ["l"], about: "Lock what is selected, so that no click takes it" },
      { command: "unlock.all", keys: ["shift+l"], about: "Unlock every shape" },
    ],
  },
  {
    title: "Tracks",
    commands: [
      { command: "track.begin", keys: ["shift+t"], about: "Begin a track: follow what is selected over the images" },
      { command: "track.carry", keys: ["r"], about: "Carry the tracks of the last image to this one" },
      { command: "track.fill", keys: ["shift+r"], about: "Fill in between the keyframes before, here and after" },
      { command: "follow.forward", keys: ["shift+v"], about: "Let the model follow what is in hand over the next images; again: stop" },
      { command: "follow.backward", keys: ["alt+v"], about: "Follow it back over the images before" },
      { command: "track.outside", keys: [], about: "The object leaves the picture here, or is back" },
      { command: "track.key", keys: ["shift+k"], about: "Make what is selected a keyframe of its track, or no longer" },
      { command: "track.next", keys: [">"], about: "Next keyframe of the track" },
      { command: "track.previous", keys: ["<"], about: "Previous keyframe of the track" },
      { command: "track.spread", keys: [], about: "Give the whole track this shape's class and attributes" },
      { command: "track.split", keys: [], about: "Split the track: another one from this image on" },
      { command: "track.join", keys: [], about: "Join this track to the one selected before, on another image" },
    ],
  },
  {
    title: "Evaluation",
    commands: [
      { command: "mistake.next", keys: ["e"], about: "Next mistake of the judged run" },
      { command: "mistake.previous", keys: ["shift+e"], about: "Previous mistake" },
      { command: "accept.free", keys: [], about: "Keep every prediction that lies on no shape" },
    ],
  },
  {
    title: "Review",
    commands: [
      { command: "review.accept", keys: ["alt+a"], about: "Accept the image's labels" },
      { command: "review.reject", keys: ["alt+r"], about: "Reject them" },
      { command: "review.comment", keys: ["alt+c"], about: "Pin a comment: click where" },
      { command: "review.next", keys: ["alt+n"], about: "Next open comment" },
    ],
  },
  {
    title: "Images and view",
    commands: [
      { command: "image.next", keys: ["f"], about: "Next image" },
      { command: "image.previous", keys: ["d"], about: "Previous image" },
      { command: "image.forward", keys: ["v"], about: "Forward ten" },
      { command: "image.back", keys: ["c"], about: "Back ten" },
      { command: "play", keys: [" "], about: "Play the sequence, or stop" },
      { command: "zoom.fit", keys: ["0"], about: "Fit the image (or double-click beside shapes)" },
      { command: "zoom.selection", keys: ["shift+f"], about: "Zoom to what is selected" },
      { command: "zoom.in", keys: ["+", "="], about: "Zoom in" },
      { command: "zoom.out", keys: ["-"], about: "Zoom out" },
      { command: "view.fainter", keys: ["{"], about: "Fainter labels", row: { shown: "{ }", about: "Fainter or stronger labels" } },
      { command: "view.stronger", keys: ["}"], about: "Stronger labels", row: null },
      { command: "view.crosshair", keys: [], about: "Show or hide the crosshair" },
      { command: "window.auto", keys: [], about: "Open the window as the values ask" },
      { command: "window.full", keys: [], about: "Open the window over all values" },
      { command: "view.rulers", keys: [], about: "Show or hide the rulers" },
      { command: "view.minimap", keys: [], about: "Show or hide the minimap" },
      { command: "view.reset", keys: [], about: "Show the image as it is" },
      { command: "palette", keys: ["F2", "ctrl+k"], about: "Find any command by name" },
      { command: "help", keys: ["F1", "?"], about: "This sheet" },
    ],
  },
];

const every: readonly CommandInfo[] = commandGroups.flatMap(({ commands }) => commands);
const infos = new Map(every.map((info) => [info.command, info]));

/** Keys that a person gave to commands, each command's in place of its own. */
export type CustomKeys = Partial<Record<Command, readonly string[]>>;

const names: Readonly<Record<string, string>> = {
  ctrl: "Ctrl", shift: "Shift", alt: "Alt", Delete: "Del", Escape: "Esc", PageUp: "PgUp", PageDown: "PgDn", "-": "−", " ": "Space",
};

/** A key as tooltips and the sheet write it: "ctrl+shift+z" is "Ctrl Shift Z". */
export function shownKey(key: string): string {
  // The key itself may be a plus.
  const parts = key.split(/\+(?=.)/);
  return parts.map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" ");
}

/** The name that a press goes by: "a", "shift+ArrowLeft", "ctrl+z", "alt+j"; null for a modifier alone. */
export function keyName({ key, code, ctrl, shift, alt }: KeyPress): string | null {
  if (["Control", "Shift", "Alt", "Meta", "AltGraph", "CapsLock", "Dead", "Unidentified", "Process"].includes(key)) return null;
  const letter = alt ? /^(?:Key|Digit)(.)$/.exec(code ?? "")?.[1] : undefined;
  const plain = letter?.toLowerCase() ?? (key.length === 1 ? key.toLowerCase() : key);
  // A shifted sign ("?", "+") already is its own key; only letters and named keys carry the modifier.
  const shifted = shift && (plain.length > 1 || plain.toUpperCase() !== plain);
  return `${ctrl ? "ctrl+" : ""}${alt ? "alt+" : ""}${shifted ? "shift+" : ""}${plain}`;
}

/** Which key means what, for one person. */
export class KeyMap {
  readonly custom: CustomKeys;
  readonly #commands = new Map<string, Command>();

  constructor(custom: CustomKeys = {}) {
    this.custom = custom;
    for (const { command } of every) for (const key of this.keys(command)) this.#commands.set(key, command);
  }

  keys(command: Command): readonly string[] {
    return this.custom[command] ?? infos.get(command)?.keys ?? [];
  }

  /** The command of a key press, or null: then the key is not ours and must not be touched. */
  commandFor(press: KeyPress): Command | null {
    const name = keyName(press);
    return (name && this.#commands.get(name)) || null;
  }

  /** The command that has this key. */
  owner(key: string): Command | null {
    return this.#commands.get(key) ?? null;
  }

  /** The key that a tooltip names for a command; empty where it has none. */
  shown(command: Command): string {
    const [key] = this.keys(command);
    return key ? shownKey(key) : "";
  }

  /** The map with `key` for this command alone; whoever had the key loses it. */
  with(command: Command, key: string): KeyMap {
    const custom: Partial<Record<Command, readonly string[]>> = { ...this.custom };
    const former = this.owner(key);
    if (former && former !== command) custom[former] = this.keys(former).filter((one) => one !== key);
    custom[command] = [key];
    return new KeyMap(custom);
  }

  /** What of a kept map still means something: other commands, and keys that are not text, fall away. */
  static from(kept: unknown): KeyMap {
    const custom: Partial<Record<Command, readonly string[]>> = {};
    if (typeof kept === "object" && kept) {
      for (const [command, keys] of Object.entries(kept)) {
        const info = infos.get(command as Command);
        if (info && !info.fixed && Array.isArray(keys)) custom[info.command] = keys.filter((key) => typeof key === "string");
      }
    }
    return new KeyMap(custom);
  }
}

export function infoOf(command: Command): { readonly about: string; readonly fixed: boolean } {
  const info = infos.get(command);
  return { about: info?.about ?? command, fixed: info?.fixed ?? false };
}
