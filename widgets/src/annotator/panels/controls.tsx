// The panels' switches and sliders.

export function Toggle({ label, checked, onChange, detail }: { label: string; checked: boolean; onChange: (on: boolean) => void; detail?: string }) {
  return (
    <label class="evalnb-toggle">
      <input type="checkbox" role="switch" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <i />
      <span>{label}</span>
      {detail && <em>{detail}</em>}
    </label>
  );
}

/** A double-click puts the `usual` value back. */
export function Slider({ label, about = label, value, min, max, usual, show, set, disabled = false }: {
  label: string; about?: string; value: number; min: number; max: number; usual?: number;
  show: (value: number) => string; set: (value: number) => void; disabled?: boolean;
}) {
  return (
    <label class="evalnb-slider">
      <span>{label}</span>
      <output>{show(value)}</output>
      <input
        type="range" min={min} max={max} step="0.01" value={value} disabled={disabled} aria-label={about} aria-valuetext={show(value)}
        style={{ "--share": `${((value - min) / (max - min)) * 100}%` }}
        onInput={(event) => set(event.currentTarget.valueAsNumber)} onDblClick={() => usual !== undefined && set(usual)}
      />
    </label>
  );
}
