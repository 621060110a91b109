// What of a deep picture is seen: which bands, and each through which window. Nothing here changes data.
import { computed, signal } from "@preact/signals";
import type { Point } from "../editor/geometry";
import { type DepthView, type Range, autoWindow, colored, firstBands, fullWindow, joined } from "../render/depth";
import type { BandInfo } from "../wire.gen";
import type { Picture } from "./gallery";

/** Images whose windows are remembered, while the page is open. */
const remembered = 200;

export class Deep {
  /** Of the shown image; empty where a screen shows all there is. */
  readonly bands = signal<readonly BandInfo[]>([]);
  readonly view = signal<DepthView>({ bands: [], windows: [] });
  /** Whether images that follow are looked at in the same way. */
  readonly held = signal(false);
  /** Whether one window holds for all the bands that are shown: what keeps colours in balance. */
  readonly linked = computed(() => colored(this.bands.value) && this.view.value.bands.length > 1);
  #shown: { readonly imageId: number; readonly picture: Picture } | null = null;
  /** Of the last image that had more bands than a screen: what `view` is of. */
  #names = "";
  #views = new Map<number, DepthView>();

  /** Another image is on the canvas. */
  show(imageId: number, picture: Picture): void {
    this.#shown = { imageId, picture };
    const bands = picture.kind === "tiled" ? picture.bands : [];
    this.bands.value = bands;
    if (!bands.length) return;
    const names = bands.map((one) => one.name).join();
    const alike = this.held.value && names === this.#names;
    this.#names = names;
    this.#look(alike ? this.view.value : (this.#views.get(imageId) ?? this.#first(firstBands(bands))));
  }

  /** Show these bands: one in grey, or three as red, green and blue. */
  showBands(bands: readonly number[]): void {
    const { bands: were, windows } = this.view.value;
    const known = new Map(were.map((band, place) => [band, windows[place]!]));
    const fresh = this.#first(bands);
    this.#look({ bands, windows: this.linked.value ? fresh.windows : bands.map((band, place) => known.get(band) ?? fresh.windows[place]!) });
  }

  /** Set the window of a place among the shown bands; of all, where they are linked. */
  setWindow(place: number, range: Range): void {
    const { bands, windows } = this.view.value;
    this.#look({ bands, windows: windows.map((one, n) => (this.linked.value || n === place ? range : one)) });
  }

  /** The window that shows all but the darkest and the brightest. */
  auto(): void {
    this.#look(this.#first(this.view.value.bands));
  }

  /** The window that shows everything. */
  full(): void {
    this.#look(this.#windowed(this.view.value.bands, fullWindow));
  }

  /** The values at a place of the image, of the shown bands; null where they are not here. */
  valuesAt(at: Point): readonly number[] | null {
    return this.#shown?.picture.kind === "tiled" ? this.#shown.picture.tiles.valuesAt(at) : null;
  }

  #first(bands: readonly number[]): DepthView {
    return this.#windowed(bands, autoWindow);
  }

  #windowed(places: readonly number[], choose: (band: BandInfo) => Range): DepthView {
    const bands = this.bands.value;
    const windows = places.map((place) => choose(bands[place]!));
    return { bands: places, windows: colored(bands) && places.length > 1 ? windows.map(() => joined(windows)) : windows };
  }

  #look(view: DepthView): void {
    if (this.#shown?.picture.kind !== "tiled" || !this.bands.value.length) return;
    this.view.value = view;
    this.#views.delete(this.#shown.imageId);
    this.#views.set(this.#shown.imageId, view);
    for (const old of this.#views.keys()) {
      if (this.#views.size <= remembered) break;
      this.#views.delete(old);
    }
    this.#shown.picture.tiles.view = view;
  }
}
