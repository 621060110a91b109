// tus's checksum extension, which tus-js-client leaves to whoever uses it: the digest of each chunk travels with it, so
// that what arrives is what was read.
import type { FileReader, HttpRequest } from "tus-js-client";

/** Reads a file in slices and remembers the digest of the last one. Browsers offer digests on https and localhost only. */
export class Checksums implements FileReader {
  #digest: string | null = null;

  async openFile(input: Blob): ReturnType<FileReader["openFile"]> {
    return {
      size: input.size,
      slice: async (start: number, end: number) => {
        const value = input.slice(start, end);
        this.#digest = globalThis.crypto?.subtle ? base64(await crypto.subtle.digest("SHA-256", await value.arrayBuffer())) : null;
        return { value, done: end >= input.size };
      },
      close: () => undefined,
    };
  }

  /** Give the header to a request that carries a chunk. */
  sign(request: HttpRequest): void {
    if (request.getMethod() === "PATCH" && this.#digest !== null) request.setHeader("Upload-Checksum", `sha256 ${this.#digest}`);
  }
}

function base64(digest: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
