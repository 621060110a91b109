// A sequence played: its images one after another, each at its time, or as soon as it has come where that is later.
import type { ImageRef } from "../wire.gen";
import type { Session } from "./session";

/** How many images are fetched ahead, and the bytes of their pixels that may wait. */
const aheadMost = 10;
const aheadBytes = 192 * 2 ** 20;
/** Images that have no times of their own. */
const imageSeconds = 0.1;
/** Whoever is later than this does not run after the lost time. */
const lateMs = 250;

export class Playback {
  readonly #session: Session;
  #turn = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Play, or stop; false where nothing can be played. */
  toggle(): boolean {
    const session = this.#session;
    const { editor, timeline, playing, index, copied } = session;
    if (playing.value) return this.stop();
    const span = timeline.span.value;
    if (!span || span.last === span.first || copied.value) return false;
    if (!editor.state.endsWith(".idle")) {
      session.tell("Finish the shape first, or drop it with Esc");
      return true;
    }
    playing.value = true;
    const from = index.value < span.last ? index.value + 1 : span.first;
    this.#run(++this.#turn, from, span.last).catch((error: unknown) => {
      this.stop();
      session.fault("The next image did not come", error);
    });
    return true;
  }

  /** Rest on the image that is shown. */
  stop(): true {
    const { playing, viewer, index } = this.#session;
    if (playing.value) {
      this.#turn++;
      playing.value = false;
      // What was left out on the way is asked for: what others changed, the verdicts, the neighbours.
      void viewer.goTo(index.value);
    }
    return true;
  }

  async #run(turn: number, from: number, last: number): Promise<void> {
    const { editor, viewer, image, index } = this.#session;
    const coming = new Map<number, Promise<ImageRef | null>>();
    let origin = { wall: performance.now(), seconds: secondsOf(image.value) };
    for (let place = from; place <= last; place++) {
      for (let ahead = place; ahead <= Math.min(place + this.#ahead(), last); ahead++) {
        if (coming.has(ahead)) continue;
        const one = viewer.prepared(ahead);
        // Its failure is told where it is awaited.
        one.catch(() => undefined);
        coming.set(ahead, one);
      }
      const before = index.value;
      const ref = await coming.get(place)!;
      coming.delete(place);
      if (place === from && from < before) origin = { wall: performance.now(), seconds: secondsOf(ref) - imageSeconds };
      const wait = origin.wall + 1000 * (secondsOf(ref) - origin.seconds) - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      else if (wait < -lateMs) origin = { wall: performance.now(), seconds: secondsOf(ref) };
      if (turn !== this.#turn) return;
      // Somebody draws, or went elsewhere.
      if (!ref || index.value !== before || !editor.state.endsWith(".idle")) break;
      if (!viewer.flip(ref)) {
        this.#session.tell("The next image is shown in tiles, and does not play", "play videos of up to 24 megapixels a frame");
        break;
      }
    }
    this.stop();
  }

  #ahead(): number {
    const { width, height } = this.#session.image.value ?? { width: 1, height: 1 };
    return Math.max(1, Math.min(aheadMost, Math.floor(aheadBytes / (4 * width * height))));
  }
}

function secondsOf(ref: ImageRef | null): number {
  return ref?.video ? ref.video.time_s : (ref?.index ?? 0) * imageSeconds;
}
