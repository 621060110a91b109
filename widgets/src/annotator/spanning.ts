// A command on several images: one step, of which undo on any of them takes back the whole.
import type { EditorDocument } from "../editor/selecting";
import type { Draft } from "../editor/store";

/** What the ids of a step's ops begin with; of a replay's, which say so by their version. */
export function stepHead(replayed = false, newId: () => string = () => crypto.randomUUID()): string {
  const first = newId().slice(0, 19);
  return replayed ? `${first.slice(0, 14)}8${first.slice(15)}` : first;
}

/** An id that begins so. */
export function idOf(head: string, newId: () => string = () => crypto.randomUUID()): string {
  return head + newId().slice(19);
}

/** One such command while it runs. */
export class Spanning {
  readonly #head = stepHead();
  readonly #touched = new Set<EditorDocument>();

  /** Change one of the images. */
  change(document: EditorDocument, write: (draft: Draft) => void): void {
    if (document.store.change("local", write, this.#head).size) this.#touched.add(document);
  }

  /** It has ended, perhaps before its time. Whoever gave it on an image that it left alone can take it back there too. */
  end(here: EditorDocument | null): void {
    if (here && this.#touched.size && !this.#touched.has(here)) here.history.note(this.#head);
  }
}
