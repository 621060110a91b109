// The sequence that the shown image is part of, and where in it the selected track is seen, keyed and out of sight.
import { effect, signal } from "@preact/signals";
import type { Transport } from "../bridges/transport";
import type { Frame, ImageRef } from "../wire.gen";
import type { Session } from "./session";

/** Places in the slice, the last one included. */
export interface Span {
  readonly first: number;
  readonly last: number;
  /** The video that they are of; null where the whole slice is a sequence. */
  readonly video: string | null;
  /** When its last image is shown. */
  readonly endSeconds: number;
}

export interface Run {
  readonly from: number;
  /** The place after the last. */
  readonly to: number;
  /** "gap": between two shapes of the track, and not filled in. */
  readonly kind: "seen" | "gap" | "out";
}

export interface Marks {
  readonly trackId: string;
  readonly keys: readonly number[];
  readonly runs: readonly Run[];
}

/** Where a track is seen and where it is not, up to the place `last`. */
export function runsOf(frames: readonly Pick<Frame, "outside" | "image">[], last: number): readonly Run[] {
  const runs: Run[] = [];
  const add = (run: Run): void => {
    const before = runs.at(-1);
    if (run.to <= run.from) return;
    if (before?.kind === run.kind && before.to === run.from) runs[runs.length - 1] = { ...before, to: run.to };
    else runs.push(run);
  };
  frames.forEach(({ image: { index }, outside }, n) => {
    const next = frames[n + 1]?.image.index;
    // Out of sight until it is seen again.
    if (outside) return add({ from: index, to: next ?? last + 1, kind: "out" });
    add({ from: index, to: index + 1, kind: "seen" });
    if (next !== undefined) add({ from: index + 1, to: next, kind: "gap" });
  });
  return runs;
}

export class Timeline {
  /** Null where the image is part of no sequence. */
  readonly span = signal<Span | null>(null);
  readonly marks = signal<Marks | null>(null);
  readonly #session: Session;
  readonly #transport: Transport;
  /** A track was seen: the slice is a sequence, and stays one while it is looked through. */
  #tracked = false;
  #trackId: string | null = null;
  /** The marks are from before an edit. */
  #stale = false;

  constructor(session: Session, transport: Transport) {
    this.#session = session;
    this.#transport = transport;
  }

  start(): () => void {
    const stops = [effect(() => this.#place()), effect(() => this.#follow())];
    return () => stops.forEach((stop) => stop());
  }

  #place(): void {
    const { image, shapes, hello } = this.#session;
    const shown = image.value;
    this.#tracked ||= shapes.value.some(({ track }) => track.id);
    const count = hello.value?.image_count ?? 0;
    const known = this.span.peek();
    if (!shown?.video) {
      const sequence = shown && this.#tracked ? { first: 0, last: count - 1, video: null, endSeconds: 0 } : null;
      if (known?.video || !known !== !sequence) this.span.value = sequence;
      return;
    }
    const { sha256, time_s } = shown.video;
    if (known?.video === sha256 && known.first <= shown.index && shown.index <= known.last) return;
    // Its row is there at once; how long it is follows.
    this.span.value = { first: shown.index, last: shown.index, video: sha256, endSeconds: time_s };
    this.#session.attempt("How long the video is did not come", this.#measure(shown, sha256));
  }

  async #measure(shown: ImageRef, video: string): Promise<void> {
    const { reply: { first, last } } = await this.#transport.request<"sequence">({ ask: "sequence", image_id: shown.id });
    if (this.span.value?.video !== video || !first || !last) return;
    this.span.value = { first: first.index, last: last.index, video, endSeconds: last.video?.time_s ?? 0 };
  }

  /** The marks are those of the track that was selected last, until something else is. */
  #follow(): void {
    const { selectedId, shapes, pending, playing } = this.#session;
    const selected = shapes.value.find(({ id }) => id === selectedId.value);
    if (selected) this.#trackId = selected.track.id;
    if (pending.value) this.#stale = true;
    if (pending.value || playing.value || !this.span.value) return;
    const trackId = this.#trackId;
    if (trackId === null) this.marks.value = null;
    else if (this.#stale || this.marks.peek()?.trackId !== trackId) {
      this.#stale = false;
      this.#session.attempt("The track's keyframes did not come", this.#mark(trackId));
    }
  }

  async #mark(trackId: string): Promise<void> {
    const { reply: { frames } } = await this.#transport.request<"track">({ ask: "track", track_id: trackId });
    const span = this.span.value;
    if (trackId !== this.#trackId || !span) return;
    const keys = frames.filter(({ keyframe }) => keyframe).map(({ image }) => image.index);
    this.marks.value = { trackId, keys, runs: runsOf(frames, span.last) };
  }
}
