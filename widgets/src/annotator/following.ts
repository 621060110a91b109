// Tracks followed by the model over the images that come: asked for piece by piece, drawn as they come, stopped at will.
import { signal } from "@preact/signals";
import { Refused, type Transport } from "../bridges/transport";
import { type Target, converted } from "../editor/ops/convert";
import { type Geometry, type MaskGeometry, type Shape, same } from "../editor/records";
import type { EditorDocument } from "../editor/selecting";
import type { FollowAsk, FollowReply, FollowedFrame, ImageRef } from "../wire.gen";
import { saved } from "./saved";
import type { Session } from "./session";
import { Spanning } from "./spanning";

/** A large model on a slow CPU takes minutes for the first image. */
const timeoutMs = 1_800_000;

const kinds: ReadonlySet<string> = new Set(["box", "rotated", "ellipse", "polygon", "mask"]);

/** So far a track is followed, in images; null: to the end. A keyframe ends it earlier. */
export const reaches = [null, 10, 50, 200] as const;
export type Reach = (typeof reaches)[number];

export interface FollowState {
  readonly done: number;
  readonly of: number;
  /** The image that was done last. */
  readonly at: ImageRef | null;
  /** The canvas shows each image as it is done, until somebody goes elsewhere or takes up a tool. */
  readonly along: boolean;
}

/** What is followed: how its shapes look, and where it was seen last. */
interface Trail {
  readonly like: Shape;
  last: { readonly image: ImageRef; readonly geometry: Geometry | null };
}

export class Following {
  /** Null while nothing is followed. */
  readonly state = signal<FollowState | null>(null);
  readonly reach = signal<Reach>(null);
  readonly #session: Session;
  readonly #transport: Transport;
  #name: string | null = null;

  constructor(session: Session, transport: Transport) {
    this.#session = session;
    this.#transport = transport;
  }

  /** Follow what is in hand: the wand's mask, what is selected, else every track of the image. Again: stop. */
  async run(backward: boolean): Promise<void> {
    const session = this.#session;
    if (this.state.value) return this.stop();
    const image = session.image.value;
    if (session.editor.readOnly || !image || session.copied.value) return;
    if (!session.hello.value?.segmenter) return session.segment("sam");
    const ahead = backward ? image.index : (session.hello.value.image_count ?? 0) - 1 - image.index;
    if (ahead < 1) return session.tell(backward ? "This is the first image" : "This is the last image");
    this.state.value = { done: 0, of: Math.min(this.reach.value ?? ahead, ahead), at: null, along: true };
    const name = (this.#name = crypto.randomUUID());
    try {
      const seeds = await this.#seeds();
      if (!seeds.length) return session.tell("There is nothing here to follow", "select a mask, a polygon or a box, or click an object with the wand");
      const [command, here] = [new Spanning(), session.editor.document];
      try {
        await this.#go(command, name, image, seeds, backward);
      } finally {
        command.end(here);
      }
    } finally {
      if (this.#name === name) {
        this.#name = null;
        this.state.value = null;
      }
    }
  }

  /** Leave it at what is there. */
  stop(): void {
    const [name, image] = [this.#name, this.#session.image.peek()];
    this.#name = null;
    this.state.value = null;
    if (!name || !image) return;
    this.#transport.request<"stop">({ ask: "stop", image_id: image.id, follow: name }).catch((error: unknown) => console.debug("evalnb: following was not stopped", error));
  }

  /** Show the image that was done last, and those to come. */
  async watch(): Promise<void> {
    const now = this.state.value;
    if (!now?.at) return;
    this.#session.editor.use("select");
    this.state.value = { ...now, along: true };
    await this.#session.viewer.open(now.at);
  }

  /** What is in hand, as keyframes or shapes of tracks. */
  async #seeds(): Promise<readonly Shape[]> {
    const { editor, wand } = this.#session;
    const { store } = editor.document!;
    const { now, gathered } = editor.sam.state;
    let chosen: readonly Shape[] = editor.editable;
    if (wand.inHand.value && (now || gathered.length)) {
      const before = new Set([...store.all()].map(({ id }) => id));
      editor.dispatch({ type: "accept" });
      await wand.settled();
      chosen = [...store.all()].filter(({ id }) => !before.has(id));
    } else if (!chosen.length) {
      chosen = [...store.all()].filter(({ track }) => track.id);
    }
    const able = chosen.filter(({ geometry, track }) => kinds.has(geometry.kind) && !track.outside);
    const fresh = able.filter(({ track }) => !track.id);
    editor.putAll(fresh.map((shape) => ({ ...shape, track: { id: crypto.randomUUID(), keyframe: true, outside: false } })));
    editor.use("select");
    editor.selectAll(able.map(({ id }) => id));
    // The kernel reads the keyframes around from the database.
    await saved(this.#session);
    return able.map(({ id }) => store.get(id)!);
  }

  async #go(command: Spanning, name: string, image: ImageRef, seeds: readonly Shape[], backward: boolean): Promise<void> {
    const trails = new Map(seeds.map((like): [string, Trail] => [like.track.id!, { like, last: { image, geometry: like.geometry } }]));
    const [seen, problems] = [new Set<number>(), new Set<string>()];
    let [away, ended, begun] = [0, false, false];
    // Whoever changes it means the next time.
    const reach = this.reach.value;
    while (!ended && this.#name === name) {
      const reply = await this.#piece({
        ask: "follow", follow: name, image_id: image.id, backward, ...(reach === null ? {} : { count: reach }),
        ...(begun ? {} : { seeds: seeds.map(({ track, geometry }) => ({ track_id: track.id!, geometry })) }),
      });
      if (!reply) break;
      begun = true;
      ended = reply.ended;
      for (const frame of reply.frames) {
        // What came is kept, even where it was stopped meanwhile.
        await this.#land(command, frame, trails, backward);
        seen.add(frame.image.id);
        if (frame.problem) problems.add(frame.problem);
        if (frame.shapes.some(({ mask }) => !mask)) away++;
      }
      await this.#show(name, reply.of, seen.size, reply.frames.at(-1)?.image, trails);
    }
    // One that was stopped before the first image has nothing to tell.
    if (seen.size || ended) this.#tell(seen.size, away, trails.size, problems);
  }

  /** The next images; null where it was stopped, or another canvas of this kernel has begun. */
  async #piece(ask: FollowAsk): Promise<FollowReply | null> {
    try {
      return (await this.#transport.request<"follow">(ask, { timeoutMs })).reply;
    } catch (error) {
      if (error instanceof Refused && ["Cancelled", "Superseded"].includes(error.refusal.kind)) return null;
      // Stopped while this was on its way.
      if (error instanceof Refused && error.refusal.kind === "NotFound" && this.#name !== ask.follow) return null;
      throw error;
    }
  }

  /** Draw what was found on one image. What is a keyframe there is a person's. */
  async #land(command: Spanning, { image, shapes }: FollowedFrame, trails: ReadonlyMap<string, Trail>, backward: boolean): Promise<void> {
    const document = await this.#session.viewer.readyAt(image);
    for (const { track_id, mask } of shapes) {
      const trail = trails.get(track_id);
      if (!trail) continue;
      const { like, last } = trail;
      const geometry = mask && as(mask, like, document);
      trail.last = { image, geometry };
      if (geometry) {
        put(command, document, like, geometry, false);
        // Going back, the image after this one is the first on which it is not in sight.
        if (backward && !last.geometry) put(command, await this.#session.viewer.readyAt(last.image), like, geometry, true);
      } else if (!backward && last.geometry) put(command, document, like, last.geometry, true);
      else put(command, document, like, null, true);
    }
  }

  async #show(name: string, of: number, done: number, at: ImageRef | undefined, trails: ReadonlyMap<string, Trail>): Promise<void> {
    const session = this.#session;
    const now = this.state.value;
    if (!now || this.#name !== name || !at) return;
    const here = session.index.value;
    // Whoever looks elsewhere, or has something in hand, is left alone.
    const along = now.along && session.toolState.value === "select.idle" && (now.at === null || here === now.at.index || session.image.value?.id === now.at.id);
    this.state.value = { done, of, at, along };
    if (!along) return;
    await session.viewer.open(at);
    if (session.index.value !== at.index) return;
    session.editor.selectAll([...(session.editor.document?.store.all() ?? [])].filter(({ track }) => track.id && trails.has(track.id) && !track.outside).map(({ id }) => id));
  }

  #tell(done: number, away: number, tracks: number, problems: ReadonlySet<string>): void {
    const session = this.#session;
    const [first] = problems;
    if (first) session.notify("error", `${many(problems.size)} could not be read: ${first}`, "it was followed beyond");
    if (!done) return session.tell("There is nothing to follow up to the next keyframe", "go on from there, or make that shape no keyframe");
    const lost = away ? `; ${tracks > 1 ? "not all" : "not"} in sight on ${away.toLocaleString("en")}` : "";
    session.tell(`Followed over ${many(done)}${lost}`, "correct any of them, and follow again from there: what people drew stays");
  }
}

/** The mask as a shape of the kind that its track has. */
function as(mask: MaskGeometry, like: Shape, { size }: EditorDocument): Geometry {
  if (like.geometry.kind === "mask") return mask;
  return converted([{ ...like, geometry: mask }], like.geometry.kind as Target, size).changed[0]?.geometry ?? mask;
}

/** Put a shape of the track on an image, in place of the one that is there; without a geometry, only take that away. */
function put(command: Spanning, document: EditorDocument, like: Shape, geometry: Geometry | null, outside: boolean): void {
  const old = [...document.store.all()].find(({ track }) => track.id === like.track.id);
  if (old?.track.keyframe) return;
  command.change(document, (draft) => {
    if (!geometry) {
      if (old) draft.remove(old.id);
      return;
    }
    const track = { id: like.track.id, keyframe: false, outside };
    const { occluded: _, ...attributes } = like.attributes;
    const now: Shape = old ? { ...old, geometry, track } : { ...like, attributes, id: crypto.randomUUID(), rev: 0, deleted: false, geometry, track };
    if (!old || !same(old, now)) draft.put(now);
  });
}

function many(count: number): string {
  return `${count.toLocaleString("en")} ${count === 1 ? "image" : "images"}`;
}
