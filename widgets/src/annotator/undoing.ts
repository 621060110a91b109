// Undo and redo, also of what an earlier page did: that comes from the log, when nothing of this page is left.
import type { Transport } from "../bridges/transport";
import type { Step } from "../editor/history";
import type { Change } from "../editor/store";
import type { StepInfo } from "../wire.gen";
import type { Documents } from "./documents";
import { saved } from "./saved";
import type { Session } from "./session";

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
    if (editor.tool.state.kind !== "idle" || !history || history.canUndo || history.begun || editor.readOnly) return editor.undo();
    this.#recall(() => {
      if (history.canUndo) editor.undo();
      else this.#session.tell("Nothing that you did on this image is left to undo");
    });
  }

  redo(): void {
    const { editor } = this.#session;
    const history = editor.document?.history;
    if (!history || history.canRedo || !history.fresh || editor.readOnly) return editor.redo();
    this.#recall(() => editor.redo());
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
        if (editor.document === document) then();
      })
      .finally(() => (this.#asking = false));
    this.#session.attempt("What you did before did not come", asked);
  }
}

function stepOf({ changes, tags }: StepInfo): Step {
  const shapes = changes.map(({ shape_id, before, after }): [string, Change] => [shape_id, { before: before ?? undefined, after: after ?? undefined }]);
  return { shapes: new Map(shapes), tags: new Map(Object.entries(tags)) };
}
