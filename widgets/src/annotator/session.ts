// One annotator: the editor, the stage and the kernel put together.
import { batch, effect } from "@preact/signals";
import { Gone, type Life, Refused, type Transport, Unanswered } from "../bridges/transport";
import { Editor } from "../editor/editor";
import { Palette } from "../render/palette";
import { Stage } from "../render/stage";
import type { AnnotatorPush, EditsPush, HelloAsk, HelloReply, ImageRef, Op, OpResult, Refusal } from "../wire.gen";
import { Copying } from "./copying";
import { Deep } from "./deep";
import { Converting } from "./converting";
import { Documents } from "./documents";
import { showGhosts } from "./ghosts";
import type { Keepsake, Shelf } from "./keepsake";
import { Outbox } from "./outbox";
import { Playback } from "./playback";
import { Preferences } from "./preferences";
import { Reviewing } from "./reviewing";
import { Shaping } from "./shaping";
import { Sight } from "./sight";
import { type Notice, State, mirror } from "./state";
import { Tagging } from "./tagging";
import { Timeline } from "./timeline";
import { Following } from "./following";
import { Tracking } from "./tracking";
import { Tracks } from "./tracks";
import { Undoing } from "./undoing";
import { Viewer } from "./viewer";
import { Wand } from "./wand";
import { type Words, kernelWords } from "./words";

const [helloAgainMs, helloTimeoutMs] = [1_500, 6_000];

export interface SessionOptions {
  readonly transport: Transport;
  /** Where unsaved ops are kept. */
  readonly keepsake: Keepsake;
  readonly shelf: Shelf;
  /** Told which image is on the canvas. */
  readonly onShown: (image: ImageRef) => void;
  /** The image to begin with; left out, the other side chooses. */
  readonly imageId?: number | undefined;
  /** The image that the other side will choose, as far as is known: it is asked for before the greeting is answered. */
  readonly expected?: number | undefined;
  /** The images to step through, where the other side leaves that to the page. */
  readonly part?: HelloAsk["part"];
  readonly words?: Words;
  /** Where an image's bytes are to be had, if not from the transport. */
  readonly imageUrl?: ((imageId: number) => string) | undefined;
  /** A link in the bar, to the same image elsewhere. */
  readonly link?: { readonly label: string; readonly href: (imageId: number) => string } | undefined;
  /** Nothing may be changed, whatever the other side allows. */
  readonly readOnly?: boolean;
}

export class Session extends State {
  readonly words: Words;
  readonly palette = new Palette();
  readonly editor: Editor;
  readonly stage: Stage;
  readonly viewer: Viewer;
  readonly preferences: Preferences;
  readonly copying = new Copying(this);
  readonly shaping = new Shaping(this);
  readonly converting = new Converting(this);
  readonly tagging = new Tagging(this);
  readonly tracking = new Tracking(this);
  readonly deep = new Deep();
  readonly playback = new Playback(this);
  readonly timeline: Timeline;
  readonly tracks: Tracks;
  readonly following: Following;
  readonly undoing: Undoing;
  readonly sight: Sight;
  readonly reviewing: Reviewing;
  readonly wand: Wand;
  readonly #transport: Transport;
  readonly #documents: Documents;
  readonly #outbox: Outbox;
  readonly #keepsake: Keepsake;
  readonly #view = crypto.randomUUID();
  readonly #stops: (() => void)[];
  readonly #options: SessionOptions;
  #watching: number | null = null;
  readonly #refreshing = new Set<number>();

  constructor(options: SessionOptions) {
    super();
    const { transport, shelf, onShown } = options;
    this.#options = options;
    this.#transport = transport;
    this.words = options.words ?? kernelWords;
    this.editor = new Editor({
      newId: () => crypto.randomUUID(),
      onRemark: (text) => this.tell(text),
      onNothing: (at) => this.sight.pick(at),
      onPrompt: (object, question) => this.wand.ask(object, question),
      onPeek: (at) => this.wand.peek(at),
      onSweepEnded: () => this.wand.sweeping.stop(),
    });
    this.stage = new Stage(this.editor, this.palette);
    this.preferences = new Preferences(shelf);
    this.#keepsake = options.keepsake;
    this.#outbox = new Outbox({
      transport,
      keepsake: this.#keepsake,
      onReply: (reply) => this.#documents.settle(reply),
      onRefused: (imageId, ops, refusal) => this.#refused(imageId, ops, refusal),
      onState: () => batch(() => {
        this.pending.value = this.#outbox.pending;
        this.offline.value = this.#outbox.offline || transport.life === "offline";
      }),
    });
    this.#documents = new Documents(this.#outbox, () => crypto.randomUUID(), (imageId, result) => this.#judge(imageId, result));
    this.viewer = new Viewer(this, { transport, editor: this.editor, stage: this.stage, documents: this.#documents, deep: this.deep, onShown, imageUrl: options.imageUrl, tell: (text, remedy) => this.tell(text, remedy) });
    this.wand = new Wand(this, transport);
    this.sight = new Sight(this, transport);
    this.tracks = new Tracks(this, transport);
    this.timeline = new Timeline(this, transport);
    this.following = new Following(this, transport);
    this.undoing = new Undoing(this, transport, this.#documents);
    this.reviewing = new Reviewing(this, transport, (reply) => this.#documents.settle(reply));
    this.#stops = [
      mirror(this.editor, this),
      ...this.sight.stops,
      ...this.wand.stops,
      transport.onPush((push) => this.#pushed(push)),
      transport.onLife((life) => this.#lives(life)),
      effect(() => {
        const imageId = this.restingId.value;
        if (imageId !== this.#watching) this.#watch(imageId);
      }),
      this.preferences.stop,
      this.tracking.start(),
      this.tracks.start(),
      this.timeline.start(),
      this.reviewing.start(),
      effect(() => void (this.editor.snapping = this.preferences.snap.value)),
      effect(() => void (this.stage.look = this.preferences.look.value)),
      showGhosts(this),
    ];
  }

  /** Greet the kernel until it answers. */
  async start(): Promise<void> {
    if (this.#options.expected !== undefined) this.viewer.expect(this.#options.expected);
    const opened = this.#keepsake.open();
    for (;;) {
      try {
        const { reply } = await this.#transport.insist<"hello">(this.#greeting(), helloAgainMs, { timeoutMs: helloTimeoutMs });
        await opened;
        return this.#begin(reply);
      } catch (error) {
        if (error instanceof Gone) this.phase.value = { kind: "gone" };
        else if (error instanceof Refused) {
          this.phase.value = { kind: "failed", happened: error.refusal.happened, remedy: error.refusal.remedy };
        } else if (!(error instanceof DOMException)) {
          this.phase.value = { kind: "waiting" };
          continue;
        }
        return;
      }
    }
  }

  #greeting(): HelloAsk {
    const { imageId, part } = this.#options;
    return { ask: "hello", view: this.#view, ...(imageId === undefined ? {} : { image_id: imageId }), ...(part && { part }) };
  }

  #begin(hello: HelloReply): void {
    this.palette.set(hello.classes);
    this.editor.labels = new Map(hello.classes.map((one) => [one.id, one]));
    this.editor.readOnly = hello.read_only || (this.#options.readOnly ?? false);
    hello = { ...hello, read_only: this.editor.readOnly };
    this.#keepsake.scope = hello.scope;
    batch(() => {
      this.hello.value = hello;
      this.phase.value = { kind: hello.start ? "ready" : "empty" };
      this.runIds.value = hello.runs.slice(0, 1).map(({ id }) => id);
    });
    const first = hello.classes[0];
    if (first) this.editor.setClass(first.id);
    this.stage.repaint();
    this.#outbox.resume(this.#keepsake.all());
    if (hello.start) void this.viewer.open(hello.start);
  }

  /** The same image elsewhere, and what to call it. */
  get link(): { label: string; href: string } | null {
    const imageId = this.image.value?.id;
    if (imageId === undefined) return null;
    const { link } = this.#options;
    if (link) return { label: link.label, href: link.href(imageId) };
    const address = this.hello.value?.link;
    return address ? { label: "Open in the portal", href: address.replace("{image_id}", String(imageId)) } : null;
  }

  dispose(): void {
    this.following.stop();
    this.#transport.tell({ ask: "bye", view: this.#view });
    this.#outbox.closed = true;
    for (const stop of this.#stops) stop();
    this.stage.dispose();
    this.viewer.dispose();
    this.#transport.close();
  }

  /** Show these runs' predictions; the first is the one that is judged. */
  showRuns(runIds: readonly number[]): void {
    this.attempt("The predictions did not come", this.viewer.showRuns(runIds));
  }

  /** Show another image of the dataset. */
  async open(imageId: number): Promise<void> {
    if (imageId === this.image.value?.id) return;
    try {
      const { reply } = await this.#transport.request<"locate">({ ask: "locate", image_id: imageId });
      await this.viewer.open(reply.image);
    } catch (error) {
      this.fault("The image cannot be shown", error);
    }
  }

  // The line ----------------------------------------------------------------------------------------------------

  #lives(life: Life): void {
    if (life === "gone") this.phase.value = { kind: "gone" };
    this.offline.value = life === "offline" || this.#outbox.offline;
    if (life !== "online" || !this.hello.value) return;
    this.#outbox.hurry();
    this.#watch(this.#watching);
    this.reviewing.refresh();
    if (typeof this.imageState.value === "object" && "error" in this.imageState.value) void this.viewer.goTo(this.index.value);
  }

  /** Be told of an image's edits and people from now on, and of what happened since we last heard. */
  #watch(imageId: number | null): void {
    if (imageId !== this.#watching) this.others.value = [];
    this.#watching = imageId;
    const since = imageId === null ? -1 : this.#documents.seq(imageId);
    this.#transport.request<"watch">({ ask: "watch", image_id: imageId, view: this.#view, since }).then(
      ({ reply }) => {
        if (reply.image_id === null || since < 0) return;
        if (reply.reload) this.#refresh(reply.image_id);
        else this.#follow({ ...reply, image_id: reply.image_id, after: since });
      },
      (error: unknown) => console.debug("evalnb: the image is not watched; what others do shows later", error),
    );
  }

  #follow(edits: Pick<EditsPush, "image_id" | "after" | "seq" | "shapes" | "tags">): void {
    if (!this.#documents.follow(edits)) this.#refresh(edits.image_id);
  }

  // What the kernel says ----------------------------------------------------------------------------------------

  #pushed(push: AnnotatorPush): void {
    switch (push.push) {
      case "changed":
        if (this.#documents.loaded(push.image_id) && push.seq > this.#documents.seq(push.image_id)) this.#refresh(push.image_id);
        return;
      case "edits":
        return this.#follow(push);
      case "presence":
        if (push.image_id === this.image.value?.id) this.others.value = push.people.filter((one) => one.key !== this.#view);
        return;
      case "reviewed":
        if (push.image_id === this.image.value?.id) this.reviewing.refresh();
        return;
      case "welcome":
        return;
      case "encoding":
        if (push.image_id === this.image.value?.id) this.encoding.value = push.fraction < 1 ? push.fraction : null;
        return;
      case "sweep":
        return this.wand.sweeping.hear(push);
      case "goto":
        void this.viewer.open(push.image);
        return;
    }
  }

  /** Ask for an image's shapes anew; while the database is away, again and again. */
  #refresh(imageId: number): void {
    if (this.#refreshing.has(imageId)) return;
    this.#refreshing.add(imageId);
    const again = async (): Promise<void> => {
      for (let wait = 500; ; wait = Math.min(2 * wait, 30_000)) {
        try {
          return await this.viewer.refresh(imageId);
        } catch (error) {
          if (this.#transport.life === "gone" || !(error instanceof Unanswered || (error instanceof Refused && error.refusal.status >= 500))) throw error;
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      }
    };
    again()
      .catch((error: unknown) => this.fault("The latest shapes did not come", error))
      .finally(() => this.#refreshing.delete(imageId));
  }

  #refused(imageId: number, ops: readonly Op[], refusal: Refusal): void {
    const what = ops.length === 1 ? "An edit was" : `${ops.length} edits were`;
    this.notify("error", `${what} not saved: ${refusal.happened}`, refusal.remedy);
    this.#refresh(imageId);
  }

  #judge(imageId: number, result: OpResult): void {
    if (result.status === "refused") {
      this.notify("error", `An edit was not saved: ${result.reason}`, "the canvas shows what the database has");
      this.#refresh(imageId);
      return;
    }
    if (!result.shape) return;
    const names: Record<string, string> = { class_id: "class", geometry: "outline" };
    const what = result.conflicts.map((name) => names[name] ?? name).join(" and ") || "shape";
    this.notify("info", `Somebody else changed the ${what} while you did. Yours is saved.`, "", {
      imageId, shapeId: result.shape.id, properties: result.conflicts, theirs: result.theirs,
    });
  }

  /** Take up the segmenter; without one, say once how to get it. */
  segment(tool: "sam" | "everything"): void {
    const { segmenter, segmenter_help } = this.hello.value ?? {};
    if (segmenter) return this.editor.use(tool);
    const text = "There is no segmenter yet";
    if (this.notices.value.some((one) => one.text === text)) return;
    this.notify("info", text, segmenter_help || "give one to annotate(segmenter=…)");
  }

  useTheirs(notice: Notice): void {
    if (notice.conflict) this.#documents.useTheirs(notice.conflict);
    this.dismiss(notice.id);
  }
}
