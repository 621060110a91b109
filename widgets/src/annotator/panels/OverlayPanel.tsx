// What is drawn over the image: ground truth, and one run's predictions above a confidence.
import type { Signal } from "@preact/signals";
import type { Session } from "../session";

function Toggle({ label, checked, onChange, detail }: { label: string; checked: boolean; onChange: (on: boolean) => void; detail?: string }) {
  return (
    <label class="evalnb-toggle">
      <input type="checkbox" role="switch" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <i />
      <span>{label}</span>
      {detail && <em>{detail}</em>}
    </label>
  );
}

function Confidence({ value, disabled }: { value: Signal<number>; disabled: boolean }) {
  return (
    <label class="evalnb-slider">
      <span>Confidence</span>
      <output>≥ {value.value.toFixed(2)}</output>
      <input
        type="range" min="0" max="1" step="0.01" value={value.value} disabled={disabled} aria-label="Least confidence shown"
        style={{ "--share": `${value.value * 100}%` }}
        onInput={(event) => (value.value = event.currentTarget.valueAsNumber)}
      />
    </label>
  );
}

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
          <Confidence value={session.confidence} disabled={none} />
        </>
      ) : (
        <p class="evalnb-quiet">No predictions yet: run <code>project.predict(model, dataset)</code></p>
      )}
    </section>
  );
}
