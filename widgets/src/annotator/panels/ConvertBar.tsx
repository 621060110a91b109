// Over the canvas while a conversion is looked at: to which kind, how closely, and how well that stands for what it was.
import { type Target, targets } from "../../editor/ops/convert";
import type { Geometry, Shape } from "../../editor/records";
import { toleranceMax } from "../converting";
import type { Session } from "../session";
import { Icon } from "./icons";

const labels: Readonly<Record<Target, string>> = { polygon: "Polygon", mask: "Mask", box: "Box", rotated: "Rotated box", ellipse: "Ellipse" };

function cornersOf({ geometry }: Shape): number {
  return geometry.kind === "polygon" ? [...geometry.parts, ...geometry.holes].reduce((sum, run) => sum + run.length / 2, 0) : 0;
}

const follows = ({ kind }: Geometry): boolean => kind === "mask" || kind === "ellipse";

export function ConvertBar({ session }: { session: Session }) {
  const { converting } = session;
  const [asked, result] = [converting.asked.value, converting.result.value];
  if (!asked || !result) return null;
  const count = result.changed.length;
  const corners = result.changed.reduce((sum, shape) => sum + cornersOf(shape), 0);
  const rough = asked.to === "polygon" && session.editor.selection.some(({ geometry }) => follows(geometry));
  return (
    <div class="evalnb-wand evalnb-convert" role="toolbar" aria-label="Convert">
      <span class="evalnb-segments" role="group" aria-label="To">
        {targets.map((one) => (
          <button key={one} type="button" aria-pressed={asked.to === one} onClick={() => converting.change({ to: one })}>{labels[one]}</button>
        ))}
      </span>
      {rough && (
        <label class="evalnb-within">
          within
          <input
            class="evalnb-input" type="number" min="0" max={toleranceMax} step="0.5" value={asked.tolerance} aria-label="Tolerance in pixels"
            onInput={(event) => converting.change({ tolerance: event.currentTarget.valueAsNumber })}
            onKeyDown={(event) => {
              if (event.key === "Enter") converting.apply();
              else if (event.key === "Escape") converting.close();
              else return;
              event.preventDefault();
              event.stopPropagation();
              event.currentTarget.closest<HTMLElement>(".evalnb-annotator")?.focus();
            }}
          />
          px
        </label>
      )}
      <hr />
      <span class="evalnb-wand-mask" role="status" data-count={count} data-corners={corners}>
        {count ? (
          <>
            {count > 1 && <strong>{count.toLocaleString("en")}</strong>}
            {corners > 0 && <small>{corners.toLocaleString("en")} corners</small>}
            {asked.to !== "mask" && <small>IoU {result.least.toFixed(3)}{count > 1 && " or more"}</small>}
          </>
        ) : <small>nothing to convert</small>}
      </span>
      <button type="button" class="evalnb-action" data-main disabled={!count} onClick={() => converting.apply()}>Convert</button>
      <button type="button" class="evalnb-button" aria-label="Leave it as it is" onClick={() => converting.close()}><Icon name="close" /></button>
    </div>
  );
}
