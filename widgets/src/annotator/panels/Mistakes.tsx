// What the judged run got right and wrong on this image, and the way from mistake to mistake.
import { type Mistake, matchColors, sameMistake } from "../../render/verdicts";
import type { Session } from "../session";
import { Slider, Toggle } from "./controls";
import { Icon } from "./icons";
import { useRows } from "./rows";

const rowPx = 28;
/** Below this any overlap would be a hit. */
const leastIou = 0.15;

export function Mistakes({ session }: { session: Session }) {
  const { sight, preferences } = session;
  if (session.runId.value === null) return null;
  const judging = sight.judging.value;
  const verdicts = sight.verdicts.value;
  return (
    <section class="evalnb-section" aria-label="Evaluation">
      <h3>Evaluation</h3>
      <Toggle label="Colour by match" checked={judging} onChange={(on) => preferences.show({ colorBy: on ? "match" : "class" })} />
      {judging && (
        <>
          <Slider
            label="IoU" about="Least IoU of a hit" value={session.iou.value} min={leastIou} max={0.95} usual={0.5}
            show={(value) => `≥ ${value.toFixed(2)}`} set={(value) => (session.iou.value = Math.round(value * 100) / 100)}
          />
          {verdicts && !verdicts.covered ? <p class="evalnb-quiet">The run has not seen this image.</p> : <Counts session={session} />}
          <List session={session} />
          <Steps session={session} />
        </>
      )}
    </section>
  );
}

function Counts({ session }: { session: Session }) {
  const tally = session.sight.tally.value;
  const counts = [
    [matchColors.hit, "TP", "True positives", tally?.hits],
    [matchColors.ghost, "FP", "False positives", tally?.ghosts],
    [matchColors.miss, "FN", "Missed", tally?.misses],
  ] as const;
  return (
    <div class="evalnb-tally" role="group" aria-label="What became of them">
      {counts.map(([color, short, long, count]) => (
        <span key={short} data-outcome={short} title={long} aria-label={`${long}: ${count ?? "not known yet"}`}>
          <i class="evalnb-swatch" style={{ background: color }} />{short} <b>{count ?? "–"}</b>
        </span>
      ))}
    </div>
  );
}

function List({ session }: { session: Session }) {
  const { sight } = session;
  const mistakes = sight.mistakes.value;
  const { box, first, count, onScroll } = useRows(rowPx, mistakes.length);
  // Read, so that the row follows.
  void [session.focus.value, session.selectedId.value];
  const { current } = sight;
  return (
    <div class="evalnb-rows evalnb-mistakes" ref={box} role="list" aria-label="Mistakes on this image" onScroll={onScroll} hidden={!mistakes.length}>
      <div role="presentation" style={{ height: `${mistakes.length * rowPx}px` }}>
        <div role="presentation" style={{ transform: `translateY(${first * rowPx}px)` }}>
          {mistakes.slice(first, first + count).map((one) => (
            <Row key={one.kind === "ghost" ? one.place : one.shapeId} session={session} mistake={one} chosen={current !== null && sameMistake(one, current)} />
          ))}
        </div>
      </div>
    </div>
  );
}

function Row({ session, mistake, chosen }: { session: Session; mistake: Mistake; chosen: boolean }) {
  const { sight, palette, editor } = session;
  const overlay = session.overlay.value;
  const verdicts = sight.verdicts.value;
  if (!overlay || !verdicts) return null;
  const shape = mistake.kind === "miss" ? editor.document?.store.get(mistake.shapeId) : undefined;
  const what = mistake.kind === "ghost"
    ? `${palette.name(overlay.classIds[mistake.place]!)} ${Math.round(overlay.scores[mistake.place]! * 100)}%`
    : shape ? palette.name(shape.class_id) : "deleted";
  const why = mistake.kind === "ghost" ? (verdicts.errors[verdicts.error[mistake.place]!] ?? "") : "missed";
  return (
    <div role="listitem">
      <button type="button" class="evalnb-row" aria-pressed={chosen} data-mistake={mistake.kind} onClick={() => sight.show(mistake)}>
        <i class="evalnb-swatch" style={{ background: matchColors[mistake.kind] }} />
        <span class="evalnb-row-name">{what}</span>
        <em>{why}</em>
      </button>
    </div>
  );
}

function Steps({ session }: { session: Session }) {
  const { preferences, sight, seeking } = session;
  const keys = preferences.keys.value;
  return (
    <div class="evalnb-steps">
      <button type="button" class="evalnb-action" title={keys.shown("mistake.previous")} disabled={seeking.value} onClick={() => sight.next(-1)}>Previous</button>
      <button type="button" class="evalnb-action" title={keys.shown("mistake.next")} disabled={seeking.value} onClick={() => sight.next(1)}>
        {seeking.value ? <Icon name="saving" spin /> : null} Next mistake
      </button>
    </div>
  );
}
