// How many of the next images get copies, and how far that is.
import { useState } from "preact/hooks";
import { propagatedMax } from "../copying";
import type { Session } from "../session";
import { Dialog } from "./Dialog";

export function Propagate({ session }: { session: Session }) {
  return session.dialog.value === "propagate" ? <Ask session={session} /> : null;
}

function Ask({ session }: { session: Session }) {
  const left = Math.min((session.hello.value?.image_count ?? 0) - 1 - session.index.value, propagatedMax);
  const [count, setCount] = useState(Math.min(5, left));
  const what = session.selectedIds.value.length || session.shapes.value.length;
  const close = (): void => void (session.dialog.value = null);
  const go = (event: Event): void => {
    event.preventDefault();
    close();
    session.attempt("The copies are not all made", session.copying.propagate(count));
  };
  const possible = left > 0 && what > 0;
  return (
    <Dialog label="Copy to the next images" close={close}>
      <form class="evalnb-ask" onSubmit={go}>
        <h2>Copy to the next images</h2>
        {possible ? (
          <label>
            {what.toLocaleString("en")} {session.selectedIds.value.length ? "selected" : "in all"}, to the next
            <input
              class="evalnb-input" type="number" min="1" max={left} required value={count} aria-label="How many images" data-autofocus
              onInput={(event) => setCount(event.currentTarget.valueAsNumber)}
            />
            of {left.toLocaleString("en")} images
          </label>
        ) : (
          <p class="evalnb-quiet">{what ? "This is the last image." : "There is no shape to copy."}</p>
        )}
        <footer>
          <button type="button" class="evalnb-action" onClick={close}>Cancel</button>
          {possible && <button type="submit" class="evalnb-action" data-main="true">Copy</button>}
        </footer>
      </form>
    </Dialog>
  );
}
