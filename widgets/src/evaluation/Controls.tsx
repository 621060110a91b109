// Confidence, IoU, size and tags.
import { ious, narrowed, rounded, start } from "./query";
import type { Session } from "./session";

export function Controls({ session }: { session: Session }) {
  const hello = session.hello.value;
  if (!hello) return null;
  const query = session.query.value;
  const least = hello.least_confidence;
  const share = (query.confidence - least) / (1 - least || 1);
  return (
    <section class="controls" aria-label="What is looked at">
      <label class="slider">
        <span>Confidence</span>
        <input
          type="range" min={least} max="1" step="0.01" value={query.confidence} aria-label="Least confidence"
          style={{ "--share": `${share * 100}%` }}
          onInput={(event) => session.look({ confidence: rounded(event.currentTarget.valueAsNumber) })}
        />
        <output>≥ {query.confidence.toFixed(2)}</output>
      </label>
      <label class="choice">
        <span>IoU</span>
        <select
          aria-label="IoU of the curves, bars and images" value={query.iou}
          onChange={(event) => session.look({ iou: Number(event.currentTarget.value) })}
        >
          {ious.map((iou) => <option key={iou} value={iou}>{iou.toFixed(2)}</option>)}
        </select>
      </label>
      {hello.areas.length > 1 && (
        <div class="segments" role="group" aria-label="Object size">
          {hello.areas.map((area) => (
            <button key={area} type="button" aria-pressed={query.area === area} onClick={() => session.look({ area })}>
              {area === "all" ? "All sizes" : area}
            </button>
          ))}
        </div>
      )}
      {hello.tags.length > 0 && (
        <div class="tags" role="group" aria-label="Tags">
          {hello.tags.map(({ name, images }) => {
            const on = query.tags.includes(name);
            return (
              <button
                key={name} type="button" class="tag" aria-pressed={on}
                onClick={() => session.look({ tags: on ? query.tags.filter((one) => one !== name) : [...query.tags, name] })}
              >
                {name}<small>{images.toLocaleString("en")}</small>
              </button>
            );
          })}
        </div>
      )}
      <button
        type="button" class="reset" disabled={!narrowed(query, hello)}
        onClick={() => session.look({ ...start(hello), iou: query.iou })}
      >
        Reset
      </button>
    </section>
  );
}
