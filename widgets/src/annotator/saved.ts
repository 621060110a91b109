// Until everything is saved: the kernel does not know what is on its way.
import { effect } from "@preact/signals";
import type { State } from "./state";

/** So long unsaved edits are waited for. */
const patienceMs = 5_000;

/** Resolves once nothing is unsaved; rejects where that takes too long. */
export async function saved({ pending }: Pick<State, "pending">): Promise<void> {
  if (!pending.value) return;
  await new Promise<void>((resolve, reject) => {
    let stop = (): void => undefined;
    const late = setTimeout(() => {
      stop();
      reject(new Error("edits are not saved yet; try again when the badge says Saved"));
    }, patienceMs);
    stop = effect(() => {
      if (pending.value) return;
      clearTimeout(late);
      resolve();
    });
  });
}
