// What is said of the whole image: any number of tags, of the dataset's own and of new ones.
import { computed, signal } from "@preact/signals";
import type { Session } from "./session";

/** As the kernel has it: so many characters. */
export const tagMax = 100;

export class Tagging {
  readonly #session: Session;
  /** Tags that this page set and the kernel did not know of when it greeted. */
  readonly #fresh = signal<readonly string[]>([]);
  /** The dataset's tags in their order, then those that are new; the first nine have keys. */
  readonly known;

  constructor(session: Session) {
    this.#session = session;
    this.known = computed<readonly string[]>(() => {
      const listed = session.hello.value?.tags ?? [];
      return [...new Set([...listed, ...this.#fresh.value, ...session.tags.value])];
    });
  }

  /** Say it of the image, or no longer. What is no tag is told. */
  toggle(text: string): void {
    const { editor } = this.#session;
    const name = text.trim().replace(/\s+/gu, " ");
    if (!name || editor.readOnly || !editor.document) return;
    // The same set as the kernel's: control signs, half of a pair of surrogates and the like are none.
    if (name.length > tagMax || /[\p{C}\p{Zl}\p{Zp}]/u.test(name)) return this.#session.tell(`This is no tag: use up to ${tagMax} printable characters`);
    if (!this.known.value.includes(name)) this.#fresh.value = [...this.#fresh.value, name];
    // Of now, not of the last frame: two presses are two.
    const on = !editor.document.store.tags.has(name);
    editor.document.store.change("local", (draft) => draft.tag(name, on));
  }
}
