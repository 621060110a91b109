// What each command does. What they are called and which keys they have is the editor's; here they meet the session.
import { aligned, distributed, type Side } from "../editor/arranging";
import { type Command, infoOf } from "../editor/keys";
import type { Target } from "../editor/ops/convert";
import type { ToolName } from "../editor/tools/tool";
import { restored } from "../render/look";
import { maskBoxes, refine } from "./refining";
import type { Session } from "./session";

/** The page that an annotator stands in. */
export interface Around {
  /** Take the keys back. */
  readonly leave: (root: HTMLElement) => void;
  /** Save what the annotator is a part of; left out where that is nothing. */
  readonly save?: (pressed: KeyboardEvent) => void;
}

interface How {
  /** By ten pixels, not one. */
  readonly big: boolean;
  readonly leave: () => void;
}

type Verb = (session: Session, how: How, command: Command) => boolean | void;

const nudge = (x: number, y: number): Verb => ({ editor }, { big }) => editor.nudge({ x: x * (big ? 10 : 1), y: y * (big ? 10 : 1) });

const chooseClass: Verb = (session, _, command) => {
  const chosen = session.classes.value[Number(command.slice("class.".length)) - 1];
  if (chosen) session.editor.setClass(chosen.id);
};

const setTag: Verb = ({ tagging }, _, command) => {
  const name = tagging.known.value[Number(command.slice("tag.".length)) - 1];
  if (name !== undefined) tagging.toggle(name);
};

const takeUp: Verb = (session, _, command) => session.editor.use(command.slice("tool.".length) as ToolName);

const align: Verb = ({ editor }, _, command) => editor.putAll(aligned(editor.editable, command.slice("align.".length) as Side));

const distribute: Verb = ({ editor }, _, command) => editor.putAll(distributed(editor.editable, command === "distribute.horizontal" ? "horizontal" : "vertical"));

const convert: Verb = ({ converting }, _, command) => converting.convert(command.slice("convert.".length) as Target);

const flip = (name: "crosshair" | "rulers" | "minimap"): Verb => ({ preferences }) =>
  preferences.show({ [name]: !preferences.look.value[name] });

const labels = (by: number): Verb => ({ preferences }) =>
  preferences.show({ labels: Math.min(Math.max(Math.round(preferences.look.value.labels * 10) / 10 + by, 0.1), 1) });

/** A verb that returns false meant nothing just then: the key stays the browser's. */
const verbs: Partial<Record<Command, Verb>> = {
  "tool.sam": (session) => session.segment("sam"),
  "tool.everything": (session) => session.segment("everything"),
  "sam.other": ({ wand }) => wand.cycle(1),
  "sam.before": ({ wand }) => wand.cycle(-1),
  "sam.hover": ({ wand }) => wand.change(({ hover }) => ({ hover: !hover })),
  "sam.sticky": ({ wand }) => wand.change(({ sticky }) => ({ sticky: !sticky })),
  "sam.form": ({ wand }) => wand.nextForm(),
  "sam.refine": refine,
  "sam.boxes": maskBoxes,
  "brush.smaller": ({ editor }) => editor.resizeBrush(false),
  "brush.larger": ({ editor }) => editor.resizeBrush(true),
  again: ({ editor }) => editor.again(),
  accept: ({ converting, editor, sight, wand }) => converting.apply() || editor.dispatch({ type: "accept" }) || wand.sweeping.again() || sight.accept(),
  back: ({ editor }) => editor.dispatch({ type: "back" }),
  cancel: (session, { leave }) => {
    const { editor } = session;
    if (session.dialog.value) session.dialog.value = null;
    else if (session.converting.asked.value) session.converting.close();
    else if (session.reviewing.pinning.value) session.reviewing.pinning.value = false;
    else if (!session.sight.leave() && !editor.dispatch({ type: "cancel" })) {
      if (editor.tool.name === "select") leave();
      else editor.use("select");
    }
  },
  delete: ({ editor }) => {
    if (editor.tool !== editor.everything) return editor.remove();
    editor.everything.drop();
    editor.repaint();
  },
  undo: ({ undoing }) => undoing.undo(),
  redo: ({ undoing }) => undoing.redo(),
  hide: ({ editor }) => (editor.selectedIds.length ? editor.toggleHidden(editor.selectedIds) : editor.showTruth(!editor.truthShown)),
  "hide.all": ({ editor }) => editor.showTruth(!editor.truthShown),
  lock: ({ editor }) => {
    editor.toggleLocked(editor.selectedIds);
  },
  "unlock.all": ({ editor }) => editor.unlockAll(),
  all: ({ editor }) => {
    if (editor.tool === editor.everything) {
      editor.everything.chooseAll();
      return editor.repaint();
    }
    editor.use("select");
    editor.selectAll([...(editor.document?.store.all() ?? [])].filter((shape) => editor.isWithinReach(shape)).map(({ id }) => id));
  },
  "object.next": ({ editor }) => editor.selectBeside(1),
  "object.previous": ({ editor }) => editor.selectBeside(-1),
  // From the palette; their keys come as events of the clipboard.
  "clip.copy": ({ copying }) => void copying.copy(),
  "clip.cut": ({ copying }) => void copying.cut(),
  "clip.paste": ({ copying }) => void copying.paste(),
  duplicate: ({ copying }) => void copying.duplicate(),
  propagate: (session) => {
    if (!session.editor.readOnly) session.dialog.value = "propagate";
  },
  "copy.previous": (session) => session.attempt("The previous image's shapes did not come", session.copying.previous()),
  "track.begin": ({ tracking }) => tracking.begin(),
  "track.carry": ({ tracking }) => tracking.carry(),
  "track.fill": (session) => session.attempt("The track was not filled in", session.tracking.fill()),
  "track.outside": ({ tracking }) => tracking.leave(),
  "track.next": (session) => session.attempt("The keyframe was not found", session.tracks.step(1)),
  "track.previous": (session) => session.attempt("The keyframe was not found", session.tracks.step(-1)),
  "track.key": (session) => session.attempt("The keyframe was not changed", session.tracks.key()),
  "track.spread": (session) => session.attempt("The track is not changed as a whole", session.tracks.spread()),
  "track.split": (session) => session.attempt("The track was not split", session.tracks.split()),
  "track.join": (session) => session.attempt("The tracks were not joined", session.tracks.join()),
  "follow.forward": (session) => session.attempt("It could not be followed", session.following.run(false)),
  "follow.backward": (session) => session.attempt("It could not be followed", session.following.run(true)),
  "shapes.join": ({ shaping }) => shaping.join(),
  "shapes.split": ({ shaping }) => shaping.split(),
  "shapes.subtract": ({ shaping }) => shaping.subtract(true),
  "shapes.punch": ({ shaping }) => shaping.subtract(false),
  "shapes.tighten": ({ shaping }) => shaping.tighten(),
  snap: ({ preferences }) => void (preferences.snap.value = !preferences.snap.value),
  convert: ({ converting }) => converting.open(),
  "convert.polygon": convert,
  "convert.mask": convert,
  "convert.box": convert,
  "convert.rotated": convert,
  "convert.ellipse": convert,
  front: ({ copying }) => copying.order("front"),
  rear: ({ copying }) => copying.order("rear"),
  "distribute.horizontal": distribute,
  "distribute.vertical": distribute,
  group: ({ copying }) => copying.group(),
  ungroup: ({ copying }) => copying.ungroup(),
  "align.left": align,
  "align.right": align,
  "align.top": align,
  "align.bottom": align,
  "align.center": align,
  "align.middle": align,
  "review.accept": ({ reviewing }) => reviewing.set({ status: "accepted" }),
  "review.reject": ({ reviewing }) => reviewing.set({ status: "rejected" }),
  "review.comment": ({ reviewing }) => reviewing.pin(),
  "review.next": ({ reviewing }) => reviewing.next(),
  "mistake.next": ({ sight }) => sight.next(1),
  "mistake.previous": ({ sight }) => sight.next(-1),
  "accept.free": ({ sight }) => sight.acceptFree(),
  occluded: ({ editor }) => editor.toggleOccluded(),
  tags: (session) => {
    if (session.phase.value.kind === "ready") session.dialog.value = "tags";
  },
  search: (session) => void session.searchAsked.value++,
  help: (session) => void (session.dialog.value = session.dialog.value === "keys" ? null : "keys"),
  palette: (session) => void (session.dialog.value = "palette"),
  play: ({ playback }) => playback.toggle(),
  "image.next": ({ viewer }) => viewer.step(1),
  "image.previous": ({ viewer }) => viewer.step(-1),
  "image.forward": ({ viewer }) => viewer.step(10),
  "image.back": ({ viewer }) => viewer.step(-10),
  "zoom.in": ({ editor }) => editor.viewport.zoomBy(1.25),
  "zoom.out": ({ editor }) => editor.viewport.zoomBy(0.8),
  "zoom.fit": ({ editor }) => editor.viewport.fit(),
  "zoom.selection": ({ editor }) => editor.zoomToSelection(),
  "view.crosshair": flip("crosshair"),
  "view.rulers": flip("rulers"),
  "window.auto": ({ deep }) => deep.auto(),
  "window.full": ({ deep }) => deep.full(),
  "view.minimap": flip("minimap"),
  "view.fainter": labels(-0.1),
  "view.stronger": labels(0.1),
  "view.reset": ({ preferences }) => void (preferences.look.value = restored(preferences.look.value)),
  "nudge.left": nudge(-1, 0),
  "nudge.right": nudge(1, 0),
  "nudge.up": nudge(0, -1),
  "nudge.down": nudge(0, 1),
};

/** Do what the command says; false where it means nothing now, so that the key stays the browser's. */
export function perform(command: Command, session: Session, how: How): boolean {
  const verb = verbs[command] ?? (command.startsWith("tool.") ? takeUp : command.startsWith("class.") ? chooseClass : command.startsWith("tag.") ? setTag : null);
  if (!verb) throw new Error(`nothing does ${command}`);
  if (session.playing.value && command !== "play" && !/^(zoom|view|hide|help|window)/.test(command)) session.playback.stop();
  return verb(session, how, command) !== false;
}

/**
 * Keys of the widget. None goes further up: JupyterLab's notebook takes the focus back on any key press that reaches it,
 * be it Ctrl alone. What we do not handle keeps its meaning to the browser.
 */
export function listenToKeys(root: HTMLElement, session: Session, around: Around): () => void {
  const slot = (event: KeyboardEvent): void => {
    event.stopPropagation();
    const command = session.preferences.keys.value.commandFor({
      key: event.key, code: event.code, ctrl: event.ctrlKey || event.metaKey, shift: event.shiftKey, alt: event.altKey,
    });
    if (command === "save") {
      // Edits are saved already; the browser's own dialogue would only be in the way.
      event.preventDefault();
      around.save?.(event);
      return;
    }
    // The browser makes events of these: they reach what was copied elsewhere.
    if (command?.startsWith("clip.")) return;
    const target = event.target instanceof HTMLElement ? event.target : null;
    const typing = target?.closest("input, select, textarea") ?? null;
    // A slider or a search field keeps its own keys; Esc always comes back to the canvas.
    if (typing && event.key !== "Escape") return;
    if (typing && !session.dialog.value) {
      root.focus();
      event.preventDefault();
      return;
    }
    // Enter and Space press a focused button.
    if ((event.key === "Enter" || event.key === " ") && target?.closest("button")) return;
    if (!command || session.phase.value.kind !== "ready") return;
    // Behind a dialogue nothing is to happen unseen.
    if (session.dialog.value && command !== "cancel" && command !== "help") return;
    if (perform(command, session, { big: event.shiftKey, leave: () => around.leave(root) })) event.preventDefault();
  };
  root.addEventListener("keydown", slot);
  return () => root.removeEventListener("keydown", slot);
}

/** Whether the command can be chosen from a list: some are a hand's only. */
export function isListed(command: Command): boolean {
  return verbs[command] !== undefined ? !infoOf(command).fixed || command.startsWith("clip.") : command.startsWith("tool.");
}
