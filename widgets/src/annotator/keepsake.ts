// Ops that are not saved yet, kept in the browser too: a reload or a crash of the tab must not lose them.
import type { Op } from "../editor/records";
import type { Attic } from "./attic";

export interface KeptOp {
  readonly imageId: number;
  readonly op: Op;
  /** When it was made, and its place among those made in the same millisecond. */
  readonly made: readonly [number, number];
}

/** The part of the Web Storage interface that is used. */
export interface Shelf {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** So long the attic is waited for at the beginning; what comes later is found at the next. */
const atticMs = 1_500;

export class Keepsake {
  #shelf: Shelf;
  #attic: Attic | null;
  /** What is in the attic, by key. */
  #above = new Map<string, string>();
  #prefix = "";

  /** What is made is on the shelf before the next line runs; what finds no room there goes to the attic. */
  constructor(shelf: Shelf, attic: Attic | null = null) {
    this.#shelf = shelf;
    this.#attic = attic;
  }

  /** Look into the attic; `all` knows what is there then. A slow one is not waited for, and serves when it comes. */
  async open(): Promise<void> {
    const attic = this.#attic;
    if (!attic) return;
    const looked = attic.all().then(
      (there) => there.forEach((text, key) => this.#above.set(key, text)),
      (error: unknown) => {
        console.warn("evalnb: this browser's IndexedDB is not to be had; many unsaved edits at once may find no room", error);
        this.#attic = null;
      },
    );
    await Promise.race([looked, new Promise((resolve) => setTimeout(resolve, atticMs))]);
  }

  /** The kernel's name for dataset and database; until it is known nothing is written. */
  set scope(scope: string) {
    this.#prefix = scope && `evalnb/op/${scope}/`;
  }

  /** False where the browser has no room or forbids it; the op then lives in this page alone. */
  keep(kept: KeptOp): boolean {
    if (!this.#prefix) return false;
    const key = this.#prefix + kept.op.client_op_id;
    const text = JSON.stringify(kept);
    try {
      this.#shelf.setItem(key, text);
      return true;
    } catch (error) {
      if (!this.#attic) return lost(error);
      this.#above.set(key, text);
      this.#attic.put(key, text).catch(lost);
      return true;
    }
  }

  drop(clientOpId: string): void {
    if (!this.#prefix) return;
    const key = this.#prefix + clientOpId;
    this.#shelf.removeItem(key);
    // One that stays is sent once more at the next beginning, and the kernel knows its id.
    if (this.#above.delete(key)) this.#attic?.drop(key).catch((error: unknown) => console.debug("evalnb: a saved edit stays in IndexedDB", error));
  }

  /** What an earlier page could not send, oldest first. */
  all(): KeptOp[] {
    if (!this.#prefix) return [];
    const found: KeptOp[] = [];
    const texts = new Map([...this.#above].filter(([key]) => key.startsWith(this.#prefix)));
    for (let i = 0; i < this.#shelf.length; i++) {
      const key = this.#shelf.key(i);
      const text = key?.startsWith(this.#prefix) ? this.#shelf.getItem(key) : null;
      if (text) texts.set(key!, text);
    }
    for (const [key, text] of texts) {
      const kept = read(key, text);
      if (kept) found.push(kept);
    }
    return found.sort((a, b) => a.made[0] - b.made[0] || a.made[1] - b.made[1]);
  }
}

function lost(error: unknown): false {
  console.warn("evalnb: the browser cannot keep an unsaved edit; keep this page open until it is saved", error);
  return false;
}

/** A record that cannot be read stays where it is, and keeps no other from being sent. */
function read(key: string, text: string): KeptOp | null {
  try {
    const kept = JSON.parse(text) as KeptOp;
    if (typeof kept.imageId === "number" && typeof kept.op?.client_op_id === "string" && kept.made?.length === 2) return kept;
  } catch (error) {
    console.error(`evalnb: the unsaved edit ${key} in this browser cannot be read`, error);
    return null;
  }
  console.error(`evalnb: the unsaved edit ${key} in this browser is not one`);
  return null;
}
