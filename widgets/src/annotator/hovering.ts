// What a click would mean, asked while the pointer moves: one question in flight, then the latest place. Numbers count
// up, and an answer is shown only if it is newer than what is shown and than the last time that nothing was wanted.
import type { Transport } from "../bridges/transport";
import { Refused } from "../bridges/transport";
import type { Glimpse, Peek } from "../editor/prompted";
import { asked, unpacked } from "./prompting";

/** No more than one for each frame of a screen. At the hand's own pace, a place would wait for its turn although the line is free. */
const paceMs = 16;
/** Of a slow model's time clicks and encodings get a third. */
const slowMs = 33, restShare = 0.5;
const timeoutMs = 20_000;

export interface HoveringOptions {
  readonly transport: Transport;
  readonly show: (glimpse: Glimpse | null) => void;
  readonly onTime?: (ms: number) => void;
  readonly now?: () => number;
  readonly later?: (run: () => void, ms: number) => void;
}

export class Hovering {
  #options: HoveringOptions;
  #wanted: (Peek & { imageId: number }) | null = null;
  #busy = false;
  #seq = 0;
  /** Answers up to this number are late. */
  #floor = 0;
  readonly #now: () => number;
  readonly #later: (run: () => void, ms: number) => void;

  constructor(options: HoveringOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#later = options.later ?? ((run, ms) => void setTimeout(run, ms));
  }

  /** Ask what a click there would mean; null: nothing is wanted any more, and no answer that is under way either. */
  at(imageId: number, at: Peek | null): void {
    this.#wanted = at && { ...at, imageId };
    if (!at) this.#floor = this.#seq;
    else if (!this.#busy) void this.#ask();
  }

  async #ask(): Promise<void> {
    const wanted = this.#wanted;
    this.#wanted = null;
    this.#busy = wanted !== null;
    if (!wanted) return;
    const begin = this.#now();
    const seq = ++this.#seq;
    let busyMs = 0;
    try {
      const { imageId, at, object } = wanted;
      const { reply, buffers } = await this.#options.transport.request<"hover">(
        { ask: "hover", image_id: imageId, x: at.x, y: at.y, seq, ...(object && asked(object.prompts, object.refines)) }, { timeoutMs },
      );
      busyMs = reply.decode_ms;
      const cells = await unpacked([0, 0, reply.columns, reply.rows], buffers[0]);
      if (reply.seq > this.#floor) {
        this.#floor = reply.seq;
        this.#options.show(cells.bytes.length ? { cells, box: reply.window, score: reply.score } : null);
        this.#options.onTime?.(this.#now() - begin);
      }
    } catch (error) {
      // Nobody asked for it in so many words: the click will say what is wrong.
      if (!(error instanceof Refused)) console.debug("evalnb: no preview of what a click would mean", error);
    }
    const rest = Math.max(begin + paceMs - this.#now(), busyMs > slowMs ? busyMs * restShare : 0);
    // A timer of nothing is four milliseconds, too.
    if (rest > 0) this.#later(() => void this.#ask(), rest);
    else void this.#ask();
  }
}
