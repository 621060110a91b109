// The review of the shown image: its status, the comments pinned to it, and what its shapes were before.
import { effect, signal } from "@preact/signals";
import type { Transport } from "../bridges/transport";
import type { Point } from "../editor/geometry";
import type { ApplyReply, CommentInfo, PastReply, ReviewReply, ReviewSetAsk } from "../wire.gen";
import type { Session } from "./session";

export const statuses = ["todo", "doing", "review", "accepted", "rejected"] as const;

/** A comment that is not saved yet: nothing of it goes before the other side has it. */
export interface Draft {
  readonly id: string;
  readonly at: Point;
  readonly text: string;
}

export class Reviewing {
  readonly #session: Session;
  readonly #transport: Transport;
  readonly #settle: (reply: ApplyReply) => void;
  /** Of the shown image; null until it is known. */
  readonly review = signal<ReviewReply | null>(null);
  /** The next click on the canvas says where a comment belongs. */
  readonly pinning = signal(false);
  readonly draft = signal<Draft | null>(null);
  /** The comment that the person looks at. */
  readonly shown = signal<string | null>(null);
  /** Whether the past is looked at; and what it was, of the selected shape or of the image. */
  readonly looksBack = signal(false);
  readonly past = signal<PastReply | null>(null);
  /** Comments begun on other images. */
  readonly #drafts = new Map<number, Draft>();
  #imageId: number | null = null;

  /** `settle` takes over what an edit made of shapes. */
  constructor(session: Session, transport: Transport, settle: (reply: ApplyReply) => void) {
    this.#session = session;
    this.#transport = transport;
    this.#settle = settle;
  }

  start(): () => void {
    const stops = [effect(() => this.#arrive(this.#session.restingId.value)), effect(() => this.#lookBack())];
    return () => stops.forEach((stop) => stop());
  }

  #arrive(imageId: number | null): void {
    if (imageId === this.#imageId) return;
    const draft = this.draft.peek();
    if (this.#imageId !== null && draft) this.#drafts.set(this.#imageId, draft);
    this.#imageId = imageId;
    this.review.value = this.shown.value = null;
    this.pinning.value = false;
    this.draft.value = (imageId !== null && this.#drafts.get(imageId)) || null;
    if (imageId === null) return;
    this.#drafts.delete(imageId);
    this.refresh();
  }

  /** Ask for the review anew: somebody else changed it. What is being written here stays as it is. */
  refresh(): void {
    const imageId = this.#imageId;
    if (imageId === null) return;
    this.#session.attempt("The image's review did not come", this.#take(this.#transport.request<"review">({ ask: "review", image_id: imageId })));
  }

  #lookBack(): void {
    const { image, selectedId, shapes, pending } = this.#session;
    void shapes.value;
    if (!this.looksBack.value || this.#session.restingId.value === null || !image.value || pending.value) return;
    const shapeId = selectedId.value;
    const ask = { ask: "past", image_id: image.value.id, ...(shapeId === null ? {} : { shape_id: shapeId }) } as const;
    this.#session.attempt("The history did not come", this.#transport.request<"past">(ask).then(({ reply }) => {
      if (reply.image_id === image.peek()?.id && reply.shape_id === selectedId.peek()) this.past.value = reply;
    }));
  }

  async #take(asked: Promise<{ reply: ReviewReply }>): Promise<void> {
    try {
      const { reply } = await asked;
      if (reply.image_id === this.#imageId) this.review.value = reply;
    } catch (error) {
      // What was chosen is not so: the fields show again what is.
      this.review.value &&= { ...this.review.value };
      throw error;
    }
  }

  set(change: Pick<ReviewSetAsk, "status" | "assignee">): void {
    const imageId = this.#imageId;
    if (imageId === null || this.#session.editor.readOnly) return;
    this.#session.attempt("The review was not saved", this.#take(this.#transport.request<"review_set">({ ask: "review_set", image_id: imageId, ...change })));
  }

  /** Ask for a place; asked again, do not. */
  pin(): void {
    if (!this.#session.editor.readOnly) this.pinning.value = !this.pinning.value;
  }

  /** The place that was asked for. What is written already goes with it. */
  place(at: Point): void {
    this.pinning.value = false;
    this.draft.value = { id: crypto.randomUUID(), text: "", ...this.draft.value, at };
  }

  write(text: string): void {
    this.draft.value &&= { ...this.draft.value, text };
  }

  /** Save the draft; where that fails it stays, and is sent under the same id when it is tried again. */
  comment(): void {
    const imageId = this.#imageId;
    const draft = this.draft.value;
    if (imageId === null || !draft?.text.trim()) return;
    const { id, at: { x, y }, text } = draft;
    const asked = this.#take(this.#transport.request<"comment">({ ask: "comment", image_id: imageId, comment_id: id, x, y, text })).then(() => {
      if (this.#drafts.get(imageId)?.id === id) this.#drafts.delete(imageId);
      if (this.draft.value?.id !== id) return;
      this.draft.value = null;
      this.shown.value = id;
    });
    this.#session.attempt("The comment was not saved", asked);
  }

  resolve({ id, resolved_by }: CommentInfo): void {
    const imageId = this.#imageId;
    if (imageId === null) return;
    this.#session.attempt("The comment was not resolved", this.#take(this.#transport.request<"resolve">({ ask: "resolve", image_id: imageId, comment_id: id, resolved: !resolved_by })));
  }

  /** Look at the open comment after the one that was looked at last. */
  next(): void {
    const open = this.review.value?.comments.filter(({ resolved_by }) => !resolved_by) ?? [];
    const comment = open[(open.findIndex(({ id }) => id === this.shown.value) + 1) % (open.length || 1)];
    if (!comment) return this.#session.tell("No comment is open on this image");
    this.show(comment);
  }

  show({ id, x, y }: CommentInfo): void {
    this.shown.value = id;
    this.#session.editor.viewport.reveal([x - 1, y - 1, 2, 2]);
  }

  /** A shape as it was at that revision, as a new edit. */
  restore(shapeId: string, rev: number): void {
    const imageId = this.#imageId;
    if (imageId === null) return;
    const asked = this.#transport.request<"restore">({ ask: "restore", image_id: imageId, shape_id: shapeId, rev });
    this.#session.attempt("The shape was not restored", asked.then(({ reply }) => {
      this.#settle(reply);
      this.#session.editor.pick(shapeId);
    }));
  }
}
