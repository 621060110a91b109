// Over the canvas while the wand is in hand: which mask is shown and how sure the model is, and how masks are made.
import { type Command, infoOf } from "../../editor/keys";
import { type Form, forms, tolerances } from "../../editor/prompted";
import { perform } from "../commands";
import type { Session } from "../session";
import { Icon, type IconName } from "./icons";

const formNames: Readonly<Record<Form, string>> = { mask: "Mask", polygon: "Polygon", box: "Box" };

function Press({ session, command, icon, pressed }: { session: Session; command: Command; icon: IconName; pressed?: boolean }) {
  const { about } = infoOf(command);
  return (
    <button
      type="button" class="evalnb-button" aria-label={about} data-tip={about} data-place="below" aria-pressed={pressed}
      data-key={session.preferences.keys.value.shown(command) || undefined}
      onClick={() => perform(command, session, { big: false, leave: () => undefined })}
    >
      <Icon name={icon} />
    </button>
  );
}

export function WandBar({ session }: { session: Session }) {
  const { wand, preferences } = session;
  if (!wand.inHand.value) return null;
  const { mask, prompting, waiting, gathered, refining, offered } = wand.state.value;
  const { hover, sticky, form, tolerancePx } = preferences.wand.value;
  const keys = preferences.keys.value;
  return (
    <div class="evalnb-wand" role="toolbar" aria-label="Wand" data-waiting={waiting} data-gathered={gathered}>
      {mask && (
        <>
          <span class="evalnb-wand-mask" data-place={mask.place} data-of={mask.of} aria-live="polite">
            {mask.of > 1 && <strong>{mask.place + 1} of {mask.of}</strong>}
            <meter min={0} max={1} low={0.5} high={0.75} optimum={1} value={mask.score} aria-label="Predicted IoU" />
            <small>IoU {mask.score.toFixed(2)}</small>
          </span>
          {mask.of > 1 && <Press session={session} command="sam.other" icon="candidates" />}
          <hr />
        </>
      )}
      {offered && !prompting && (
        <>
          <Press session={session} command="sam.refine" icon="refine" />
          <hr />
        </>
      )}
      <Press session={session} command="sam.boxes" icon="boxMasks" />
      <Press session={session} command="sam.hover" icon="hover" pressed={hover} />
      <Press session={session} command="sam.sticky" icon="sticky" pressed={sticky} />
      <span class="evalnb-segments" role="group" aria-label={infoOf("sam.form").about}>
        {refining && !(forms as readonly string[]).includes(refining) && <button type="button" aria-pressed data-tip="The shape stays what it is" data-place="below">As it is</button>}
        {forms.map((one) => (
          <button
            key={one} type="button" aria-pressed={(refining ?? form) === one} data-tip={`Accept as a ${formNames[one].toLowerCase()}`} data-key={keys.shown("sam.form") || undefined}
            data-place="below" onClick={() => wand.shape(one)}
          >
            {formNames[one]}
          </button>
        ))}
      </span>
      {(refining ?? form) === "polygon" && (
        <select
          aria-label="How far the polygon may depart from the mask" data-tip="How far the polygon may depart from the mask" data-place="below"
          value={String(tolerancePx)} onChange={(e) => wand.change(() => ({ tolerancePx: Number(e.currentTarget.value) }))}
        >
          {tolerances.map((one) => <option key={one} value={String(one)}>within {one} px</option>)}
        </select>
      )}
      {(prompting || gathered > 0) && (
        <>
          <hr />
          <button type="button" class="evalnb-action" data-main onClick={() => session.editor.dispatch({ type: "accept" })}>
            {gathered ? `Accept ${gathered + Number(prompting)}` : "Accept"}
          </button>
          <Press session={session} command="cancel" icon="close" />
        </>
      )}
    </div>
  );
}
