// How far tracks are followed, and the way to stop or to look on; beside it, how far they are to be followed.
import { type Reach, reaches } from "../following";
import type { Session } from "../session";
import { Icon } from "./icons";

export function FollowPill({ session }: { session: Session }) {
  const { following } = session;
  const now = following.state.value;
  if (!now) return null;
  const { done, of, along, at } = now;
  return (
    <div class="evalnb-pill evalnb-following" role="status" data-done={done} data-of={of} data-along={along}>
      <Icon name="saving" spin />
      {done ? `Followed ${done.toLocaleString("en")} of ${of.toLocaleString("en")}` : "Following…"}
      <progress max={of} value={done} aria-label="Images followed" />
      {!along && at && <button type="button" class="evalnb-mini" aria-label="Go along" data-tip="Go along" onClick={() => session.attempt("The image cannot be shown", following.watch())}><Icon name="eye" /></button>}
      <button type="button" class="evalnb-mini" aria-label="Stop following" onClick={() => following.stop()}><Icon name="close" /></button>
    </div>
  );
}

export function ReachChoice({ session }: { session: Session }) {
  const { reach } = session.following;
  return (
    <select class="evalnb-select" aria-label="How far to follow" value={String(reach.value ?? "")} onChange={(e) => (reach.value = (Number(e.currentTarget.value) || null) as Reach)}>
      {reaches.map((one) => <option key={one} value={String(one ?? "")}>{one === null ? "up to a keyframe or the end" : `${one} images at most`}</option>)}
    </select>
  );
}
