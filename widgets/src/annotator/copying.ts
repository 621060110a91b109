// Shapes copied: within an image, to the images that follow, from the one before, and by the clipboard.
import { fitted, freeGroup, grouped, misfit, ordered, regrouped, shiftedTogether } from "../editor/arranging";
import type { Size } from "../editor/geometry";
import { type Shape, alone, same } from "../editor/records";
import { clipOf, unclipped } from "./clipping";
import type { Session } from "./session";
import { Spanning } from "./spanning";

/** How far a copy is put from what it copies, so that both are seen; image pixels. */
const asidePx = 10;

/** The most images that one step copies to. */
export const propagatedMax = 500;

export class Copying {
  readonly #session: Session;
  /** What was copied last: for browsers that let nobody read their clipboard. */
  #text = "";

  constructor(session: Session) {
    this.#session = session;
  }

  /** What is selected, as text; empty where nothing is. */
  copy(): string {
    const { editor, palette } = this.#session;
    if (editor.selection.length) this.#text = clipOf(editor.selection, (id) => palette.name(id));
    return editor.selection.length ? this.#text : "";
  }

  cut(): string {
    const { editor } = this.#session;
    const text = editor.readOnly ? "" : this.copy();
    if (text) editor.remove();
    return text;
  }

  /** Paste what `text` holds, or what was copied here last. False where that is no shapes. */
  paste(text = this.#text): boolean {
    const { editor, classes } = this.#session;
    const clip = unclipped(text, classes.value);
    if (!clip || editor.readOnly || !editor.document) return false;
    for (const [name, count] of clip.strange) {
      this.#session.tell(`${many(count, "shape")} not pasted: there is no class “${name}” here`, "define it with dataset.define_class(…)");
    }
    this.#put(clip.shapes);
    return true;
  }

  /** Copies of what is selected, a little aside. */
  duplicate(): boolean {
    const { editor } = this.#session;
    const shapes = editor.selection;
    if (!shapes.length || editor.readOnly) return false;
    this.#put(shapes);
    return true;
  }

  #put(shapes: readonly Shape[]): void {
    const { editor } = this.#session;
    const fitting = this.#told(shapes, fit(shapes, editor.size));
    // A copy that lies exactly on what it copies would not be seen.
    const hides = fitting.every(({ geometry }) => editor.document?.index.within(geometry.box).some((one) => same(one.geometry, geometry)));
    const aside = hides ? shiftedTogether(fitting, { x: asidePx, y: asidePx }, editor.size) : [];
    editor.add(regrouped(aside.length === fitting.length ? aside : fitting, editor.document?.store.all() ?? []));
  }

  /** Those that fit; the others are told of. */
  #told(shapes: readonly Shape[], { fitting, reason }: Fit): readonly Shape[] {
    if (reason) this.#session.tell(`${many(shapes.length - fitting.length, "shape")} not copied: ${reason}`);
    return fitting;
  }

  /** Everything on the image before this one. */
  async previous(): Promise<void> {
    const { editor, viewer, index } = this.#session;
    if (editor.readOnly || index.value < 1) return;
    const here = editor.document;
    const former = await viewer.ready(index.value - 1);
    if (editor.document !== here || !former) return;
    const shapes = [...former.store.all()];
    if (shapes.length) editor.add(regrouped(this.#told(shapes, fit(shapes, editor.size)), here?.store.all() ?? []));
    else this.#session.tell("The previous image has no shapes");
  }

  /** What is selected, or all, to each of the next `count` images: one step of undo. */
  async propagate(count: number): Promise<void> {
    const { editor, viewer, index, hello, copied } = this.#session;
    const shapes = editor.selection.length ? editor.selection : [...(editor.document?.store.all() ?? [])];
    const first = index.value + 1;
    const of = Math.min(count, propagatedMax, (hello.value?.image_count ?? 0) - first);
    if (editor.readOnly || !shapes.length || of < 1) return;
    let done = 0;
    let least: Fit = { fitting: shapes, reason: null };
    const here = editor.document;
    const command = new Spanning();
    copied.value = { done, of };
    try {
      // Whoever stops it sets `copied` to null.
      while (done < of && copied.value) {
        const document = await viewer.ready(first + done);
        if (!document) break;
        const fits = fit(shapes, document.size);
        if (fits.fitting.length < least.fitting.length) least = fits;
        command.change(document, (draft) => {
          for (const shape of regrouped(fits.fitting, document.store.all())) draft.put({ ...shape, id: crypto.randomUUID(), rev: 0, track: { ...alone } });
        });
        done++;
        copied.value &&= { done, of };
      }
    } finally {
      copied.value = null;
      command.end(here);
      this.#told(shapes, least);
      const what = least.reason ? "What fits is" : `${many(shapes.length, "shape")} ${shapes.length === 1 ? "is" : "are"}`;
      if (done) this.#session.tell(`${what} copied to the next ${many(done, "image")}`, "Ctrl Z takes them all back");
    }
  }

  /** A group of its own: from now on a click on one selects all of them. */
  group(): boolean {
    const { editor } = this.#session;
    if (editor.editable.length < 2) {
      if (editor.editable.length) this.#session.tell("Two shapes or more make a group", "Shift-click takes one more");
      return editor.editable.length > 0;
    }
    const group = freeGroup(editor.document?.store.all() ?? []);
    editor.putAll(grouped(editor.editable, group));
    this.#session.tell(`${many(editor.editable.length, "shape")} are group ${group}: a click selects all of them, another one of them alone`);
    return true;
  }

  ungroup(): boolean {
    const { editor } = this.#session;
    editor.putAll(grouped(editor.editable, null));
    return editor.editable.length > 0;
  }

  /** Over all others, or under them. */
  order(end: "front" | "rear"): boolean {
    const { editor } = this.#session;
    editor.putAll(ordered(editor.editable, editor.document?.store.all() ?? [], end));
    return editor.editable.length > 0;
  }
}

interface Fit {
  readonly fitting: readonly Shape[];
  /** Why the first of those left out does not fit; null where none is. */
  readonly reason: string | null;
}

/** Which of the shapes an image of this size can hold. */
function fit(shapes: readonly Shape[], size: Size): Fit {
  const reasons = shapes.map((shape) => misfit(shape, size));
  return {
    fitting: shapes.filter((_, n) => reasons[n] === null).map((shape) => fitted(shape, size)),
    reason: reasons.find((one) => one !== null) ?? null,
  };
}

function many(count: number, what: string): string {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}

/**
 * The clipboard's own events: they come from keys and from the browser's menu alike, and reach other pages. What a text
 * field copies or pastes is its own.
 */
export function listenToClipboard(root: HTMLElement, session: Session): () => void {
  const stop = new AbortController();
  const typing = (event: Event): boolean => event.target instanceof HTMLElement && event.target.closest("input, textarea, select") !== null;
  const on = (type: "copy" | "cut" | "paste", slot: (data: DataTransfer) => boolean): void =>
    root.addEventListener(type, (event) => {
      if (typing(event) || !event.clipboardData || !slot(event.clipboardData)) return;
      event.preventDefault();
      event.stopPropagation();
    }, { signal: stop.signal });
  const give = (text: string, data: DataTransfer): boolean => {
    if (text) data.setData("text/plain", text);
    return text !== "";
  };
  on("copy", (data) => give(session.copying.copy(), data));
  on("cut", (data) => give(session.copying.cut(), data));
  on("paste", (data) => session.copying.paste(data.getData("text/plain")));
  return () => stop.abort();
}
