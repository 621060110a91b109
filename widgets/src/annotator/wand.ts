// The segmenter of a session: its prompts, what it shows under the pointer, and how a person wants its masks.
import { batch, computed, effect, signal } from "@preact/signals";
import type { Transport } from "../bridges/transport";
import { type Form, type Glimpse, type Peek, type Question, forms, isWaiting, shownOf } from "../editor/prompted";
import type { SamOptions } from "../editor/tools/sam";
import { Hovering } from "./hovering";
import { Prompting } from "./prompting";
import type { Session } from "./session";
import { Sweeping } from "./sweeping";

/** What the bar over the canvas says of the object in hand. */
export interface WandState {
  /** The chosen candidate's place among how many, and its predicted IoU; null while there is no mask. */
  readonly mask: { readonly place: number; readonly of: number; readonly score: number } | null;
  readonly prompting: boolean;
  readonly waiting: boolean;
  readonly gathered: number;
  /** The form in which a shape that is there is refined; null where a new one is made. */
  readonly refining: string | null;
  /** Whether a shape was selected as the wand was taken up. */
  readonly offered: boolean;
}

const still: WandState = { mask: null, prompting: false, waiting: false, gathered: 0, refining: null, offered: false };

export class Wand {
  readonly state = signal<WandState>(still);
  readonly inHand = computed(() => this.#session.tool.value === "sam");
  readonly stops: readonly (() => void)[];
  readonly #session: Session;
  readonly #prompting: Prompting;
  readonly #hovering: Hovering;
  readonly sweeping: Sweeping;
  /** Milliseconds from the last pointer's place asked to its mask. */
  readonly hoverMs = signal<number | null>(null);

  constructor(session: Session, transport: Transport) {
    this.#session = session;
    const { editor } = session;
    this.#prompting = new Prompting({
      transport,
      answer: (turn, answer) => editor.answer(turn, answer),
      onBusy: (busy) => batch(() => {
        session.segmenting.value = busy;
        if (!busy) session.encoding.value = null;
      }),
      onError: (error) => session.fault("The segmenter gave no mask", error),
      onUnprepared: (error) => session.fault("The segmenter could not get ready", error),
      onTimes: (encodeMs, decodeMs) => (session.maskTimes.value = { encodeMs, decodeMs }),
    });
    this.#hovering = new Hovering({
      transport,
      show: (glimpse) => this.#light(glimpse),
      onTime: (ms) => (this.hoverMs.value = ms),
    });
    this.sweeping = new Sweeping(session, transport);
    this.stops = [
      ...this.sweeping.stops,
      editor.on(() => this.#follow()),
      effect(() => {
        const shown = session.image.peek();
        if (this.inHand.value && shown) this.#prompting.prepare(shown.id);
      }),
      effect(() => {
        // The image is encoded: the pointer may have been waiting for that.
        const ready = session.encoding.value === null && this.inHand.value;
        if (ready && session.preferences.wand.peek().hover && editor.sam.state.kind === "idle") this.peek(editor.pointerAt && editor.sam.peekAt(editor.pointerAt));
      }),
      effect(() => void (editor.sam.options = session.preferences.wand.value)),
    ];
  }

  ask(object: number | null, question: Question | null): void {
    const { document } = this.#session.editor;
    if (document) this.#prompting.ask(document.imageId, object, question);
  }

  peek(at: Peek | null): void {
    const { document } = this.#session.editor;
    if (document) this.#hovering.at(document.imageId, at);
  }

  /** Change how masks are made. False while the tool is not in hand: its keys are nobody's then. */
  change(how: (options: SamOptions) => Partial<SamOptions>): boolean {
    if (!this.inHand.value) return false;
    const { preferences } = this.#session;
    preferences.wand.value = { ...preferences.wand.value, ...how(preferences.wand.value) };
    if (!preferences.wand.value.hover) this.#light(null);
    return true;
  }

  /** What an accepted mask becomes: of the shape that is refined just now, or of all that come. */
  shape(form: Form): boolean {
    const { editor } = this.#session;
    if (!this.inHand.value || !editor.sam.reform(form)) return this.change(() => ({ form }));
    editor.repaint();
    return true;
  }

  /** Resolves once nothing that was accepted waits for its mask. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.state.subscribe(({ prompting, gathered }) => {
        if (prompting || gathered) return;
        resolve();
        queueMicrotask(() => stop());
      });
    });
  }

  /** Another of the masks that the prompts may mean; false where there is none. */
  cycle(by: 1 | -1): boolean {
    const { editor } = this.#session;
    const meant = this.inHand.value && editor.sam.cycle(by);
    if (meant) editor.repaint();
    return meant;
  }

  #light(glimpse: Glimpse | null): void {
    const { editor } = this.#session;
    if (editor.tool !== editor.sam || !editor.pointerAt) return;
    editor.sam.glimpse(glimpse, editor.pointerAt);
    editor.repaint();
  }

  /** The next of the forms that an accepted mask may have. */
  nextForm(): boolean {
    const form = this.#session.editor.sam.refining ?? this.#session.preferences.wand.value.form;
    return this.shape(forms[(forms.findIndex((one) => one === form) + 1) % forms.length]!);
  }

  #follow(): void {
    const { now, gathered, settling } = this.#session.editor.sam.state;
    const shown = now && shownOf(now);
    const state: WandState = {
      mask: shown?.mask.bytes.length ? { place: shown.place, of: shown.of, score: shown.score } : null,
      prompting: now !== null,
      waiting: [...(now ? [now] : []), ...settling, ...gathered].some(isWaiting),
      gathered: gathered.length,
      refining: this.#session.editor.sam.refining,
      offered: this.#session.editor.sam.offered !== null,
    };
    if (JSON.stringify(state) !== JSON.stringify(this.state.peek())) this.state.value = state;
  }
}
