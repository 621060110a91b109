// One Evaluation widget: what is looked at, what the kernel answered, and the asks between the two.
import { batch, computed, signal } from "@preact/signals";
import { Gone, Refused, Transport, type Carrier } from "../bridges/transport";
import type { ClassInfo, EditedPush, EvaluationAsk, EvaluationHelloReply, EvaluationReplies, Mark } from "../wire.gen";
import { type Confusion, type Figures, type Picture, confusion, figures, pictures } from "./decode";
import { Latest } from "./latest";
import { type Query, same, start, wire } from "./query";

interface Talk {
  readonly ask: EvaluationAsk;
  readonly replies: EvaluationReplies;
  readonly push: EditedPush;
}

export type Phase =
  | { readonly kind: "waiting" }
  | { readonly kind: "ready" }
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly happened: string; readonly remedy: string };

/** What the notebook gives the widget. */
export interface Surroundings {
  /** Tell Python what is looked at. */
  readonly onQuery: (query: Query) => void;
  /** Show the Annotator of that widget id below. */
  readonly onModel: (model: string) => void;
}

const [helloAgainMs, helloTimeoutMs] = [1_500, 6_000];
const slowMs = 60_000;
const pageLength = 24;
const thumbsMax = 300;
const restMs = 180;

export class Session {
  readonly phase = signal<Phase>({ kind: "waiting" });
  readonly hello = signal<EvaluationHelloReply | null>(null);
  readonly query = signal<Query>({ confidence: 0, iou: 0.5, area: "all", classes: null, tags: [] });
  readonly figures = signal<Figures | null>(null);
  readonly confusion = signal<Confusion | null>(null);
  /** Whether the confusion matrix and the pictures belong to an earlier query. */
  readonly stale = signal(false);
  /** Bound to attributes as it is: the matrix and the strip are not drawn anew for it. */
  readonly waiting = computed(() => this.stale.value || this.total.value === null);
  readonly mark = signal<Mark>({ mark: "worst" });
  readonly pictures = signal<readonly Picture[]>([]);
  readonly total = signal<number | null>(null);
  readonly thumbs = signal<ReadonlyMap<number, string>>(new Map());
  readonly opened = signal<number | null>(null);
  readonly problem = signal<string | null>(null);
  /** From the move of a slider to the frame that shows the figures, ms. */
  readonly elapsedMs = signal<number | null>(null);
  readonly ready = computed(() => this.hello.value !== null && this.figures.value !== null);
  readonly classOf = computed(() => new Map((this.hello.value?.classes ?? []).map((one) => [one.id, one] as const)));

  readonly #transport: Transport<Talk>;
  readonly #around: Surroundings;
  readonly #view = crypto.randomUUID();
  readonly #figures: Latest<Query, void>;
  readonly #detail: Latest<Query, void>;
  readonly #images: Latest<{ query: Query; mark: Mark; first: number }, void>;
  readonly #asked = new Set<number>();
  readonly #urls = new Map<number, string>();
  readonly #stops: (() => void)[];
  #rest: ReturnType<typeof setTimeout> | undefined;

  constructor(carrier: Carrier, around: Surroundings) {
    this.#around = around;
    this.#transport = new Transport<Talk>(carrier);
    const fail = (error: unknown): void => this.#fault(error);
    let answered: Figures | null = null;
    this.#figures = new Latest(
      async (query) => {
        const { reply, buffers } = await this.#transport.request<"figures">({ ask: "figures", query: wire(query) }, { timeoutMs: slowMs });
        answered = figures(reply, buffers);
      },
      (_, __, at) => {
        this.figures.value = answered;
        // A frame's callbacks run before it is painted; the task after them, once it is.
        requestAnimationFrame(() => setTimeout(() => (this.elapsedMs.value = performance.now() - at)));
      },
      fail,
    );
    this.#detail = new Latest(
      async (query) => {
        const { reply, buffers } = await this.#transport.request<"detail">({ ask: "detail", query: wire(query) }, { timeoutMs: slowMs });
        this.confusion.value = confusion(reply, buffers);
      },
      (_, query) => (this.stale.value = !same(query, this.query.value)),
      fail,
    );
    this.#images = new Latest(
      async ({ query, mark, first }) => {
        const ask = { ask: "images", query: wire(query), mark, first, count: pageLength } as const;
        const { reply, buffers } = await this.#transport.request<"images">(ask, { timeoutMs: slowMs });
        const found = pictures(reply, buffers);
        batch(() => {
          this.pictures.value = first ? [...this.pictures.value, ...found] : found;
          this.total.value = reply.total;
        });
        for (const picture of found) this.#fetchThumb(picture.id);
      },
      () => undefined,
      fail,
    );
    this.#stops = [
      this.#transport.onPush(() => this.#reask()),
      this.#transport.onLife((life) => {
        if (life === "gone") this.phase.value = { kind: "gone" };
      }),
    ];
  }

  /** Greet the kernel until it answers. */
  async start(initial: Partial<Query>): Promise<void> {
    for (;;) {
      try {
        const { reply } = await this.#transport.insist<"hello">({ ask: "hello", view: this.#view }, helloAgainMs, { timeoutMs: helloTimeoutMs });
        batch(() => {
          this.hello.value = reply;
          this.query.value = { ...start(reply), ...initial };
          this.phase.value = { kind: "ready" };
        });
        return this.#reask();
      } catch (error) {
        if (error instanceof Gone) this.phase.value = { kind: "gone" };
        else if (error instanceof Refused) {
          this.phase.value = { kind: "failed", happened: error.refusal.happened, remedy: error.refusal.remedy };
        } else if (!(error instanceof DOMException)) continue;
        return;
      }
    }
  }

  /** Look at something else. `silent`: Python said so itself. */
  look(change: Partial<Query>, { silent = false } = {}): void {
    const query = { ...this.query.value, ...change };
    if (same(query, this.query.value)) return;
    this.query.value = query;
    if (this.phase.value.kind !== "ready") return;
    this.#figures.put(query);
    this.stale.value = true;
    // What takes longer waits until the hand rests.
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      if (!silent) this.#around.onQuery(query);
      this.#askRest();
    }, restMs);
  }

  behind(mark: Mark): void {
    this.mark.value = mark;
    this.total.value = null;
    this.#images.put({ query: this.query.value, mark, first: 0 });
  }

  more(): void {
    this.#images.put({ query: this.query.value, mark: this.mark.value, first: this.pictures.value.length });
  }

  async open(imageId: number): Promise<void> {
    if (this.hello.value?.opens === "nothing") return;
    this.opened.value = imageId;
    try {
      const { reply } = await this.#transport.request<"open">({ ask: "open", image_id: imageId }, { timeoutMs: slowMs });
      if (reply.model) this.#around.onModel(reply.model);
    } catch (error) {
      this.#fault(error);
    }
  }

  name(classId: number): string {
    return this.classOf.value.get(classId)?.name ?? String(classId);
  }

  get classes(): readonly ClassInfo[] {
    return this.hello.value?.classes ?? [];
  }

  dispose(): void {
    this.#transport.tell({ ask: "bye", view: this.#view });
    clearTimeout(this.#rest);
    for (const latest of [this.#figures, this.#detail, this.#images]) latest.closed = true;
    for (const stop of this.#stops) stop();
    for (const url of this.#urls.values()) URL.revokeObjectURL(url);
    this.#transport.close();
  }

  #reask(): void {
    this.#figures.put(this.query.value);
    this.#askRest();
  }

  #askRest(): void {
    this.#detail.put(this.query.value);
    this.#images.put({ query: this.query.value, mark: this.mark.value, first: 0 });
  }

  #fetchThumb(imageId: number): void {
    if (!this.hello.value?.pictures || this.#asked.has(imageId)) return;
    this.#asked.add(imageId);
    this.#transport.request<"thumb">({ ask: "thumb", image_id: imageId }, { timeoutMs: slowMs }).then(
      ({ reply, buffers }) => {
        const bytes = buffers[0];
        if (!bytes) return;
        this.#urls.set(imageId, URL.createObjectURL(new Blob([bytes as DataView<ArrayBuffer>], { type: reply.mime })));
        const shown = new Set(this.pictures.value.map((one) => one.id));
        for (const [id, url] of this.#urls) {
          if (this.#urls.size <= thumbsMax) break;
          if (shown.has(id)) continue;
          URL.revokeObjectURL(url);
          this.#urls.delete(id);
          this.#asked.delete(id);
        }
        this.thumbs.value = new Map(this.#urls);
      },
      (error: unknown) => {
        this.#asked.delete(imageId);
        this.#fault(error);
      },
    );
  }

  #fault(error: unknown): void {
    if (error instanceof Gone || (error instanceof DOMException && error.name === "AbortError")) return;
    // A newer ask took this one's place: its answer comes.
    if (error instanceof Refused && error.refusal.kind === "Superseded") return;
    this.problem.value = error instanceof Error ? error.message : String(error);
  }
}
