// Segment everything: asked for once for an image, stopped when nobody waits, and looked through with the tool in hand.
import { computed, effect, signal } from "@preact/signals";
import { Refused, type Transport } from "../bridges/transport";
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

const still: SweepState = { shown: 0, chosen: 0, left: 0, scoreMin: 0, areaMin: 0, areaMost: 0 };

export class Sweeping {
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
  async look(): Promise<void> {
    const { editor, image } = this.#session;
    const shown = image.peek();
    if (!shown || this.share.peek() !== null) return;
    this.#imageId = shown.id;
    const turn = ++this.#turn;
    this.share.value = 0;
    editor.everything.wait();
    editor.repaint();
    try {
      const { reply, buffers } = await this.#transport.request<"everything">({ ask: "everything", image_id: shown.id }, { timeoutMs });
      const found = await Promise.all(reply.found.map(async ({ window, score }, n) => ({ mask: await unpacked(window, buffers[n]), score })));
      if (turn !== this.#turn) return;
      editor.everything.found(found);
      const labelled = reply.labelled ? `${reply.labelled} more ${reply.labelled === 1 ? "is" : "are"} labelled already` : "";
      if (!found.length) this.#session.tell("Nothing was found that is not labelled", labelled);
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
