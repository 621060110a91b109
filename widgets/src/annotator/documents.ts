// The editor's documents and the kernel's shapes, kept in step: local changes go out as ops, the kernel's come in.
import { EditorDocument } from "../editor/selecting";
import { type Shape, isEmpty, patchBetween, patched } from "../editor/records";
import type { ApplyReply, EditsPush, ImageRef, OpResult, Patch, ShapesReply } from "../wire.gen";
import type { Draft } from "../editor/store";
import { opsOf, stepIds, tagOpsOf, wholeImage } from "./ops";
import type { Outbox } from "./outbox";

/** Somebody else changed the same property of the same shape. Ours stands; theirs can be put back. */
export interface Conflict {
  readonly imageId: number;
  readonly shapeId: string;
  readonly properties: readonly string[];
  readonly theirs: Patch | null;
}

interface Entry {
  readonly document: EditorDocument;
  /** The kernel's log stood here when we last heard; -1 before the first answer. */
  seq: number;
  readonly revs: Map<string, number>;
  readonly known: Set<string>;
}

const keptMax = 40;

export class Documents {
  #entries = new Map<number, Entry>();
  #outbox: Outbox;
  #newId: () => string;
  #onResult: (imageId: number, result: OpResult) => void;

  constructor(outbox: Outbox, newId: () => string, onResult: (imageId: number, result: OpResult) => void) {
    this.#outbox = outbox;
    this.#newId = newId;
    this.#onResult = onResult;
  }

  /** The image's document; a new one is empty until `merge`. */
  of(ref: ImageRef): EditorDocument {
    let entry = this.#entries.get(ref.id);
    if (!entry) {
      const document = new EditorDocument(ref.id, { w: ref.width, h: ref.height });
      entry = { document, seq: -1, revs: new Map(), known: new Set() };
      const { known, revs } = entry;
      document.store.listen((diff, origin, tags, head) => {
        if (origin === "remote") return;
        const newId = stepIds(this.#newId, origin === "replay", head);
        const ops = opsOf(diff, known, newId);
        for (const op of ops) known.add(op.shape_id);
        ops.push(...tagOpsOf(tags, newId));
        if (ops.length) this.#outbox.add(ref.id, ops, (id) => revs.get(id) ?? 0);
      });
    }
    // Last in the map is the most recently used.
    this.#entries.delete(ref.id);
    this.#entries.set(ref.id, entry);
    this.#forgetOld();
    return entry.document;
  }

  /** Shapes that the kernel has, at these revisions, though it did not list them: deleted ones. */
  know(imageId: number, revs: Iterable<readonly [string, number]>): void {
    const entry = this.#entries.get(imageId);
    for (const [id, rev] of revs) {
      entry?.known.add(id);
      if (entry && !entry.revs.has(id)) entry.revs.set(id, rev);
    }
  }

  /** Somebody changed these images elsewhere, in the person's name: shapes and steps are asked for when they are wanted. */
  outdate(imageIds: Iterable<number>): void {
    for (const imageId of imageIds) {
      const entry = this.#entries.get(imageId);
      if (!entry) continue;
      entry.seq = -1;
      entry.document.history.forget();
    }
  }

  loaded(imageId: number): boolean {
    return (this.#entries.get(imageId)?.seq ?? -1) >= 0;
  }

  seq(imageId: number): number {
    return this.#entries.get(imageId)?.seq ?? -1;
  }

  /** Take the kernel's shapes; those with unsaved local ops stay as the person left them. */
  merge(reply: ShapesReply): void {
    const entry = this.#entries.get(reply.image_id);
    if (!entry || reply.seq < entry.seq) return;
    entry.seq = reply.seq;
    if (!reply.seq) entry.document.history.begun = true;
    const theirs = new Map(reply.shapes.map((shape) => [shape.id, shape]));
    const { store } = entry.document;
    store.change("remote", (draft) => {
      this.#tag(reply.image_id, reply.tags, store.tags, draft);
      for (const shape of [...store.all()]) {
        if (!theirs.has(shape.id) && !this.#outbox.pendingOn(reply.image_id, shape.id)) draft.remove(shape.id);
      }
      for (const shape of reply.shapes) {
        entry.known.add(shape.id);
        if (this.#outbox.pendingOn(reply.image_id, shape.id)) continue;
        entry.revs.set(shape.id, shape.rev);
        this.#take(store.get(shape.id), shape, draft.put);
      }
    });
  }

  /** Take other people's edits. False where some before them are missing: ask for the shapes. */
  follow(edits: Pick<EditsPush, "image_id" | "after" | "seq" | "shapes" | "tags">): boolean {
    const entry = this.#entries.get(edits.image_id);
    if (!entry || entry.seq < 0 || edits.seq <= entry.seq) return true;
    if (edits.after > entry.seq) return false;
    entry.seq = edits.seq;
    const { store } = entry.document;
    store.change("remote", (draft) => {
      if (edits.tags) this.#tag(edits.image_id, edits.tags, store.tags, draft);
      for (const shape of edits.shapes) {
        entry.known.add(shape.id);
        if (this.#outbox.pendingOn(edits.image_id, shape.id) || shape.rev < (entry.revs.get(shape.id) ?? 0)) continue;
        entry.revs.set(shape.id, shape.rev);
        if (shape.deleted) draft.remove(shape.id);
        else this.#take(store.get(shape.id), shape, draft.put);
      }
    });
    return true;
  }

  /** Take the kernel's answer to our ops. */
  settle(reply: ApplyReply): void {
    const entry = this.#entries.get(reply.image_id);
    // Only where nobody else's edit stands between what we knew and ours: that one is still to come.
    const made = reply.results.filter(({ status }) => status === "applied" || status === "conflict").length;
    if (entry && entry.seq === reply.seq - made) entry.seq = reply.seq;
    for (const result of reply.results) {
      const shape = result.shape;
      if (entry && shape) {
        entry.known.add(shape.id);
        entry.revs.set(shape.id, shape.rev);
        if (!this.#outbox.pendingOn(reply.image_id, shape.id)) {
          const { store } = entry.document;
          store.change("remote", (draft) => {
            if (shape.deleted) draft.remove(shape.id);
            else this.#take(store.get(shape.id), shape, draft.put);
          });
        }
      }
      if (result.status === "conflict" || result.status === "refused") this.#onResult(reply.image_id, result);
    }
  }

  /** Put their version of a property back: an ordinary local change, with undo. */
  useTheirs({ imageId, shapeId, theirs }: Conflict): void {
    const store = this.#entries.get(imageId)?.document.store;
    const shape = store?.get(shapeId);
    if (store && shape && theirs) store.change("local", (draft) => draft.put(patched(shape, theirs)));
  }

  /** Take the kernel's tags; what the person said of one that is not saved yet stands. */
  #tag(imageId: number, theirs: readonly string[], mine: ReadonlySet<string>, { tag }: Draft): void {
    const wanted = new Set(theirs);
    for (const { action, patch } of this.#outbox.unsaved(imageId, wholeImage)) {
      for (const name of patch?.tags ?? []) void (action === "tag" ? wanted.add(name) : wanted.delete(name));
    }
    for (const name of mine) tag(name, wanted.has(name));
    for (const name of wanted) tag(name, true);
  }

  /** Unchanged values keep their identity: rasters and decoded masks hang on it. */
  #take(mine: Shape | undefined, theirs: Shape, put: (shape: Shape) => void): void {
    if (!mine) put(theirs);
    else {
      const patch = patchBetween(mine, theirs);
      if (!isEmpty(patch)) put({ ...patched(mine, patch), rev: theirs.rev });
    }
  }

  #forgetOld(): void {
    for (const imageId of this.#entries.keys()) {
      if (this.#entries.size <= keptMax) return;
      if (!this.#outbox.hasPending(imageId)) this.#entries.delete(imageId);
    }
  }
}
