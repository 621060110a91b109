// Which image is shown: it, its shapes and its predictions are asked for together, and its neighbours beforehand.
import { batch } from "@preact/signals";
import { Gone, type Transport } from "../bridges/transport";
import type { Editor } from "../editor/editor";
import type { EditorDocument } from "../editor/selecting";
import type { Overlay } from "../render/overlay";
import type { Stage } from "../render/stage";
import type { ImageRef } from "../wire.gen";
import type { Documents } from "./documents";
import type { Deep } from "./deep";
import { Gallery, type Picture, type Unready } from "./gallery";
import type { State } from "./state";

/** An image that comes sooner than this needs no sign that it is coming. */
const quietMs = 120;
/** How often tiles that are being made are asked after. */
const makingMs = 400;
/** The neighbours fetched in the background, in this order: most people go forward. */
const neighbours = [1, -1, 2, 3];

const missing = "Parts of the image did not come";

export interface ViewerParts {
  readonly transport: Transport;
  readonly editor: Editor;
  readonly stage: Stage;
  readonly documents: Documents;
  readonly deep: Deep;
  readonly onShown: (image: ImageRef) => void;
  readonly tell: (text: string, remedy: string) => void;
  /** Where an image's bytes are to be had, if not from the transport. */
  readonly imageUrl?: ((imageId: number) => string) | undefined;
}

export class Viewer {
  readonly #state: State;
  readonly #parts: ViewerParts;
  readonly #gallery: Gallery;
  /** Grows with every move: what was under way for an earlier one is stale. */
  #turn = 0;
  #loading: Promise<unknown> = Promise.resolve();

  constructor(state: State, parts: ViewerParts) {
    this.#state = state;
    this.#parts = parts;
    this.#gallery = new Gallery(parts.transport, parts.imageUrl);
  }

  /** Go by so many images, as far as there are any. */
  step(by: number): void {
    const count = this.#state.hello.value?.image_count ?? 0;
    const to = Math.min(Math.max(this.#state.index.value + by, 0), count - 1);
    if (to !== this.#state.index.value) void this.goTo(to);
  }

  /** Fetch an image that will be shown before long. */
  expect(imageId: number): void {
    // What fails here is asked for again, and its failure shown, when it is to be seen.
    this.#gallery.picture({ id: imageId, width: 0, height: 0 }).catch((error: unknown) => console.debug("evalnb: the first image did not come at once", error));
  }

  /** Show an image whose reference is known already. */
  open(ref: ImageRef): Promise<void> {
    this.#gallery.place(ref);
    return this.goTo(ref.index);
  }

  /** `again`: tiles that could not be made are to be tried once more. */
  async goTo(index: number, again = false): Promise<void> {
    const turn = ++this.#turn;
    const stale = (): boolean => turn !== this.#turn;
    this.#state.index.value = index;
    const known = this.#gallery.refAt(index);
    if (known) this.#show(known);
    try {
      // One image at a time: a person who runs through with F held down asks only for the one where they stop.
      if (!known || !this.#gallery.cached(known.id)) await this.#loading;
      if (stale()) return;
      const ref = known ?? (await this.#gallery.ref(index));
      if (stale()) return;
      if (!ref) throw new Error(`there is no image ${index + 1} in this slice`);
      if (!known) this.#show(ref);
      const image = this.#gallery.picture(ref, again);
      // Its own failure is told where it is awaited; whoever waits for its turn waits for the end alone.
      this.#loading = image.then(() => undefined, () => undefined);
      const rest = Promise.all([this.refresh(ref.id), this.#loadOverlays(ref, turn)]);
      const painted = image.then(async (picture) => this.#paint(ref, await this.#made(ref, picture, stale), stale));
      await Promise.all([painted, rest]);
      if (!stale()) void this.#prefetch(index, stale);
    } catch (error) {
      if (stale() || error instanceof Gone || (error instanceof DOMException && error.name === "AbortError")) return;
      this.#state.imageState.value = { error: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Ask for the image's shapes anew. */
  async refresh(imageId: number): Promise<void> {
    const { reply } = await this.#parts.transport.request<"shapes">({ ask: "shapes", image_id: imageId });
    this.#parts.documents.merge(reply);
  }

  /** The document of the image at a place in the slice, with its shapes; null where there is no such image. */
  async ready(place: number): Promise<EditorDocument | null> {
    const ref = await this.#gallery.ref(place);
    return ref && this.readyAt(ref);
  }

  /** The document of this image, with its shapes. */
  async readyAt(ref: ImageRef): Promise<EditorDocument> {
    const document = this.#parts.documents.of(ref);
    if (!this.#parts.documents.loaded(ref.id)) await this.refresh(ref.id);
    return document;
  }

  /** Fetch all that is needed to show the image at a place; null where there is none. */
  async prepared(place: number): Promise<ImageRef | null> {
    await this.#fetch(place, () => false);
    return this.#gallery.refAt(place);
  }

  /** Show an image that was prepared, and ask for nothing; false where it is not here, as one in tiles never is. */
  flip(ref: ImageRef): boolean {
    if (!this.#gallery.cached(ref.id)) return false;
    this.#turn++;
    this.#state.index.value = ref.index;
    this.#show(ref);
    return true;
  }

  /** The picture that is shown, or a small one of it; null until it is there. */
  get picture(): CanvasImageSource | null {
    const id = this.#state.image.value?.id;
    const found = id === undefined ? null : this.#gallery.cached(id);
    return found && (found.kind === "whole" ? found.bitmap : found.tiles.small);
  }

  async showRuns(runIds: readonly number[]): Promise<void> {
    this.#state.runIds.value = [...new Set(runIds)];
    const ref = this.#state.image.value;
    if (ref) await this.#loadOverlays(ref, this.#turn);
  }

  dispose(): void {
    this.#turn++;
    this.#gallery.dispose();
  }

  #show(ref: ImageRef): void {
    const state = this.#state;
    const cached = this.#gallery.cached(ref.id);
    const turn = this.#turn;
    batch(() => {
      state.image.value = ref;
      state.overlays.value = this.#overlaysCached(ref.id);
      state.encoding.value = state.maskTimes.value = null;
      state.imageState.value = "none";
    });
    this.#parts.stage.image = null;
    this.#parts.editor.open(this.#parts.documents.of(ref));
    if (cached) this.#hang(ref, cached);
    if (state.imageState.value === "shown") return;
    setTimeout(() => {
      if (turn === this.#turn && state.imageState.value === "none") state.imageState.value = "loading";
    }, quietMs);
  }

  #paint(ref: ImageRef, picture: Picture | null, stale: () => boolean): void {
    if (stale() || !picture) return;
    this.#hang(ref, picture);
    this.#parts.onShown(ref);
  }

  /** Put the picture on the canvas. One in tiles is shown once the whole of it, small, is there. */
  #hang(ref: ImageRef, picture: Picture): void {
    const { stage, deep } = this.#parts;
    const state = this.#state;
    if (picture.kind === "whole") {
      stage.image = picture.bitmap;
      state.imageState.value = "shown";
      return deep.show(ref.id, picture);
    }
    const { tiles } = picture;
    stage.image = tiles;
    const arrived = (): void => {
      stage.freshen();
      if (tiles.small && state.image.value?.id === ref.id && state.imageState.value !== "shown") state.imageState.value = "shown";
    };
    tiles.onChange = arrived;
    tiles.onFault = (error) => {
      const said = error instanceof Error ? error.message : String(error);
      if (!tiles.small) state.imageState.value = { error: said };
      else if (!state.notices.value.some(({ text }) => text === missing)) this.#parts.tell(missing, said);
    };
    deep.show(ref.id, picture);
    tiles.begin();
    arrived();
  }

  /** Wait until its tiles are made; null where somebody went elsewhere meanwhile. */
  async #made(ref: ImageRef, found: Picture | Unready, stale: () => boolean): Promise<Picture | null> {
    while (found.kind === "making") {
      if (stale()) return null;
      this.#state.imageState.value = { making: found.done };
      await new Promise((resolve) => setTimeout(resolve, makingMs));
      if (stale()) return null;
      found = await this.#gallery.picture(ref);
    }
    if (found.kind === "failed") throw new Error(found.reason);
    return found;
  }

  #overlaysCached(imageId: number): ReadonlyMap<number, Overlay> {
    return new Map(this.#state.runIds.value.flatMap((runId) => {
      const overlay = this.#gallery.overlayCached(imageId, runId);
      return overlay ? [[runId, overlay] as const] : [];
    }));
  }

  async #loadOverlays(ref: ImageRef, turn: number): Promise<void> {
    await Promise.all(this.#state.runIds.value.map((runId) => this.#gallery.overlay(ref, runId)));
    if (turn === this.#turn) this.#state.overlays.value = this.#overlaysCached(ref.id);
  }

  /** What fails here is asked for again, and its failure shown, when the person gets there. */
  async #prefetch(index: number, stale: () => boolean): Promise<void> {
    const count = this.#state.hello.value?.image_count ?? 0;
    for (const step of neighbours) {
      const place = index + step;
      if (place < 0 || place >= count) continue;
      try {
        await this.#fetch(place, stale);
      } catch (error) {
        console.debug("evalnb: a neighbour could not be prefetched", error);
      }
      if (stale()) return;
    }
  }

  async #fetch(place: number, stale: () => boolean): Promise<void> {
    const ref = await this.#gallery.ref(place);
    if (!ref || stale()) return;
    // Making a neighbour's tiles ahead would keep this one's waiting.
    if (!this.#gallery.large(ref)) await this.#gallery.picture(ref);
    if (stale()) return;
    await this.ready(place);
    for (const runId of this.#state.runIds.value) if (!stale()) await this.#gallery.overlay(ref, runId);
  }
}
