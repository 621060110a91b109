// What is drawn over the image: ground truth, and one run's predictions above a confidence.
import type { Session } from "../session";
import { Slider, Toggle } from "./controls";

export function OverlayPanel({ session }: { session: Session }) {
  const runs = session.hello.value?.runs ?? [];
  const overlay = session.overlay.value;
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
            label="Predictions" checked={session.predictionsShown.value && !none}
            detail={overlay ? `${session.overlayCount.value} of ${overlay.count}` : ""}
            onChange={(on) => {
              session.predictionsShown.value = on;
              if (on && none) session.setRun(runs[0]?.id ?? null);
            }}
          />
          <select
            class="evalnb-select" aria-label="Prediction run" value={session.runId.value ?? ""}
            onChange={(event) => session.setRun(event.currentTarget.value ? Number(event.currentTarget.value) : null)}
          >
            <option value="">No run</option>
            {runs.map((run) => <option key={run.id} value={run.id}>{run.name}</option>)}
          </select>
          <Slider
            label="Confidence" about="Least confidence shown" value={session.confidence.value} min={0} max={1} disabled={none}
            show={(value) => `≥ ${value.toFixed(2)}`} set={(value) => (session.confidence.value = value)}
          />
        </>
      ) : (
        <p class="evalnb-quiet">No predictions yet: run <code>project.predict(model, dataset)</code></p>
      )}
    </section>
  );
}
