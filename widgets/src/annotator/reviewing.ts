// The review of the shown image: its status, the comments pinned to it, and what its shapes were before.
import { effect, signal } from "@preact/signals";
import type { Transport } from "../bridges/transport";
import type { Point } from "../editor/geometry";
import type { ApplyReply, CommentInfo, PastReply, ReviewReply, ReviewSetAsk } from "../wire.gen";
import type { Session } from "./session";

export const statuses = ["todo", "doing", "review", "accepted", "rejected"] as const;

export class Reviewing {
  readonly #session: Session;
  readonly #transport: Transport;
  readonly #settle: (reply: ApplyReply) => void;
  /** Of the shown image; null until it is known. */
  readonly review = signal<ReviewReply | null>(null);
  /** The next click on the canvas says where a comment belongs; then it is where that was. */
  readonly pinning = signal<"asked" | Point | null>(null);
  /** The comment that the person looks at. */
  readonly shown = signal<string | null>(null);
  /** Whether the past is looked at; and what it was. */
  readonly looksBack = signal(false);
  readonly past = signal<PastReply | null>(null);

  /** `settle` takes over what an edit made of shapes. */
  constructor(session: Session, transport: Transport, settle: (reply: ApplyReply) => void) {
    this.#session = session;
    this.#transport = transport;
    this.#settle = settle;
  }

  start(): () => void {
    const stops = [
      effect(() => {
        const imageId = this.#session.image.value?.id;
        this.review.value = null;
        this.pinning.value = this.shown.value = null;
        if (imageId !== undefined) this.#session.attempt("The image's review did not come", this.#take(this.#transport.request<"review">({ ask: "review", image_id: imageId })));
      }),
      effect(() => {
        const { image, selectedId, shapes, pending } = this.#session;
        void shapes.value;
        if (!this.looksBack.value || !image.value || pending.value) return;
        const ask = { ask: "past", image_id: image.value.id, ...(selectedId.value === null ? {} : { shape_id: selectedId.value }) } as const;
        this.#session.attempt("The history did not come", this.#transport.request<"past">(ask).then(({ reply }) => (this.past.value = reply)));
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }

  async #take(asked: Promise<{ reply: ReviewReply }>): Promise<void> {
    const { reply } = await asked;
    if (reply.image_id === this.#session.image.value?.id) this.review.value = reply;
  }

  set(change: Pick<ReviewSetAsk, "status" | "assignee">): void {
    const imageId = this.#session.image.value?.id;
    if (imageId === undefined || this.#session.editor.readOnly) return;
    this.#session.attempt("The review was not saved", this.#take(this.#transport.request<"review_set">({ ask: "review_set", image_id: imageId, ...change })));
  }

  /** Ask for a place; asked again, forget it. */
  pin(): void {
    if (!this.#session.editor.readOnly) this.pinning.value = this.pinning.value ? null : "asked";
  }

  comment(text: string): void {
    const imageId = this.#session.image.value?.id;
    const at = this.pinning.value;
    if (imageId === undefined || !at || at === "asked" || !text.trim()) return;
    const id = crypto.randomUUID();
    this.pinning.value = null;
    this.shown.value = id;
    this.#session.attempt("The comment was not saved", this.#take(this.#transport.request<"comment">({ ask: "comment", image_id: imageId, comment_id: id, x: at.x, y: at.y, text })));
  }

  resolve({ id, resolved_by }: CommentInfo): void {
    const imageId = this.#session.image.value?.id;
    if (imageId === undefined) return;
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
    const imageId = this.#session.image.value?.id;
    if (imageId === undefined) return;
    const asked = this.#transport.request<"restore">({ ask: "restore", image_id: imageId, shape_id: shapeId, rev });
    this.#session.attempt("The shape was not restored", asked.then(({ reply }) => {
      this.#settle(reply);
      this.#session.editor.pick(shapeId);
    }));
  }
}
