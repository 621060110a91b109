// What each key does. The key map itself is the editor's; here it meets the session.
import { type Command, commandFor } from "../editor/keys";
import type { ToolName } from "../editor/tools/tool";
import type { Session } from "./session";

/** The page that an annotator stands in. */
export interface Around {
  /** Take the keys back. */
  readonly leave: (root: HTMLElement) => void;
  /** Save what the annotator is a part of; left out where that is nothing. */
  readonly save?: (pressed: KeyboardEvent) => void;
}

/** Do what the command says; false where it means nothing now, so that the key stays the browser's. */
export function perform(command: Exclude<Command, "save">, session: Session, options: { big: boolean; leave: () => void }): boolean {
  const { editor } = session;
  switch (command) {
    case "tool.sam":
      session.segment();
      return true;
    case "brush.smaller":
    case "brush.larger":
      return editor.resizeBrush(command === "brush.larger");
    case "again":
      editor.again();
      return true;
    case "accept":
      return editor.dispatch({ type: "accept" });
    case "back":
      return editor.dispatch({ type: "back" });
    case "cancel":
      if (session.helpShown.value) session.helpShown.value = false;
      else if (!editor.dispatch({ type: "cancel" })) {
        if (editor.tool.name === "select") options.leave();
        else editor.use("select");
      }
      return true;
    case "delete":
      editor.remove();
      return true;
    case "undo":
      editor.undo();
      return true;
    case "redo":
      editor.redo();
      return true;
    case "hide":
      if (editor.selectedId) editor.toggleHidden(editor.selectedId);
      else editor.showTruth(!editor.truthShown);
      return true;
    case "hide.all":
      editor.showTruth(!editor.truthShown);
      return true;
    case "object.next":
    case "object.previous":
      editor.selectBeside(command === "object.next" ? 1 : -1);
      return true;
    case "occluded":
      return editor.toggleOccluded();
    case "search":
      session.searchAsked.value++;
      return true;
    case "help":
      session.helpShown.value = !session.helpShown.value;
      return true;
    case "image.next":
    case "image.previous":
      session.viewer.step(command === "image.next" ? 1 : -1);
      return true;
    case "image.forward":
    case "image.back":
      session.viewer.step(command === "image.forward" ? 10 : -10);
      return true;
    case "zoom.in":
    case "zoom.out":
      editor.viewport.zoomBy(command === "zoom.in" ? 1.25 : 0.8);
      return true;
    case "zoom.fit":
      editor.viewport.fit();
      return true;
    case "nudge.left":
    case "nudge.right":
    case "nudge.up":
    case "nudge.down": {
      const by = options.big ? 10 : 1;
      const x = command === "nudge.left" ? -by : command === "nudge.right" ? by : 0;
      const y = command === "nudge.up" ? -by : command === "nudge.down" ? by : 0;
      return editor.nudge({ x, y });
    }
    default: {
      if (command.startsWith("tool.")) {
        editor.use(command.slice("tool.".length) as ToolName);
        return true;
      }
      const place = Number(command.slice("class.".length)) - 1;
      const chosen = session.classes.value[place];
      if (chosen) editor.setClass(chosen.id);
      return true;
    }
  }
}

/**
 * Keys of the widget. None goes further up: JupyterLab's notebook takes the focus back on any key press that reaches it,
 * be it Ctrl alone. What we do not handle keeps its meaning to the browser.
 */
export function listenToKeys(root: HTMLElement, session: Session, around: Around): () => void {
  const slot = (event: KeyboardEvent): void => {
    event.stopPropagation();
    const command = commandFor({
      key: event.key, ctrl: event.ctrlKey || event.metaKey, shift: event.shiftKey, alt: event.altKey,
    });
    if (command === "save") {
      // Edits are saved already; the browser's own dialogue would only be in the way.
      event.preventDefault();
      around.save?.(event);
      return;
    }
    const target = event.target instanceof HTMLElement ? event.target : null;
    const typing = target?.closest("input, select, textarea") ?? null;
    // A slider or a search field keeps its own keys; Esc always comes back to the canvas.
    if (typing && event.key !== "Escape") return;
    if (typing) {
      root.focus();
      event.preventDefault();
      return;
    }
    // Enter and Space press a focused button.
    if ((event.key === "Enter" || event.key === " ") && target?.closest("button")) return;
    if (!command || session.phase.value.kind !== "ready") return;
    if (perform(command, session, { big: event.shiftKey, leave: () => around.leave(root) })) event.preventDefault();
  };
  root.addEventListener("keydown", slot);
  return () => root.removeEventListener("keydown", slot);
}
