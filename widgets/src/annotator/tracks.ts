// A track as a whole: its keyframes, its class and attributes on every image, split in two, and joined to another.
import { effect } from "@preact/signals";
import type { Transport } from "../bridges/transport";
import { between } from "../editor/ops/between";
import { type Shape, same } from "../editor/records";
import type { EditorDocument } from "../editor/selecting";
import type { Frame } from "../wire.gen";
import { saved } from "./saved";
import type { Session } from "./session";
import { Spanning } from "./spanning";

/** A shape of a track that was selected. */
interface Held {
  readonly trackId: string;
  readonly imageId: number;
}

export class Tracks {
  readonly #session: Session;
  readonly #transport: Transport;
  /** The tracks selected last, the latest first, one for each image. */
  #held: readonly Held[] = [];
  /** The track whose next keyframe is on its way: whoever holds the key down need not wait for it. */
  #going: string | null = null;
  #turn = 0;

  constructor(session: Session, transport: Transport) {
    this.#session = session;
    this.#transport = transport;
  }

  /** Remember which tracks were selected. */
  start(): () => void {
    return effect(() => {
      const [id, shapes, image] = [this.#session.selectedId.value, this.#session.shapes.value, this.#session.image.peek()];
      const trackId = id && shapes.find((one) => one.id === id)?.track.id;
      if (!trackId || !image) return;
      this.#held = [{ trackId, imageId: image.id }, ...this.#held.filter(({ imageId }) => imageId !== image.id)].slice(0, 8);
    });
  }

  /** Go to the nearest keyframe of the selected track, in one direction. */
  async step(step: 1 | -1): Promise<void> {
    const session = this.#session;
    const trackId = this.#going ?? session.editor.selection.find(({ track }) => track.id)?.track.id;
    if (!trackId) return session.tell("No shape of a track is selected");
    const turn = ++this.#turn;
    this.#going = trackId;
    try {
      const frames = await this.#frames(trackId);
      const index = session.index.value;
      const keys = frames.filter(({ keyframe, image }) => keyframe && Math.sign(image.index - index) === step);
      const nearest = step > 0 ? keys[0] : keys.at(-1);
      if (!nearest) return session.tell(`The track has no keyframe ${step > 0 ? "after" : "before"} this one`);
      await session.viewer.open(nearest.image);
      if (turn === this.#turn && session.index.value === nearest.image.index) session.editor.pick(nearest.shape_id);
    } finally {
      if (turn === this.#turn) this.#going = null;
    }
  }

  /** What is selected are keyframes from now on; where all of it is already, none of it is, and lies between the others. */
  async key(): Promise<void> {
    const session = this.#session;
    const { editor } = session;
    const here = editor.document;
    const tracked = editor.editable.filter(({ track }) => track.id);
    if (!tracked.length || !here) return session.tell("No shape of a track is selected", "select a shape and begin a track");
    const plain = tracked.filter(({ track }) => !track.keyframe);
    if (plain.length) return editor.putAll(plain.map((shape) => ({ ...shape, track: { ...shape.track, keyframe: true } })));
    await this.#busy(async (command) => {
      for (const shape of tracked) await this.#unkey(command, here, shape, session.index.value);
    });
  }

  async #unkey(command: Spanning, here: EditorDocument, shape: Shape, index: number): Promise<void> {
    const keys = (await this.#frames(shape.track.id!)).filter(({ keyframe, image }) => keyframe && image.index !== index);
    const [before, after] = [keys.filter(({ image }) => image.index < index).at(-1), keys.find(({ image }) => image.index > index)];
    const [from, to] = [await this.#shape(before), await this.#shape(after)];
    if (!from && !to) return this.#session.tell("It is the only keyframe of its track", "delete the shape instead");
    command.change(here, (draft) => {
      // Out of sight before, and until the next keyframe.
      if (from?.track.outside) return draft.remove(shape.id);
      const share = before && after ? (index - before.image.index) / (after.image.index - before.image.index) : 0;
      const geometry = from && to ? between(from.geometry, to.geometry, share) : (from ?? to)!.geometry;
      draft.put({ ...shape, geometry, track: { ...shape.track, keyframe: false, outside: false } });
    });
    if (from && to && before && after) await this.#session.tracking.refill(command, from, before.image.index, to, after.image.index - before.image.index);
  }

  /** Every shape of the track has the class and the attributes of the one that is selected; whether it is partly hidden
   * is each image's own. */
  async spread(): Promise<void> {
    const session = this.#session;
    const tracked = session.editor.editable.filter(({ track }) => track.id);
    if (!tracked.length) return session.tell("No shape of a track is selected");
    let changed = 0;
    await this.#busy(async (command) => {
      for (const { track, class_id, attributes: { occluded: _, ...given } } of tracked) {
        changed += await this.#rewrite(command, track.id!, () => true, (shape) => {
          const own = shape.attributes["occluded"];
          return { ...shape, class_id, attributes: own === undefined ? given : { ...given, occluded: own } };
        });
      }
    });
    session.tell(changed ? `${many(changed, "shape")} of the track ${changed === 1 ? "has" : "have"} its class and attributes now` : "The whole track has this class and these attributes already");
  }

  /** From this image on it is another track. */
  async split(): Promise<void> {
    const session = this.#session;
    const index = session.index.value;
    const tracked = session.editor.editable.filter(({ track }) => track.id);
    if (!tracked.length) return session.tell("No shape of a track is selected");
    let parts = 0;
    await this.#busy(async (command) => {
      for (const { track } of tracked) {
        const frames = await this.#frames(track.id!);
        const last = frames.filter(({ image }) => image.index < index).at(-1);
        if (!last) {
          session.tell("The track begins on this image: there is nothing to split off");
          continue;
        }
        const id = crypto.randomUUID();
        // Both ends stay where they are: what is filled in lies between keyframes.
        const ends = new Set([index, last.image.index]);
        await this.#rewrite(command, track.id!, ({ image }) => image.index >= index || ends.has(image.index), (shape, at) => ({
          ...shape, track: { ...shape.track, id: at >= index ? id : shape.track.id, keyframe: shape.track.keyframe || ends.has(at) },
        }));
        parts++;
      }
    });
    if (parts) session.tell(`${parts === 1 ? "Another track begins" : `${parts} other tracks begin`} here`);
  }

  /** What is selected, with all of its track, belongs to the track that was selected before on another image. */
  async join(): Promise<void> {
    const session = this.#session;
    const { editor, image } = session;
    const shape = editor.editable.at(-1);
    const here = image.value?.id;
    const other = this.#held.find(({ imageId, trackId }) => imageId !== here && trackId !== shape?.track.id);
    if (!shape || !other) return session.tell("Select a shape of one track, go to another image, and select there what is the same object");
    await this.#busy(async (command) => {
      const theirs = await this.#frames(other.trackId);
      const ours = shape.track.id ? await this.#frames(shape.track.id) : [];
      const places = new Set([session.index.value, ...ours.map(({ image }) => image.index)]);
      const both = theirs.find(({ image }) => places.has(image.index));
      if (both) return session.tell(`Both are on image ${(both.image.index + 1).toLocaleString("en")}: they are two objects there`, "delete one of them there, or split its track");
      if (!theirs.length) return session.tell("The track that was selected before is gone");
      const changed = shape.track.id
        ? await this.#rewrite(command, shape.track.id, () => true, (one) => ({ ...one, track: { ...one.track, id: other.trackId } }))
        : (editor.put({ ...shape, track: { id: other.trackId, keyframe: true, outside: false } }), 1);
      session.tell(`${many(changed, "shape")} joined: the track is on ${many(theirs.length + changed, "image")} now`, "fill in between the keyframes where it has gaps");
    });
  }

  /** Change the shapes of a track on all images that `where` chooses. How many changed. */
  async #rewrite(command: Spanning, trackId: string, where: (frame: Frame) => boolean, change: (shape: Shape, index: number) => Shape): Promise<number> {
    const session = this.#session;
    const frames = (await this.#frames(trackId)).filter(where);
    let changed = 0;
    for (const [n, { image }] of frames.entries()) {
      // Whoever stops it sets `copied` to null.
      if (!session.copied.value) break;
      const document = await session.viewer.readyAt(image);
      command.change(document, (draft) => {
        for (const shape of [...document.store.all()]) {
          if (shape.track.id !== trackId) continue;
          const now = change(shape, image.index);
          if (same(now, shape)) continue;
          draft.put(now);
          changed++;
        }
      });
      session.copied.value &&= { done: n + 1, of: frames.length };
    }
    return changed;
  }

  /** Where the track stands, as far as the kernel knows: what is unsaved is waited for. */
  async #frames(trackId: string): Promise<readonly Frame[]> {
    await saved(this.#session);
    const { reply } = await this.#transport.request<"track">({ ask: "track", track_id: trackId });
    if (!reply.complete) this.#session.tell(`The track is on more than ${reply.frames.length.toLocaleString("en")} images: only those are looked at`);
    return reply.frames;
  }

  async #shape(frame: Frame | undefined): Promise<Shape | undefined> {
    return frame && (await this.#session.viewer.readyAt(frame.image)).store.get(frame.shape_id);
  }

  /** What `work` changes by its command is one step of undo, on whatever images. */
  async #busy(work: (command: Spanning) => Promise<void>): Promise<void> {
    const { copied, editor } = this.#session;
    if (copied.value) return;
    copied.value = { done: 0, of: 1 };
    const here = editor.document;
    const command = new Spanning();
    try {
      await work(command);
    } finally {
      copied.value = null;
      command.end(here);
    }
  }
}

function many(count: number, what: string): string {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}
