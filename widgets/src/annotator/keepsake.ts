// Ops that are not saved yet, kept in the browser too: a reload or a crash of the tab must not lose them.
import type { Op } from "../editor/records";

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

export class Keepsake {
  #shelf: Shelf;
  #prefix = "";

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /** The kernel's name for dataset and database; until it is known nothing is written. */
  set scope(scope: string) {
    this.#prefix = scope && `evalnb/op/${scope}/`;
  }

  /** False where the browser has no room or forbids it; the op then lives in this page alone. */
  keep(kept: KeptOp): boolean {
    if (!this.#prefix) return false;
    try {
      this.#shelf.setItem(this.#prefix + kept.op.client_op_id, JSON.stringify(kept));
      return true;
    } catch (error) {
      console.warn("evalnb: the browser cannot keep an unsaved edit; keep this page open until it is saved", error);
      return false;
    }
  }

  drop(clientOpId: string): void {
    if (this.#prefix) this.#shelf.removeItem(this.#prefix + clientOpId);
  }

  /** What an earlier page could not send, oldest first. */
  all(): KeptOp[] {
    if (!this.#prefix) return [];
    const found: KeptOp[] = [];
    for (let i = 0; i < this.#shelf.length; i++) {
      const key = this.#shelf.key(i);
      const text = key?.startsWith(this.#prefix) ? this.#shelf.getItem(key) : null;
      const kept = text && read(key!, text);
      if (kept) found.push(kept);
    }
    return found.sort((a, b) => a.made[0] - b.made[0] || a.made[1] - b.made[1]);
  }
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
