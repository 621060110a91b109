// What was made from something not long ago, up to a size: the least recently used goes first.

export class Recent<K extends object, V> {
  #held = new Map<K, V>();
  #size = 0;

  /** `limit` in whatever `sizeOf` counts; a value beyond it is kept alone. */
  constructor(readonly limit: number, readonly sizeOf: (value: V) => number) {}

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    const value = this.#held.get(key);
    if (value === undefined) return undefined;
    this.#held.delete(key);
    this.#held.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    const before = this.#held.get(key);
    if (before !== undefined) this.#drop(key, before);
    this.#held.set(key, value);
    this.#size += this.sizeOf(value);
    for (const [oldest, held] of this.#held) {
      if (this.#size <= this.limit || oldest === key) break;
      this.#drop(oldest, held);
    }
  }

  #drop(key: K, value: V): void {
    this.#held.delete(key);
    this.#size -= this.sizeOf(value);
  }
}
