// Segment everything: asked for once for an image, stopped when nobody waits, and looked through with the tool in hand.
import { computed, effect, signal } from "@preact/signals";
import { Refused, type Transport } from "../bridges/transport";
import type { Shape } from "../editor/records";
import type { EverythingTool } from "../editor/tools/everything";
import type { SweepPush } from "../wire.gen";
import { unpacked } from "./prompting";
import type { Session } from "./session";

/** A large model on a slow CPU takes minutes; progress tells that it is at work. */
const timeoutMs = 1_800_000;

export interface SweepState {
  readonly shown: number;
  readonly chosen: number;
  readonly left: number;
  readonly scoreMin: number;
  readonly areaMin: number;
  /** Of the largest. */
  readonly areaMost: number;
}

interface Found {
  readonly found: Parameters<EverythingTool["found"]>[0];
  /** What to say where it is nothing, and why. */
  readonly nothing: readonly [text: string, remedy: string];
}

const still: SweepState = { shown: 0, chosen: 0, left: 0, scoreMin: 0, areaMin: 0, areaMost: 0 };

export class Sweeping {
  /** What is looked for, or was last. */
  readonly what = signal<"everything" | "boxes">("everything");
  /** The share that is done; null while nothing is looked for. */
  readonly share = signal<number | null>(null);
  readonly state = signal<SweepState>(still);
  readonly inHand = computed(() => this.#session.tool.value === "everything");
  readonly stops: readonly (() => void)[];
  readonly #session: Session;
  readonly #transport: Transport;
  /** The image that is looked through, or was. */
  #imageId: number | null = null;
  #turn = 0;

  constructor(session: Session, transport: Transport) {
    this.#session = session;
    this.#transport = transport;
    const { editor } = session;
    this.stops = [
      editor.on(() => this.#follow()),
      effect(() => {
        const imageId = session.image.value?.id ?? null;
        const inHand = this.inHand.value;
        if (imageId !== this.#imageId) this.stop();
        if (inHand && imageId !== null && imageId !== this.#imageId) void this.look();
      }),
      effect(() => void (editor.everything.making = session.preferences.wand.value)),
    ];
  }

  /** Look for everything on the shown image. */
  look(): Promise<void> {
    return this.#ask("everything", async (imageId) => {
      const { reply, buffers } = await this.#transport.request<"everything">({ ask: "everything", image_id: imageId }, { timeoutMs });
      const found = await Promise.all(reply.found.map(async ({ window, score }, n) => ({ mask: await unpacked(window, buffers[n]), score })));
      const labelled = reply.labelled ? `${reply.labelled} more ${reply.labelled === 1 ? "is" : "are"} labelled already` : "";
      return { found, nothing: ["Nothing was found that is not labelled", labelled] };
    });
  }

  /** Draw the masks in these boxes, each to stand for its own. */
  boxes(shapes: readonly Shape[]): Promise<void> {
    return this.#ask("boxes", async (imageId) => {
      const boxes = shapes.map(({ geometry }) => geometry.box);
      const { reply, buffers } = await this.#transport.request<"box_masks">({ ask: "box_masks", image_id: imageId, boxes }, { timeoutMs });
      const found = await Promise.all(reply.found.map(async ({ window, score }, n) => (
        { mask: await unpacked(window, buffers[n]), score, id: shapes[n]!.id }
      )));
      return { found, nothing: ["Nothing was found in the boxes", "they stay as they are"] };
    });
  }

  async #ask(what: "everything" | "boxes", look: (imageId: number) => Promise<Found>): Promise<void> {
    const { editor, image } = this.#session;
    const shown = image.peek();
    if (!shown || this.share.peek() !== null) return;
    this.#imageId = shown.id;
    const turn = ++this.#turn;
    this.what.value = what;
    this.share.value = 0;
    editor.use("everything");
    editor.everything.wait();
    editor.repaint();
    try {
      const { found, nothing } = await look(shown.id);
      if (turn !== this.#turn) return;
      editor.everything.found(found);
      if (!editor.everything.state.proposals.length) this.#session.tell(...nothing);
    } catch (error) {
      if (turn !== this.#turn) return;
      editor.everything.found(null);
      if (!(error instanceof Refused && ["Cancelled", "Superseded"].includes(error.refusal.kind))) this.#session.fault("Not everything was segmented", error);
    } finally {
      if (turn === this.#turn) {
        this.share.value = null;
        editor.repaint();
      }
    }
  }

  /** Nobody waits any more. What was found and not kept falls away. */
  stop(): void {
    if (this.share.peek() !== null && this.#imageId !== null) {
      this.#transport.request<"stop">({ ask: "stop", image_id: this.#imageId }).catch((error: unknown) => console.debug("evalnb: the search was not stopped", error));
    }
    this.#turn++;
    this.#imageId = null;
    this.share.value = null;
    this.#session.editor.everything.end();
  }

  /** Enter with nothing left to look through: search again. */
  again(): boolean {
    if (!this.inHand.value || this.#session.editor.everything.state.kind !== "idle") return false;
    void this.look();
    return true;
  }

  hear({ image_id, fraction }: SweepPush): void {
    if (this.share.peek() !== null && image_id === this.#imageId) this.share.value = fraction;
  }

  #follow(): void {
    const { everything } = this.#session.editor;
    const { proposals, scoreMin, areaMin } = everything.state;
    const areaMost = proposals[0]?.areaPx ?? 0;
    const state: SweepState = { shown: everything.shown.length, chosen: everything.chosen.length, left: proposals.length, scoreMin, areaMin, areaMost };
    if (JSON.stringify(state) !== JSON.stringify(this.state.peek())) this.state.value = state;
  }
}
