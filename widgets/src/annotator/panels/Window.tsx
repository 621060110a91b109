// Of a picture that holds more than a screen shows: which bands are seen, and which of their values are black and white.
import { useEffect, useState } from "preact/hooks";
import { toImage } from "../../editor/camera";
import type { Range } from "../../render/depth";
import type { BandInfo } from "../../wire.gen";
import type { Session } from "../session";
import { Toggle } from "./controls";

const shades = ["Red", "Green", "Blue"];

/** So many digits that one of a thousand steps over the range can be told. */
export function shown(value: number, spread: number): string {
  const digits = Math.min(Math.max(Math.ceil(3 - Math.log10(Math.max(spread, Number.MIN_VALUE))), 0), 12);
  return String(Number(value.toFixed(digits)));
}

export function Window({ session }: { session: Session }) {
  const { deep } = session;
  const bands = deep.bands.value;
  if (!bands.length) return null;
  const view = deep.view.value;
  const inColour = view.bands.length > 1;
  const windows = deep.linked.value ? view.bands.slice(0, 1) : view.bands;
  return (
    <section class="evalnb-section" aria-label="Window">
      <h3>
        Window
        <span class="evalnb-links">
          <button type="button" class="evalnb-link" onClick={() => deep.auto()}>Auto</button>
          <button type="button" class="evalnb-link" onClick={() => deep.full()}>Full</button>
        </span>
      </h3>
      {bands.length > 1 && (
        <div class="evalnb-bands">
          {bands.length > 2 && (
            <select class="evalnb-select" aria-label="Shown as" value={inColour ? "colour" : "grey"} onChange={(event) => deep.showBands(event.currentTarget.value === "colour" ? [0, 1, 2] : view.bands.slice(0, 1))}>
              <option value="colour">In colour</option>
              <option value="grey">In grey</option>
            </select>
          )}
          {view.bands.map((band, place) => (
            <label key={place}>
              <span>{inColour ? shades[place] : "Band"}</span>
              <select
                class="evalnb-select" aria-label={inColour ? `${shades[place]} shows` : "Band"} value={band}
                onChange={(event) => deep.showBands(view.bands.map((one, n) => (n === place ? Number(event.currentTarget.value) : one)))}
              >
                {bands.map((one, n) => <option key={n} value={n}>{one.name}</option>)}
              </select>
            </label>
          ))}
        </div>
      )}
      {windows.map((band, place) => (
        <Levels
          key={`${session.image.value?.id}/${place}/${band}`} band={bands[band]!} range={view.windows[place]!}
          name={deep.linked.value || bands.length === 1 ? "Window" : bands[band]!.name} set={(range) => deep.setWindow(place, range)}
        />
      ))}
      <Toggle label="The same for every image" checked={deep.held.value} onChange={(on) => (deep.held.value = on)} />
      <Under session={session} />
    </section>
  );
}

/** A band's histogram, with a handle for what is black and one for what is white. */
function Levels({ band, range, name, set }: { band: BandInfo; range: Range; name: string; set: (range: Range) => void }) {
  const [from, to] = [Math.min(band.begin, range.low), Math.max(band.end, range.high)];
  const spread = Math.max(to - from, Number.MIN_VALUE);
  const step = spread / 1000;
  const [low, high] = [(range.low - from) / spread, (range.high - from) / spread];
  const most = Math.max(...band.counts, 1);
  const put = (end: "low" | "high", value: number): void => {
    if (!Number.isFinite(value)) return;
    set(end === "low" ? { low: value, high: Math.max(range.high, value + step) } : { low: Math.min(range.low, value - step), high: value });
  };
  const handle = (end: "low" | "high") => (
    <input
      type="range" min={from} max={to} step={step} value={range[end]} aria-label={`${name}: ${end === "low" ? "black" : "white"}`}
      aria-valuetext={shown(range[end], spread)} onInput={(event) => put(end, event.currentTarget.valueAsNumber)}
    />
  );
  const field = (end: "low" | "high") => (
    <input
      type="number" step={step} value={shown(range[end], spread)} aria-label={`${name}: ${end === "low" ? "black" : "white"}, exactly`}
      onChange={(event) => put(end, event.currentTarget.valueAsNumber)}
    />
  );
  return (
    <div class="evalnb-levels">
      <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
        <rect class="evalnb-levels-kept" x={low} y="0" width={Math.max(high - low, 0)} height="1" />
        {band.counts.map((count, n) => {
          const x = (band.begin + (n * (band.end - band.begin)) / band.counts.length - from) / spread;
          const height = Math.sqrt(count / most);
          return <rect key={n} x={x} y={1 - height} width={(band.end - band.begin) / band.counts.length / spread} height={height} />;
        })}
      </svg>
      {handle("low")}
      {handle("high")}
      <div>{field("low")}<span>{name === "Window" ? "" : name}</span>{field("high")}</div>
    </div>
  );
}

/** The values under the pointer. */
function Under({ session }: { session: Session }) {
  const [said, say] = useState("");
  const { deep, stage, editor } = session;
  useEffect(() => {
    const { element } = stage;
    const moved = (event: PointerEvent): void => {
      const box = element.getBoundingClientRect();
      const at = toImage(editor.viewport.camera, { x: event.clientX - box.left, y: event.clientY - box.top });
      const values = deep.valuesAt(at);
      const bands = deep.bands.peek();
      const { bands: places } = deep.view.peek();
      say(values ? values.map((value, n) => `${values.length > 1 ? `${bands[places[n]!]?.name} ` : ""}${shown(value, bands[places[n]!]!.most - bands[places[n]!]!.least)}`).join(" · ") : "");
    };
    element.addEventListener("pointermove", moved, { passive: true });
    return () => element.removeEventListener("pointermove", moved);
  }, [session]);
  return (
    <div class="evalnb-under" title="Where an image pixel is about as large as one of the screen">
      <span>Under the pointer</span>
      <output>{said || "–"}</output>
    </div>
  );
}
