// SAM prompts to the kernel and masks back: one question in flight, and of each object's the latest.
import { Refused, type Transport } from "../bridges/transport";
import type { Bits } from "../editor/masks";
import type { Answer, Prompts, Question } from "../editor/prompted";
import type { SegmentAsk, SegmentReply } from "../wire.gen";

/** The first click on an image encodes it: minutes on a slow CPU. */
const timeoutMs = 300_000;

export interface PromptingOptions {
  readonly transport: Transport;
  readonly answer: (turn: number, answer: Answer | null) => void;
  readonly onBusy: (busy: boolean) => void;
  readonly onError: (error: Error) => void;
  readonly onUnprepared: (error: unknown) => void;
  readonly onTimes: (encodeMs: number, decodeMs: number) => void;
}

interface Asked extends Question {
  readonly imageId: number;
}

export class Prompting {
  #options: PromptingOptions;
  /** By object, in the order in which they wait. */
  #wanted = new Map<number, Asked>();
  #busy = false;

  constructor(options: PromptingOptions) {
    this.#options = options;
  }

  /** Say that prompts on this image will come, so that what the first would wait for begins now. */
  prepare(imageId: number): void {
    this.#options.transport.request<"prepare">({ ask: "prepare", image_id: imageId }, { timeoutMs }).catch(this.#options.onUnprepared);
  }

  /** Ask for an object's masks; null takes its question back, and without an object every one. */
  ask(imageId: number, object: number | null, question: Question | null): void {
    if (object === null) this.#wanted.clear();
    else if (!question) this.#wanted.delete(object);
    else this.#wanted.set(object, { ...question, imageId });
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let next = this.#next(); next; next = this.#next()) {
      this.#options.onBusy(true);
      const [object, asked] = next;
      try {
        const answer = await this.#asked(asked);
        if (this.#done(object, asked)) this.#options.answer(asked.turn, answer);
      } catch (error) {
        const superseded = error instanceof Refused && error.refusal.kind === "Superseded";
        if (this.#done(object, asked)) {
          this.#options.answer(asked.turn, null);
          if (!superseded) this.#options.onError(error instanceof Error ? error : new Error(String(error)));
        }
      }
    }
    this.#busy = false;
    this.#options.onBusy(false);
  }

  #next(): [number, Asked] | null {
    const [first] = this.#wanted;
    return first ?? null;
  }

  /** Whether the question still stands; it does no more then. */
  #done(object: number, asked: Asked): boolean {
    return this.#wanted.get(object) === asked && this.#wanted.delete(object);
  }

  async #asked({ imageId, prompts, refines }: Asked): Promise<Answer> {
    const { reply, buffers } = await this.#options.transport.request<"segment">(
      {
        ask: "segment", image_id: imageId, ...asked(prompts, refines), ...(prompts.outline ? { outline: prompts.outline } : {}),
      },
      { timeoutMs },
    );
    this.#options.onTimes(reply.encode_ms, reply.decode_ms);
    return answerOf(reply, buffers);
  }
}

/** Prompts as the wire has them. */
export function asked({ points, labels, box }: Prompts, refines: Question["refines"]): Pick<SegmentAsk, "points" | "labels" | "box" | "refines"> {
  return { points: points.map((p): [number, number] => [p.x, p.y]), labels: [...labels], ...(box ? { box } : {}), ...(refines ? { refines } : {}) };
}

async function answerOf(reply: SegmentReply, buffers: readonly DataView[]): Promise<Answer> {
  const each = [reply, ...reply.others].map(async ({ window, score }, i) => ({ mask: await unpacked(window, buffers[i]), score }));
  return { id: reply.answer, candidates: await Promise.all(each) };
}

/** Inflate a window's bits; its last two numbers say how many columns and rows they have. */
export async function unpacked(window: Bits["window"], buffer: DataView | undefined): Promise<Bits> {
  const [, , w, h] = window;
  const stride = (w + 7) >> 3;
  if (!w || !h || !buffer?.byteLength) return { window: [0, 0, 0, 0], stride: 0, bytes: new Uint8Array(0) };
  // "deflate" is the zlib format. A Blob would go through another process of the browser, and a preview has no time for that.
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  const written = writer.write(new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength)).then(() => writer.close());
  const [read] = await Promise.all([new Response(stream.readable).arrayBuffer(), written]);
  const bytes = new Uint8Array(read);
  if (bytes.length !== stride * h) throw new Error(`a mask of ${w} × ${h} has ${stride * h} bytes, not ${bytes.length}`);
  return { window, stride, bytes };
}
