// Correlated requests over whatever carries messages. One protocol; carriers differ (a notebook's comm, a WebSocket).
import type { AnnotatorAsk, AnnotatorPush, AnnotatorReplies, Refusal } from "../wire.gen";

/**
 * online: what is sent arrives, sooner or later. offline: nothing arrives now, and the carrier tries to get back.
 * gone: the other side has ended for good.
 */
export type Life = "online" | "offline" | "gone";

/** Carries plain messages with binary buffers, in order, perhaps losing some while nobody listens. */
export interface Carrier {
  send(message: object, buffers?: ArrayBuffer[]): void;
  /** Called with every message from the other side. Returns the way to stop. */
  listen(receive: (message: unknown, buffers: DataView[]) => void): () => void;
  /** How it begins; online where left out. */
  readonly life?: Life;
  /** Called with every change. */
  onLife(tell: (life: Life) => void): () => void;
  /** The transport closes: no more is wanted of the carrier. */
  close?(): void;
}

/** What a widget and its kernel half say to each other: its asks, the reply to each, and what is pushed. */
export interface Talk {
  readonly ask: { readonly ask: string };
  readonly replies: object;
  readonly push: object;
}

export interface AnnotatorTalk extends Talk {
  readonly ask: AnnotatorAsk;
  readonly replies: AnnotatorReplies;
  readonly push: AnnotatorPush;
}

type AskName<T extends Talk> = T["ask"]["ask"] & keyof T["replies"];
type AskOf<T extends Talk, K extends AskName<T>> = Extract<T["ask"], { ask: K }>;

export interface Answer<T extends Talk, K extends AskName<T>> {
  readonly reply: T["replies"][K];
  readonly buffers: readonly DataView[];
}

export interface RequestOptions {
  /** Give up after this long; the kernel may still answer, to nobody. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The kernel said no. */
export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(`${refusal.happened}; ${refusal.remedy}`);
  }
}

/** No answer came: the kernel is busy, or the connection is down. */
export class Unanswered extends Error {}

/** The kernel ended; nothing sent on this connection will ever be answered. */
export class Gone extends Error {}

interface Waiting {
  readonly message: object;
  readonly settle: (message: { ok?: unknown; error?: Refusal }, buffers: DataView[]) => void;
  readonly fail: (reason: Error) => void;
}

const timeoutMs = 20_000;

export class Transport<T extends Talk = AnnotatorTalk> {
  #carrier: Carrier;
  #waiting = new Map<number, Waiting>();
  #pushed = new Set<(push: T["push"]) => void>();
  #lives = new Set<(life: Life) => void>();
  #stops: (() => void)[];
  #life: Life;
  // Two views of one widget share its comm and see each other's replies: their numbers must never meet.
  #next = Math.floor(Math.random() * 2 ** 32) * 2 ** 20;

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
    this.#life = carrier.life ?? "online";
    this.#stops = [
      carrier.listen((message, buffers) => this.#receive(message, buffers)),
      carrier.onLife((life) => this.#setLife(life)),
    ];
  }

  get life(): Life {
    return this.#life;
  }

  /**
   * Ask, and wait for the answer. While the carrier is offline the ask waits too, and what was under way when the line
   * broke is sent again: asks only read, and ops are applied once however often they come.
   */
  request<K extends AskName<T>>(ask: AskOf<T, K>, options: RequestOptions = {}): Promise<Answer<T, K>> {
    if (this.#life === "gone") return Promise.reject(new Gone("the kernel ended"));
    const id = this.#next++;
    return new Promise<Answer<T, K>>((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", abort);
        this.#waiting.delete(id);
      };
      const fail = (reason: Error): void => {
        end();
        reject(reason);
      };
      const abort = (): void => fail(new DOMException("no longer wanted", "AbortError"));
      const timer = setTimeout(() => fail(new Unanswered(`no answer to ${ask.ask}`)), options.timeoutMs ?? timeoutMs);
      if (options.signal?.aborted) return abort();
      options.signal?.addEventListener("abort", abort);
      const message = { id, ...ask };
      this.#waiting.set(id, {
        message,
        fail,
        settle: (message, buffers) => {
          end();
          if (message.error) reject(new Refused(message.error));
          else resolve({ reply: message.ok as T["replies"][K], buffers });
        },
      });
      if (this.#life === "online" && !this.#send(message)) fail(new Gone("the connection is closed"));
    });
  }

  /**
   * As `request`, but asked once more where no answer comes within `againMs`; the first answer counts. What a page asks
   * first may wait behind the cells that run, until the kernel's line beside them is open: what is asked anew goes there.
   */
  async insist<K extends AskName<T>>(ask: AskOf<T, K>, againMs: number, options: RequestOptions = {}): Promise<Answer<T, K>> {
    const first = this.request<K>(ask, options);
    const settled = first.then(() => true, () => true);
    const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), againMs));
    if (await Promise.race([settled, late])) return first;
    return Promise.race([first, this.request<K>(ask, options)]);
  }

  /** Say something that needs no answer. */
  tell(ask: T["ask"]): void {
    if (this.#life === "online") this.#send({ id: this.#next++, ...ask });
  }

  /** False where the carrier has closed for good: a disposed comm throws on every send. */
  #send(message: object): boolean {
    try {
      this.#carrier.send(message);
      return true;
    } catch (error) {
      console.warn("evalnb: the kernel's connection is closed", error);
      this.#setLife("gone");
      return false;
    }
  }

  onPush(listener: (push: T["push"]) => void): () => void {
    this.#pushed.add(listener);
    return () => this.#pushed.delete(listener);
  }

  onLife(listener: (life: Life) => void): () => void {
    this.#lives.add(listener);
    return () => this.#lives.delete(listener);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const waiting of [...this.#waiting.values()]) waiting.fail(new DOMException("the view closed", "AbortError"));
    this.#pushed.clear();
    this.#lives.clear();
    this.#carrier.close?.();
  }

  #receive(message: unknown, buffers: DataView[]): void {
    if (typeof message !== "object" || message === null) return;
    if ("push" in message) {
      for (const listener of this.#pushed) listener(message as T["push"]);
    } else if ("id" in message && typeof message.id === "number") {
      // Unknown numbers are another view's, or answers that came after we gave up.
      this.#waiting.get(message.id)?.settle(message as { ok?: unknown; error?: Refusal }, buffers);
    }
  }

  #setLife(life: Life): void {
    if (life === this.#life || this.#life === "gone") return;
    this.#life = life;
    if (life === "gone") for (const waiting of [...this.#waiting.values()]) waiting.fail(new Gone("the other side ended"));
    if (life === "online") for (const waiting of [...this.#waiting.values()]) this.#send(waiting.message);
    for (const listener of this.#lives) listener(life);
  }
}
