// Image references by place, decoded images, and predictions: asked for one at a time, kept within bounds.
import type { Transport } from "../bridges/transport";
import type { MaskGeometry } from "../editor/records";
import { runsBox, countsFromString } from "../editor/masks";
import type { Overlay } from "../render/overlay";
import type { ImageRef } from "../wire.gen";

const bitmapBytesMax = 384 * 2 ** 20;
const bitmapsMax = 24;
const pageLength = 50;

export class Gallery {
  #transport: Transport;
  #refs = new Map<number, ImageRef>();
  #bitmaps = new Map<number, ImageBitmap>();
  #coming = new Map<number, Promise<ImageBitmap>>();
  #overlays = new Map<string, Overlay>();

  readonly #imageUrl: ((imageId: number) => string) | undefined;

  /** `imageUrl`: where an image's bytes are to be had, if not from the transport. */
  constructor(transport: Transport, imageUrl?: (imageId: number) => string) {
    this.#transport = transport;
    this.#imageUrl = imageUrl;
  }

  place(ref: ImageRef): void {
    this.#refs.set(ref.index, ref);
  }

  refAt(index: number): ImageRef | null {
    return this.#refs.get(index) ?? null;
  }

  async ref(index: number): Promise<ImageRef | null> {
    const known = this.#refs.get(index);
    if (known) return known;
    const first = Math.max(0, index - (index % pageLength));
    const { reply } = await this.#transport.request<"page">({ ask: "page", first, count: pageLength });
    for (const ref of reply.images) this.#refs.set(ref.index, ref);
    return this.#refs.get(index) ?? null;
  }

  cached(imageId: number): ImageBitmap | null {
    return this.#bitmaps.get(imageId) ?? null;
  }

  /** The decoded image. Asking twice sends one request. */
  bitmap(imageId: number): Promise<ImageBitmap> {
    const cached = this.#bitmaps.get(imageId);
    if (cached) {
      this.#bitmaps.delete(imageId);
      this.#bitmaps.set(imageId, cached);
      return Promise.resolve(cached);
    }
    let coming = this.#coming.get(imageId);
    if (!coming) {
      coming = this.#load(imageId).finally(() => this.#coming.delete(imageId));
      this.#coming.set(imageId, coming);
    }
    return coming;
  }

  async #load(imageId: number): Promise<ImageBitmap> {
    const blob = this.#imageUrl ? await download(this.#imageUrl(imageId)) : await this.#ask(imageId);
    // Decoded off the main thread by the browser.
    const bitmap = await createImageBitmap(blob);
    this.#bitmaps.set(imageId, bitmap);
    let bytesHeld = 0;
    for (const one of this.#bitmaps.values()) bytesHeld += one.width * one.height * 4;
    for (const [id, one] of this.#bitmaps) {
      if (id === imageId || (bytesHeld <= bitmapBytesMax && this.#bitmaps.size <= bitmapsMax)) break;
      bytesHeld -= one.width * one.height * 4;
      this.#bitmaps.delete(id);
    }
    return bitmap;
  }

  async #ask(imageId: number): Promise<Blob> {
    const { reply, buffers } = await this.#transport.request<"image">({ ask: "image", image_id: imageId }, { timeoutMs: 60_000 });
    const bytes = buffers[0];
    if (!bytes) throw new Error("the kernel sent no image bytes");
    return new Blob([bytes as DataView<ArrayBuffer>], { type: reply.mime });
  }

  overlayCached(imageId: number, runId: number): Overlay | null {
    return this.#overlays.get(`${runId}/${imageId}`) ?? null;
  }

  async overlay(ref: ImageRef, runId: number): Promise<Overlay> {
    const key = `${runId}/${ref.id}`;
    const cached = this.#overlays.get(key);
    if (cached) return cached;
    const { reply, buffers } = await this.#transport.request<"predictions">({ ask: "predictions", image_id: ref.id, run_id: runId });
    const [boxes, scores, classIds] = buffers;
    const overlay: Overlay = {
      count: reply.count,
      boxes: new Float32Array(copied(boxes)),
      scores: new Float32Array(copied(scores)),
      classIds: new Int32Array(copied(classIds)),
      masks: reply.rles?.map((counts) => maskOf(counts, ref)) ?? null,
    };
    this.#overlays.set(key, overlay);
    for (const old of this.#overlays.keys()) {
      if (this.#overlays.size <= 4 * bitmapsMax) break;
      this.#overlays.delete(old);
    }
    return overlay;
  }

  dispose(): void {
    for (const bitmap of this.#bitmaps.values()) bitmap.close();
    this.#bitmaps.clear();
  }
}

async function download(url: string): Promise<Blob> {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (answer.ok) return answer.blob();
  const problem = (await answer.json().catch(() => null)) as { detail?: string; remedy?: string } | null;
  throw new Error(problem?.detail ? `${problem.detail}; ${problem.remedy}` : `HTTP ${answer.status} for ${url}`);
}

/** A comm's buffer may start at any byte; typed arrays want aligned ones. */
function copied(view: DataView | undefined): ArrayBuffer {
  return view ? (view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer) : new ArrayBuffer(0);
}

function maskOf(counts: string, ref: ImageRef): MaskGeometry {
  return { kind: "mask", box: runsBox(countsFromString(counts), ref.height), size: [ref.height, ref.width], counts };
}
