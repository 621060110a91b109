// How far copies to other images are made.
import type { Session } from "../session";
import { Icon } from "./icons";

export function Copied({ session }: { session: Session }) {
  const copied = session.copied.value;
  if (!copied) return null;
  return (
    <div class="evalnb-pill" role="status">
      <Icon name="saving" spin />
      Image {copied.done + 1} of {copied.of}
      <progress max={copied.of} value={copied.done} aria-label="Images done" />
      <button type="button" class="evalnb-mini" aria-label="Stop" onClick={() => (session.copied.value = null)}><Icon name="close" /></button>
    </div>
  );
}
