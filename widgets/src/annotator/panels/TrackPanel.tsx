// What can be done with the track of the shape that is selected.
import { type Command, infoOf } from "../../editor/keys";
import { perform } from "../commands";
import type { Session } from "../session";
import { ReachChoice } from "./FollowPill";

const steps: readonly (readonly [Command, string])[] = [["track.previous", "‹ Keyframe"], ["track.next", "Keyframe ›"]];
const verbs: readonly (readonly [Command, string])[] = [
  ["track.fill", "Fill in"], ["track.spread", "Class to all"], ["track.split", "Split here"], ["track.join", "Join"],
];

const follow: readonly (readonly [Command, string])[] = [["follow.backward", "‹ Follow back"], ["follow.forward", "Follow ›"]];

export function TrackPanel({ session }: { session: Session }) {
  const shape = session.shapes.value.find(({ id }) => id === session.selectedId.value);
  if (!shape?.track.id) return null;
  const readOnly = session.hello.value?.read_only ?? true;
  const follows = !readOnly && Boolean(session.hello.value?.segmenter);
  const keys = session.preferences.keys.value;
  const run = (command: Command): void => void perform(command, session, { big: false, leave: () => undefined });
  const button = ([command, text]: readonly [Command, string], pressed?: boolean) => (
    <button
      key={command} type="button" class="evalnb-action" title={[infoOf(command).about, keys.shown(command)].filter(Boolean).join("  ")} aria-pressed={pressed}
      onClick={() => run(command)}
    >
      {text}
    </button>
  );
  const { keyframe, outside } = shape.track;
  return (
    <section class="evalnb-section" aria-label="Track">
      <h3>Track</h3>
      <div class="evalnb-verbs">
        {steps.map((one) => button(one))}
        {!readOnly && button(["track.key", "Keyframe"], keyframe)}
        {!readOnly && button(["track.outside", "Out of sight"], outside)}
        {!readOnly && verbs.map((one) => button(one))}
        {follows && follow.map((one) => button(one, session.following.state.value !== null && one[0] === "follow.forward"))}
      </div>
      {follows && <ReachChoice session={session} />}
    </section>
  );
}
