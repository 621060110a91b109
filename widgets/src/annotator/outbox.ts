// Unsaved ops on their way to the kernel: in order, one batch in flight for each image, sent again until answered.
import { Gone, Refused, type Transport, Unanswered } from "../bridges/transport";
import type { ApplyReply, Op, Refusal } from "../wire.gen";
import type { Keepsake, KeptOp } from "./keepsake";
import { wholeImage } from "./ops";

export interface OutboxOptions {
  readonly transport: Transport;
  readonly keepsake: Keepsake;
  readonly onReply: (reply: ApplyReply) => void;
  /** The kernel will never take these ops. */
  readonly onRefused: (imageId: number, ops: readonly Op[], refusal: Refusal) => void;
  readonly onState: () => void;
  readonly retryMs?: number;
}

interface Queue {
  readonly ops: KeptOp[];
  sending: boolean;
}

const batchMax = 200;
/** A batch of masks is cut at about this many characters; a server refuses messages of some MiB. */
const batchCharacters = 500_000;
const retryMaxMs = 30_000;
/** Silence for this long is told as offline. Asking again is harmless: the kernel applies an id once. */
const answerMs = 8_000;

export class Outbox {
  #options: OutboxOptions;
  #queues = new Map<number, Queue>();
  #made = 0;
  #wakers = new Set<() => void>();
  /** Whether the last attempt failed: then unsaved ops wait for the kernel. */
  offline = false;
  closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get pending(): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += queue.ops.length;
    return sum;
  }

  /** How many unsaved ops touch the shape. */
  pendingOn(imageId: number, shapeId: string): number {
    return this.unsaved(imageId, shapeId).length;
  }

  /** The unsaved ops that touch the shape, oldest first. */
  unsaved(imageId: number, shapeId: string): Op[] {
    return (this.#queues.get(imageId)?.ops ?? []).flatMap(({ op }) => (op.shape_id === shapeId ? [op] : []));
  }

  hasPending(imageId: number): boolean {
    return (this.#queues.get(imageId)?.ops.length ?? 0) > 0;
  }

  /** `seen`: the revision of each shape that the person saw when making the op. */
  add(imageId: number, ops: readonly Omit<Op, "base_rev">[], seen: (shapeId: string) => number): void {
    const queue = this.#queue(imageId);
    for (const op of ops) {
      // Each own op that is still on its way will raise the revision by one before this one arrives.
      const base_rev = op.action === "create" || op.shape_id === wholeImage ? 0 : seen(op.shape_id) + this.pendingOn(imageId, op.shape_id);
      const kept: KeptOp = { imageId, op: { ...op, base_rev }, made: [Date.now(), this.#made++] };
      queue.ops.push(kept);
      this.#options.keepsake.keep(kept);
    }
    this.#options.onState();
    void this.#send(imageId, queue);
  }

  /** Take up what an earlier page could not send. The ids stay, so that nothing is applied twice. */
  resume(kept: readonly KeptOp[]): void {
    for (const one of kept) {
      const queue = this.#queue(one.imageId);
      if (!queue.ops.some(({ op }) => op.client_op_id === one.op.client_op_id)) queue.ops.push(one);
    }
    this.#options.onState();
    for (const [imageId, queue] of this.#queues) void this.#send(imageId, queue);
  }

  /** Whoever was away is back: what waits for its next attempt goes now. */
  hurry(): void {
    for (const wake of this.#wakers) wake();
  }

  async #rest(ms: number): Promise<void> {
    let wake = (): void => undefined;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#wakers.add(wake);
    });
    this.#wakers.delete(wake);
  }

  #queue(imageId: number): Queue {
    let queue = this.#queues.get(imageId);
    if (!queue) this.#queues.set(imageId, (queue = { ops: [], sending: false }));
    return queue;
  }

  async #send(imageId: number, queue: Queue): Promise<void> {
    if (queue.sending || this.closed) return;
    queue.sending = true;
    let wait = this.#options.retryMs ?? 1000;
    while (queue.ops.length && !this.closed && this.#options.transport.life !== "gone") {
      const batch = queue.ops.slice(0, fitting(queue.ops));
      try {
        const { reply } = await this.#options.transport.request<"apply">(
          { ask: "apply", image_id: imageId, ops: batch.map(({ op }) => op) },
          { timeoutMs: answerMs },
        );
        wait = this.#options.retryMs ?? 1000;
        this.offline = false;
        this.#settle(queue, batch, reply);
      } catch (error) {
        if (error instanceof Refused && isFinal(error.refusal.status)) {
          this.#drop(queue, batch);
          this.#options.onRefused(imageId, batch.map(({ op }) => op), error.refusal);
        } else if (error instanceof Refused || error instanceof Unanswered) {
          this.offline = true;
          this.#options.onState();
          await this.#rest(wait);
          wait = Math.min(2 * wait, retryMaxMs);
        } else if (error instanceof Gone || (error instanceof DOMException && error.name === "AbortError")) {
          break;
        } else {
          queue.sending = false;
          throw error;
        }
      }
      this.#options.onState();
    }
    queue.sending = false;
    this.#options.onState();
  }

  #drop(queue: Queue, batch: readonly KeptOp[]): void {
    queue.ops.splice(0, batch.length);
    for (const { op } of batch) this.#options.keepsake.drop(op.client_op_id);
  }

  #settle(queue: Queue, batch: readonly KeptOp[], reply: ApplyReply): void {
    this.#drop(queue, batch);
    for (const { shape } of reply.results) {
      if (!shape) continue;
      // Ops made meanwhile stand on what the kernel has now.
      let rev = shape.rev;
      queue.ops.forEach((kept, place) => {
        if (kept.op.shape_id !== shape.id || kept.op.action === "create") return;
        queue.ops[place] = { ...kept, op: { ...kept.op, base_rev: rev++ } };
      });
    }
    this.#options.onReply(reply);
  }
}

/** Refusals that say nothing of the edits themselves: the sign-in ended, the dataset is locked, or we ask too often. */
const passing: readonly number[] = [401, 408, 423, 425, 429];

/** Whether a refusal with this status stays one, however often the same edits are sent. */
function isFinal(status: number): boolean {
  return status < 500 && !passing.includes(status);
}

/** How many of the ops go into one message; one at least. */
function fitting(ops: readonly KeptOp[]): number {
  let characters = 0;
  for (let n = 0; n < Math.min(ops.length, batchMax); n++) {
    characters += JSON.stringify(ops[n]!.op).length;
    if (characters > batchCharacters) return Math.max(n, 1);
  }
  return Math.min(ops.length, batchMax);
}
