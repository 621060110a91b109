// The twelve numbers, what the query makes of them, and what edits did to them.
import { difference, narrowed, number, plural, signed } from "./query";
import type { Session } from "./session";

const meanings: Record<string, string> = {
  AP: "IoU .50–.95", AP50: "IoU .50", AP75: "IoU .75", APs: "small", APm: "medium", APl: "large",
  AR: "IoU .50–.95", AR50: "IoU .50", AR75: "IoU .75", AR1: "best 1", AR10: "best 10", AR100: "best 100",
  ARs: "small", ARm: "medium", ARl: "large",
};

function Change({ value, of }: { value: number; of: string }) {
  return <em class={value > 0 ? "up" : "down"} title={of}>{signed(value)}</em>;
}

export function Numbers({ session }: { session: Session }) {
  const hello = session.hello.value;
  const figures = session.figures.value;
  if (!hello || !figures) return null;
  const part = narrowed(session.query.value, hello);
  const { before } = figures;
  return (
    <section class="numbers" aria-label="Numbers">
      {hello.keys.map((key, n) => {
        const value = figures.numbers[n] ?? -1;
        const toWhole = part ? difference(value, figures.whole[n] ?? -1) : null;
        const was = before?.[n];
        const moved = was === undefined ? null : difference(value, was);
        return (
          <div key={key} class={key === "AP" ? "tile lead" : "tile"} data-number={key} data-value={value}>
            <small>{key}<i>{meanings[key] ?? ""}</i></small>
            <strong>{number(value)}</strong>
            <span class="notes">
              {moved !== null && was !== undefined && (
                <span class="moved" title={`${number(was)} before ${plural(figures.edits, "edit")}`}>
                  from {number(was)} <Change value={moved} of="by the edits" />
                </span>
              )}
              {toWhole !== null && moved === null && (
                <span><Change value={toWhole} of={`${number(figures.whole[n] ?? -1)} in the whole`} /> of whole</span>
              )}
            </span>
          </div>
        );
      })}
      {figures.edits > 0 && (
        <p class="edits" role="status">
          {plural(figures.edits, "edit")} on {plural(figures.edited_images, "image")} matched again
        </p>
      )}
    </section>
  );
}
