// Image references by place, decoded images and tiles, and predictions: asked for one at a time, kept within bounds.
import type { Transport } from "../bridges/transport";
import type { MaskGeometry } from "../editor/records";
import { runsBox, countsFromString } from "../editor/masks";
import { unpacked } from "../render/depth";
import type { Overlay } from "../render/overlay";
import { type Arrived, TileSet } from "../render/tiles";
import type { BandInfo, ImageRef, TileInfo, TilesAsk, TilesInfo } from "../wire.gen";

const bitmapBytesMax = 384 * 2 ** 20;
const bitmapsMax = 24;
const pageLength = 50;
/** Sets of tiles kept: the image that is shown, and the last ones before it. */
const tiledMax = 3;
/** Above this an image has tiles, and its bytes are not asked for: megapixels, as `PYRAMID_PIXELS` has it. */
const wholePixelsMax = 24_000_000;

/** An image that does not come within this is asked for once more. */
const againMs = 3_000;

/** An image as it is shown: whole, or in tiles. `bands`: those of one that holds more than a screen shows. */
export type Picture =
  | { readonly kind: "whole"; readonly bitmap: ImageBitmap }
  | { readonly kind: "tiled"; readonly tiles: TileSet; readonly bands: readonly BandInfo[] };

/** Its tiles are not there yet, or could not be made. */
export type Unready = { readonly kind: "making"; readonly done: number | null } | { readonly kind: "failed"; readonly reason: string };

export class Gallery {
  #transport: Transport;
  #refs = new Map<number, ImageRef>();
  #pictures = new Map<number, Picture>();
  #coming = new Map<number, Promise<Picture | Unready>>();
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

  cached(imageId: number): Picture | null {
    return this.#pictures.get(imageId) ?? null;
  }

  /** Whether the image is so large that its tiles may have to be made first. */
  large(ref: Pick<ImageRef, "width" | "height">): boolean {
    return ref.width * ref.height > wholePixelsMax;
  }

  /** The image. Asking twice sends one request. `again`: tiles that could not be made are to be tried once more. */
  picture(ref: Pick<ImageRef, "id" | "width" | "height">, again = false): Promise<Picture | Unready> {
    const cached = this.#pictures.get(ref.id);
    if (cached) {
      this.#pictures.delete(ref.id);
      this.#pictures.set(ref.id, cached);
      return Promise.resolve(cached);
    }
    let coming = this.#coming.get(ref.id);
    if (!coming) {
      coming = this.#load(ref, again).finally(() => this.#coming.delete(ref.id));
      this.#coming.set(ref.id, coming);
    }
    return coming;
  }

  async #load(ref: Pick<ImageRef, "id" | "width" | "height">, again: boolean): Promise<Picture | Unready> {
    const url = this.large(ref) ? undefined : this.#imageUrl?.(ref.id);
    // Beside each other: most images are what they seem, and wait for no answer about it.
    const bytes = url === undefined ? null : download(url);
    bytes?.catch(() => undefined);
    const asked = { ask: "image", image_id: ref.id, whole: url === undefined, again } as const;
    const { reply, buffers } = await this.#transport.insist<"image">(asked, againMs, { timeoutMs: 60_000 });
    if (reply.tiles) return this.#tiled(ref, reply.tiles);
    if (!bytes && !buffers[0]) throw new Error("the kernel sent no image bytes");
    const blob = bytes ? await bytes : new Blob([buffers[0] as DataView<ArrayBuffer>], { type: reply.mime });
    // Decoded off the main thread by the browser.
    return this.#kept(ref.id, { kind: "whole", bitmap: await createImageBitmap(blob) });
  }

  #tiled(ref: Pick<ImageRef, "id" | "width" | "height">, info: TilesInfo): Picture | Unready {
    if (info.state === "making") return { kind: "making", done: info.done };
    if (info.state === "failed") return { kind: "failed", reason: info.reason };
    const tiles = new TileSet({
      size: { w: info.width, h: info.height },
      lastLevel: info.last_level,
      coding: info.bands.length ? { offset: info.offset, scale: info.scale } : null,
      fetch: async (places, bands) => {
        const asked: TilesAsk = { ask: "tiles", image_id: ref.id, places: places.map(({ level, x, y }) => [level, x, y]), bands: [...bands] };
        const { reply, buffers } = await this.#transport.request<"tiles">(asked);
        return Promise.all(reply.tiles.map((one, n) => tileOf(one, buffers[n] as DataView<ArrayBuffer>)));
      },
    });
    return this.#kept(ref.id, { kind: "tiled", tiles, bands: info.bands });
  }

  #kept(imageId: number, picture: Picture): Picture {
    this.#pictures.set(imageId, picture);
    let [bytesHeld, tiled] = [0, 0];
    for (const one of this.#pictures.values()) {
      if (one.kind === "whole") bytesHeld += one.bitmap.width * one.bitmap.height * 4;
      else tiled++;
    }
    for (const [id, one] of this.#pictures) {
      if (id === imageId || (bytesHeld <= bitmapBytesMax && this.#pictures.size <= bitmapsMax && tiled <= tiledMax)) break;
      if (one.kind === "whole") bytesHeld -= one.bitmap.width * one.bitmap.height * 4;
      else {
        one.tiles.dispose();
        tiled--;
      }
      this.#pictures.delete(id);
    }
    return picture;
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
    for (const one of this.#pictures.values()) {
      if (one.kind === "whole") one.bitmap.close();
      else one.tiles.dispose();
    }
    this.#pictures.clear();
  }
}

async function tileOf(reply: TileInfo, bytes: DataView<ArrayBuffer>): Promise<Arrived> {
  if (reply.bits) return { codes: await unpacked(bytes, reply) };
  return { bitmap: await createImageBitmap(new Blob([bytes], { type: reply.mime })) };
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
