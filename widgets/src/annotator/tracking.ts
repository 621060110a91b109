// One object over the images of a sequence: begun, carried along, filled in between its keyframes, and ended.
import { fitted, misfit } from "../editor/arranging";
import { between } from "../editor/ops/between";
import { type Shape, same } from "../editor/records";
import type { EditorDocument } from "../editor/selecting";
import type { Session } from "./session";
import { Spanning } from "./spanning";

/** So far a keyframe is looked for, in images. */
const reach = 500;

/** Where a track was seen last, on the way through the images. */
interface Seen {
  readonly index: number;
  readonly shape: Shape;
}

/** A keyframe, and what lies between it and the image at hand, the nearest first. */
interface Stretch {
  readonly key: Shape;
  /** By how many images it is off. */
  readonly away: number;
}

export class Tracking {
  readonly #session: Session;
  readonly #seen = new Map<string, Seen>();
  /** The last image that each track was seen on. */
  readonly #farthest = new Map<string, number>();
  #document: EditorDocument | null = null;
  #index = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Remember the tracks of every image that is left. */
  start(): () => void {
    const { editor, index } = this.#session;
    return editor.on((aspect) => {
      if (aspect !== "document") return;
      this.#remember();
      this.#document = editor.document;
      this.#index = index.peek();
    });
  }

  #remember(): void {
    for (const shape of this.#document?.store.all() ?? []) {
      const { id } = shape.track;
      if (!id) continue;
      this.#seen.set(id, { index: this.#index, shape });
      this.#farthest.set(id, Math.max(this.#farthest.get(id) ?? 0, this.#index));
    }
  }

  /** What is selected is followed from here on. */
  begin(): boolean {
    const { editor } = this.#session;
    const fresh = editor.editable.filter(({ track }) => !track.id);
    if (!fresh.length) return false;
    editor.putAll(fresh.map((shape) => ({ ...shape, track: { id: crypto.randomUUID(), keyframe: true, outside: false } })));
    this.#session.tell(`${fresh.length === 1 ? "A track begins" : `${fresh.length} tracks begin`} here`, "go on to another image and carry it along");
    return true;
  }

  /** The tracks of the image that was left last stand here too, to be put where their objects are now. */
  carry(): void {
    const { editor, index } = this.#session;
    this.#remember();
    if (editor.readOnly || !editor.document) return;
    const here = new Set([...editor.document.store.all()].flatMap(({ track }) => track.id ?? []));
    const elsewhere = [...this.#seen].filter(([id, seen]) => !here.has(id) && seen.index !== index.value && !seen.shape.track.outside && misfit(seen.shape, editor.size) === null);
    const last = Math.min(...elsewhere.map(([, seen]) => Math.abs(seen.index - index.value)));
    const carried = elsewhere.filter(([, seen]) => Math.abs(seen.index - index.value) === last).map(([id, { shape }]) => ({
      ...fitted(shape, editor.size), id: crypto.randomUUID(), rev: 0, deleted: false, track: { id, keyframe: true, outside: false },
    }));
    if (!carried.length) return this.#session.tell("No track was seen that is not on this image already", "select a shape and begin a track");
    editor.use("select");
    editor.putAll(carried);
    editor.selectAll(carried.map(({ id }) => id));
  }

  /** The object is not in sight on this image, nor after it until its next keyframe; or it is again. */
  leave(): boolean {
    const { editor } = this.#session;
    const tracked = editor.editable.filter(({ track }) => track.id);
    const outside = !tracked.every(({ track }) => track.outside);
    editor.putAll(tracked.map((shape) => ({ ...shape, track: { ...shape.track, keyframe: true, outside } })));
    return tracked.length > 0;
  }

  /** Fill in what lies between the keyframes here and those before and after, for what is selected or for all tracks. */
  async fill(): Promise<void> {
    const session = this.#session;
    const { editor } = session;
    const here = editor.document;
    const chosen = (editor.selection.length ? editor.selection : [...(here?.store.all() ?? [])]).filter(({ track }) => track.id && track.keyframe);
    if (editor.readOnly || !here || session.copied.value) return;
    if (!chosen.length) return session.tell("No keyframe of a track is selected here", "select a shape and begin a track, or move one that was filled in");
    const index = session.index.value;
    session.copied.value = { done: 0, of: 1 };
    let made = 0;
    const command = new Spanning();
    try {
      for (const step of [-1, 1] as const) {
        const found = await this.#keyframes(chosen, index, step);
        const farthest = Math.max(0, ...[...found.values()].map(({ away }) => away));
        for (let off = 1; off < farthest && session.copied.value; off++) {
          const document = await session.viewer.ready(index + step * off);
          if (document) made += this.#draw(command, document, chosen, found, off, step);
          session.copied.value &&= { done: off, of: farthest };
        }
      }
    } finally {
      session.copied.value = null;
      command.end(here);
    }
    if (made) session.tell(`${made.toLocaleString("en")} ${made === 1 ? "shape is" : "shapes are"} filled in between the keyframes`);
    else session.tell("There is nothing between these keyframes to fill in", `another keyframe of the track is looked for up to ${reach} images away`);
  }

  /** Draw what lies between two keyframes of a track anew, as a part of `command`; how many shapes that changed. */
  async refill(command: Spanning, from: Shape, index: number, to: Shape, away: number): Promise<number> {
    const found = new Map([[from.track.id!, { key: to, away }]]);
    let made = 0;
    for (let off = 1; off < away; off++) {
      const document = await this.#session.viewer.ready(index + off);
      if (document) made += this.#draw(command, document, [from], found, off, 1);
    }
    return made;
  }

  /** The nearest keyframe of each track in one direction. */
  async #keyframes(chosen: readonly Shape[], index: number, step: 1 | -1): Promise<Map<string, Stretch>> {
    const { viewer, hello, copied } = this.#session;
    const count = hello.value?.image_count ?? 0;
    const found = new Map<string, Stretch>();
    const left = new Set(chosen.map(({ track }) => track.id!));
    for (let away = 1; away <= reach && left.size && copied.value; away++) {
      const place = index + step * away;
      if (place < 0 || place >= count) break;
      const document = await viewer.ready(place);
      const there = new Map([...(document?.store.all() ?? [])].flatMap((shape) => (shape.track.id ? [[shape.track.id, shape]] : [])));
      for (const id of [...left]) {
        const key = there.get(id);
        if (key?.track.keyframe) found.set(id, { key, away });
        // Most tracks were never drawn ahead: without this each look there would lead through 500 images.
        const ended = step > 0 && !key && (this.#farthest.get(id) ?? 0) < place;
        if (key?.track.keyframe || ended) left.delete(id);
      }
    }
    return found;
  }

  #draw(command: Spanning, document: EditorDocument, chosen: readonly Shape[], found: ReadonlyMap<string, Stretch>, off: number, step: 1 | -1): number {
    let made = 0;
    command.change(document, (draft) => {
      for (const shape of chosen) {
        const stretch = found.get(shape.track.id!);
        if (!stretch || off >= stretch.away) continue;
        const old = [...document.store.all()].find(({ track }) => track.id === shape.track.id);
        const [from, to] = step < 0 ? [stretch.key, shape] : [shape, stretch.key];
        if (old?.track.keyframe) continue;
        // Between masks there is only a copy to draw: one that is there was followed, or is as good.
        if (old?.geometry.kind === "mask" && !from.track.outside && this.#session.hello.value?.segmenter) continue;
        if (from.track.outside) {
          // Out of sight until the later keyframe.
          if (old) draft.remove(old.id);
          continue;
        }
        const share = step < 0 ? 1 - off / stretch.away : off / stretch.away;
        const geometry = between(from.geometry, to.geometry, share);
        if (old && same(old.geometry, geometry)) continue;
        made++;
        draft.put(old ? { ...old, geometry } : {
          ...from, id: crypto.randomUUID(), rev: 0, deleted: false, geometry, track: { id: shape.track.id, keyframe: false, outside: false },
        });
      }
    });
    return made;
  }
}
