// What a click would mean, asked while the pointer moves: one question in flight, then the latest place. Numbers count
// up, and an answer is shown only if it is newer than what is shown and than the last time that nothing was wanted.
import type { Transport } from "../bridges/transport";
import { Refused } from "../bridges/transport";
import type { Point } from "../editor/geometry";
import type { Glimpse } from "../editor/prompted";
import { unpacked } from "./prompting";

/** No more than thirty a second: the hand feels no more, and the kernel has other things to do. */
const paceMs = 33;
/** Of a slow model's time clicks and encodings get a third. */
const restShare = 0.5;
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
  #wanted: { imageId: number; at: Point } | null = null;
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
  at(imageId: number, at: Point | null): void {
    this.#wanted = at && { imageId, at };
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
      const { imageId, at } = wanted;
      const { reply, buffers } = await this.#options.transport.request<"hover">({ ask: "hover", image_id: imageId, x: at.x, y: at.y, seq }, { timeoutMs });
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
    const rest = busyMs > paceMs ? busyMs * restShare : 0;
    this.#later(() => void this.#ask(), Math.max(begin + paceMs - this.#now(), rest, 0));
  }
}
