// How far copies to other images are made.
import type { Session } from "../session";
import { Icon } from "./icons";

export function Copied({ session }: { session: Session }) {
  const copied = session.copied.value;
  if (!copied) return null;
  return (
    <div class="evalnb-pill" role="status">
      <Icon name="saving" spin />
      Copying to image {copied.done + 1} of {copied.of}
      <progress max={copied.of} value={copied.done} aria-label="Copied" />
      <button type="button" class="evalnb-mini" aria-label="Stop copying" onClick={() => (session.copied.value = null)}><Icon name="close" /></button>
    </div>
  );
}
