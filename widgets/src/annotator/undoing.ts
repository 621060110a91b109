// Undo and redo, also of what an earlier page did, and of what touched several images: that is asked of the log.
import { Refused, type Transport } from "../bridges/transport";
import type { Step } from "../editor/steps";
import type { EditorDocument } from "../editor/selecting";
import type { Change } from "../editor/store";
import type { StepInfo, StepReply } from "../wire.gen";
import type { Documents } from "./documents";
import { saved } from "./saved";
import type { Session } from "./session";
import { idOf, stepHead } from "./spanning";

/** A step of thousands of edits on hundreds of images takes a while. */
const patienceMs = 120_000;

export class Undoing {
  readonly #session: Session;
  readonly #transport: Transport;
  readonly #documents: Documents;
  #asking = false;

  constructor(session: Session, transport: Transport, documents: Documents) {
    this.#session = session;
    this.#transport = transport;
    this.#documents = documents;
  }

  undo(): void {
    const { editor } = this.#session;
    const history = editor.document?.history;
    // While drawing it takes back a point, and needs no past.
    if (editor.tool.state.kind !== "idle" || !history || editor.readOnly) return editor.undo();
    if (history.canUndo || history.begun) return this.#go(true);
    this.#recall(() => {
      if (history.canUndo) this.#go(true);
      else this.#session.tell("Nothing that you did on this image is left to undo");
    });
  }

  redo(): void {
    const { editor } = this.#session;
    const history = editor.document?.history;
    if (!history || history.canRedo || !history.fresh || editor.readOnly) return this.#go(false);
    this.#recall(() => this.#go(false));
  }

  #go(backward: boolean): void {
    const { editor } = this.#session;
    const head = editor.document?.history.nearest(backward)?.head;
    if (head && editor.document && !editor.readOnly) return this.#everywhere(editor.document, head, backward);
    if (backward) editor.undo();
    else editor.redo();
  }

  /** Take a step of several images back on all of them, or do it again. */
  #everywhere(document: EditorDocument, head: string, backward: boolean): void {
    const session = this.#session;
    if (this.#asking) return;
    // Taken back in the middle, it would go on behind that.
    if (session.copied.value || session.following.state.value) return session.tell("It is still under way", "stop it first");
    this.#asking = true;
    const ask = { ask: "step", op_id: idOf(head), as_id: idOf(stepHead(true)), forward: !backward } as const;
    const asked = saved(session)
      .then(() => this.#transport.request<"step">(ask, { timeoutMs: patienceMs }))
      .then(async ({ reply }) => {
        document.history.replayed(backward);
        this.#documents.outdate(reply.image_ids.filter((id) => id !== document.imageId));
        if (reply.kept || reply.image_ids.length !== 1 || reply.image_ids[0] !== document.imageId) session.tell(said(reply, backward));
        await session.viewer.refresh(document.imageId);
        session.editor.repaint();
      })
      .catch((error: unknown) => {
        if (!(error instanceof Refused) || error.refusal.status !== 422) throw error;
        // Too many edits to hold their images for: it goes back here alone.
        session.tell(error.refusal.happened, error.refusal.remedy);
        if (session.editor.document === document) void (backward ? session.editor.undo() : session.editor.redo());
      })
      .finally(() => (this.#asking = false));
    session.attempt(backward ? "It was not taken back" : "It was not done again", asked);
  }

  #recall(then: () => void): void {
    const { editor } = this.#session;
    const document = editor.document;
    if (!document || this.#asking) return;
    const { imageId } = document;
    this.#asking = true;
    const asked = saved(this.#session)
      .then(() => this.#transport.request<"steps">({ ask: "steps", image_id: imageId }))
      .then(({ reply }) => {
        const changes = [...reply.undo, ...reply.redo].flatMap((step) => step.changes);
        this.#documents.know(imageId, changes.map(({ shape_id, before, after }) => [shape_id, Math.max(before?.rev ?? 0, after?.rev ?? 0) + Number(!after)] as const));
        document.history.recall(reply.undo.map(stepOf), reply.redo.map(stepOf));
        // The buttons know now.
        editor.repaint();
      })
      .finally(() => (this.#asking = false))
      .then(() => {
        if (editor.document === document) then();
      });
    this.#session.attempt("What you did before did not come", asked);
  }
}

function said({ image_ids, shapes, kept }: StepReply, backward: boolean): string {
  const where = `on ${image_ids.length.toLocaleString("en")} ${image_ids.length === 1 ? "image" : "images"}`;
  const done = shapes ? `${backward ? "Taken back" : "Done again"} ${where}` : `Nothing of it is left to ${backward ? "take back" : "do again"}`;
  return kept ? `${done}; ${kept.toLocaleString("en")} ${kept === 1 ? "shape was changed since and stays" : "shapes were changed since and stay"}` : done;
}

function stepOf({ changes, tags, op_id, images }: StepInfo): Step {
  const shapes = changes.map(({ shape_id, before, after }): [string, Change] => [shape_id, { before: before ?? undefined, after: after ?? undefined }]);
  return { shapes: new Map(shapes), tags: new Map(Object.entries(tags)), head: images > 1 ? op_id.slice(0, 19) : undefined };
}
