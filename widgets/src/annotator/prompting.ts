// SAM prompts to the kernel and masks back: one question in flight, the latest wins.
import { Refused, type Transport } from "../bridges/transport";
import type { Bits } from "../editor/masks";
import type { Prompts } from "../editor/tools/tool";
import type { SegmentReply } from "../wire.gen";

/** The first click on an image encodes it: minutes on a slow CPU. */
const timeoutMs = 300_000;

export interface PromptingOptions {
  readonly transport: Transport;
  readonly answer: (mask: Bits | null) => void;
  readonly onBusy: (busy: boolean) => void;
  readonly onError: (error: Error) => void;
  readonly onUnprepared: (error: unknown) => void;
  readonly onTimes: (encodeMs: number, decodeMs: number) => void;
}

export class Prompting {
  #options: PromptingOptions;
  #wanted: { imageId: number; prompts: Prompts } | null = null;
  #busy = false;

  constructor(options: PromptingOptions) {
    this.#options = options;
  }

  /** Say that prompts on this image will come, so that what the first would wait for begins now. */
  prepare(imageId: number): void {
    this.#options.transport.request<"prepare">({ ask: "prepare", image_id: imageId }, { timeoutMs }).catch(this.#options.onUnprepared);
  }

  /** Ask for these prompts' mask; null takes back what was asked. */
  ask(imageId: number, prompts: Prompts | null): void {
    this.#wanted = prompts && { imageId, prompts };
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#wanted) {
      const asked = this.#wanted;
      const { points, labels, box } = asked.prompts;
      this.#options.onBusy(true);
      try {
        const { reply, buffers } = await this.#options.transport.request<"segment">(
          {
            ask: "segment", image_id: asked.imageId, points: points.map((p): [number, number] => [p.x, p.y]),
            labels: [...labels], ...(box ? { box } : {}),
          },
          { timeoutMs },
        );
        const mask = await unpacked(reply, buffers[0]);
        this.#options.onTimes(reply.encode_ms, reply.decode_ms);
        if (this.#wanted === asked) {
          this.#wanted = null;
          this.#options.answer(mask);
        }
      } catch (error) {
        if (this.#wanted === asked) this.#wanted = null;
        const superseded = error instanceof Refused && error.refusal.kind === "Superseded";
        if (!superseded && !this.#wanted) {
          this.#options.answer(null);
          this.#options.onError(error instanceof Error ? error : new Error(String(error)));
        }
      }
    }
    this.#busy = false;
    this.#options.onBusy(false);
  }
}

/** Inflate the reply's window of bits. */
export async function unpacked(reply: SegmentReply, buffer: DataView | undefined): Promise<Bits> {
  const [, , w, h] = reply.window;
  const stride = (w + 7) >> 3;
  if (!w || !h || !buffer?.byteLength) return { window: [0, 0, 0, 0], stride: 0, bytes: new Uint8Array(0) };
  // "deflate" is the zlib format.
  const stream = new Blob([buffer as DataView<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  if (bytes.length !== stride * h) throw new Error(`a mask of ${w} × ${h} has ${stride * h} bytes, not ${bytes.length}`);
  return { window: reply.window, stride, bytes };
}
