// One ask in flight; of those that come meanwhile only the newest is sent.

export class Latest<Q, R> {
  #ask: (query: Q) => Promise<R>;
  #settle: (answer: R, query: Q, askedAt: number) => void;
  #fail: (error: unknown) => void;
  #next: { readonly query: Q; readonly at: number } | null = null;
  #busy = false;
  closed = false;

  constructor(ask: (query: Q) => Promise<R>, settle: (answer: R, query: Q, askedAt: number) => void, fail: (error: unknown) => void) {
    this.#ask = ask;
    this.#settle = settle;
    this.#fail = fail;
  }

  get busy(): boolean {
    return this.#busy;
  }

  put(query: Q): void {
    this.#next = { query, at: performance.now() };
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#next && !this.closed) {
      const { query, at } = this.#next;
      this.#next = null;
      try {
        const answer = await this.#ask(query);
        if (!this.closed) this.#settle(answer, query, at);
      } catch (error) {
        if (!this.closed) this.#fail(error);
      }
    }
    this.#busy = false;
  }
}
