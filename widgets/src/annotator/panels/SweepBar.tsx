// Over the canvas while everything is segmented: how far it is, then how many are left, and what to do with them.
import type { Session } from "../session";
import { Icon } from "./icons";

export function SweepPill({ session }: { session: Session }) {
  const { inHand, share, what } = session.wand.sweeping;
  if (!inHand.value || share.value === null) return null;
  return (
    <div class="evalnb-pill evalnb-sweeping" role="status">
      <Icon name="saving" spin />
      {what.value === "boxes" ? "Drawing the masks of boxes" : "Segmenting everything"}
      <progress max={1} value={share.value} aria-label="Share of the image" />
      <button type="button" class="evalnb-mini" aria-label="Stop" onClick={() => session.editor.dispatch({ type: "cancel" })}><Icon name="close" /></button>
    </div>
  );
}

export function SweepBar({ session }: { session: Session }) {
  const { sweeping } = session.wand;
  const { editor } = session;
  if (!sweeping.inHand.value) return null;
  const { shown, chosen, left, scoreMin, areaMin, areaMost } = sweeping.state.value;
  // The row stays while nothing is found: the image is not to jump.
  if (!left) return <div class="evalnb-wand" />;
  const limit = (change: { scoreMin?: number; areaMin?: number }): void => {
    editor.everything.limit(change);
    editor.repaint();
  };
  const say = (what: "keep" | "drop"): void => {
    editor.everything[what]();
    editor.repaint();
  };
  // Areas differ by orders of magnitude: the slider goes by sides.
  const side = Math.round(Math.sqrt(areaMin));
  return (
    <div class="evalnb-wand evalnb-sweep" role="toolbar" aria-label="Everything that was found" data-shown={shown} data-chosen={chosen} data-left={left}>
      <strong aria-live="polite">{chosen ? `${chosen} of ${shown} chosen` : `${shown} found`}</strong>
      <hr />
      <label>
        <small>IoU ≥ {scoreMin.toFixed(2)}</small>
        <input type="range" min={0} max={1} step={0.01} value={scoreMin} aria-label="Least predicted IoU" onInput={(e) => limit({ scoreMin: Number(e.currentTarget.value) })} />
      </label>
      <label>
        <small>≥ {side} × {side} px</small>
        <input
          type="range" min={0} max={Math.ceil(Math.sqrt(areaMost))} step={1} value={side} aria-label="Least size"
          onInput={(e) => limit({ areaMin: Number(e.currentTarget.value) ** 2 })}
        />
      </label>
      <hr />
      <button type="button" class="evalnb-action" data-main disabled={!shown} onClick={() => say("keep")}>{chosen ? `Keep ${chosen}` : `Keep all ${shown}`}</button>
      <button type="button" class="evalnb-action" disabled={!chosen} onClick={() => say("drop")}>{chosen ? `Drop ${chosen}` : "Drop"}</button>
    </div>
  );
}
