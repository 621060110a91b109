// What is drawn over the image: ground truth, and the predictions of any number of runs above a confidence.
import { countAbove, dashes } from "../../render/overlay";
import type { RunInfo } from "../../wire.gen";
import type { Session } from "../session";
import { markOf } from "../sight";
import { Slider, Toggle } from "./controls";

export function OverlayPanel({ session }: { session: Session }) {
  const runs = session.hello.value?.runs ?? [];
  const none = session.runId.value === null;
  return (
    <section class="evalnb-section" aria-label="Overlays">
      <h3>Show</h3>
      <Toggle
        label="Ground truth" checked={session.truthShown.value} detail={session.shapes.value.length.toLocaleString("en")}
        onChange={(on) => session.editor.showTruth(on)}
      />
      {runs.length ? (
        <>
          <Toggle
            label="Predictions" checked={session.predictionsShown.value && !none} detail={countOf(session)}
            onChange={(on) => {
              session.predictionsShown.value = on;
              if (on && none) session.showRuns(runs.slice(0, 1).map(({ id }) => id));
            }}
          />
          <div class="evalnb-runs" role="group" aria-label="Prediction runs">
            {runs.map((run) => <RunRow key={run.id} session={session} run={run} />)}
          </div>
          <Slider
            label="Confidence" about="Least confidence shown" value={session.confidence.value} min={0} max={1} usual={0.25} disabled={none}
            show={(value) => `≥ ${value.toFixed(2)}`} set={(value) => (session.confidence.value = value)}
          />
        </>
      ) : (
        <p class="evalnb-quiet">No predictions yet: run <code>project.predict(model, dataset)</code></p>
      )}
    </section>
  );
}

function countOf(session: Session): string {
  const shown = session.runIds.value.flatMap((id) => session.overlays.value.get(id) ?? []);
  if (!shown.length) return "";
  const sure = shown.reduce((sum, overlay) => sum + countAbove(overlay, session.confidence.value), 0);
  return `${sure.toLocaleString("en")} of ${shown.reduce((sum, { count }) => sum + count, 0).toLocaleString("en")}`;
}

/** A run to show or not. Of several, one is judged; the others can be. */
function RunRow({ session, run: { id, name } }: { session: Session; run: RunInfo }) {
  const shown = session.runIds.value;
  const place = shown.indexOf(id);
  const several = shown.length > 1 && place >= 0;
  return (
    <div class="evalnb-run">
      <label title={name}>
        <input
          type="checkbox" checked={place >= 0}
          onChange={(event) => session.showRuns(event.currentTarget.checked ? [...shown, id] : shown.filter((one) => one !== id))}
        />
        {several && <b>{markOf(place)}</b>}
        <span>{name}</span>
      </label>
      {several && <svg width="26" height="2" aria-hidden="true"><line x2="26" y1="1" y2="1" stroke="currentColor" stroke-width="2" stroke-dasharray={dashes[place % dashes.length]!.join(" ")} /></svg>}
      {several && place > 0 && (
        <button type="button" class="evalnb-link" aria-label={`Judge ${name}`} onClick={() => session.showRuns([id, ...shown.filter((one) => one !== id)])}>Judge</button>
      )}
      {several && place === 0 && <span class="evalnb-chip">judged</span>}
    </div>
  );
}
