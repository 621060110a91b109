// Where unsaved ops go for which the browser's quick storage has no room: IndexedDB, which is slower and far larger.

const name = "evalnb";
const store = "ops";

/** Rejects where the browser forbids it or fails. */
export class Attic {
  #opened: Promise<IDBDatabase> | null = null;

  put(key: string, text: string): Promise<void> {
    return this.#done("readwrite", (ops) => ops.put(text, key)).then(() => undefined);
  }

  drop(key: string): Promise<void> {
    return this.#done("readwrite", (ops) => ops.delete(key)).then(() => undefined);
  }

  /** All that is kept, by key. */
  async all(): Promise<Map<string, string>> {
    const [keys, texts] = await Promise.all([
      this.#done("readonly", (ops) => ops.getAllKeys()),
      this.#done("readonly", (ops) => ops.getAll() as IDBRequest<string[]>),
    ]);
    return new Map(keys.map((key, n) => [String(key), texts[n]!]));
  }

  async #done<T>(mode: IDBTransactionMode, ask: (ops: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const database = await (this.#opened ??= this.#open());
    return new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(store, mode);
      const request = ask(transaction.objectStore(store));
      // Not when the request is answered: only a transaction that ended is on the disk.
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error ?? new Error("aborted"));
    });
  }

  #open(): Promise<IDBDatabase> {
    const forget = (): void => void (this.#opened = null);
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(store);
      request.onsuccess = () => {
        const database = request.result;
        database.onclose = forget;
        // Another page deletes it or brings it up to date, and every other page waits for both: opened again at the next need.
        database.onversionchange = () => {
          forget();
          database.close();
        };
        resolve(database);
      };
      request.onerror = () => {
        forget();
        reject(request.error ?? new Error("IndexedDB cannot be opened"));
      };
    });
  }
}
