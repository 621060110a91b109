// The image's shapes. Only the rows in sight exist, so that 10,000 shapes cost what 20 do.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Session } from "../session";
import { Icon } from "./icons";

const rowPx = 28;
const spare = 6;

export function ShapeList({ session }: { session: Session }) {
  const shapes = session.shapes.value;
  const selected = session.selectedId.value;
  const hidden = session.hidden.value;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(300);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = box.current;
    const place = shapes.findIndex((shape) => shape.id === selected);
    if (!element || place < 0) return;
    const y = place * rowPx;
    if (y < element.scrollTop) element.scrollTop = y;
    else if (y + rowPx > element.scrollTop + element.clientHeight) element.scrollTop = y + rowPx - element.clientHeight;
  }, [selected]);
  const first = Math.max(0, Math.floor(top / rowPx) - spare);
  const rows = shapes.slice(first, first + Math.ceil(height / rowPx) + 2 * spare);
  const { editor } = session;
  return (
    <section class="evalnb-section evalnb-grow" aria-label="Shapes">
      <h3>
        Shapes <em>{shapes.length.toLocaleString("en")}</em>
      </h3>
      <div class="evalnb-rows" ref={box} role="listbox" aria-label="Shapes of this image" onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
        {!shapes.length && <p class="evalnb-quiet">None yet. Press <kbd>B</kbd> to draw a box.</p>}
        <div style={{ height: `${shapes.length * rowPx}px` }}>
          <div style={{ transform: `translateY(${first * rowPx}px)` }}>
            {rows.map((shape, i) => {
              const off = hidden.has(shape.id);
              const name = session.palette.name(shape.class_id);
              return (
                <div
                  key={shape.id} class="evalnb-row" role="option" aria-selected={shape.id === selected} data-shape={shape.id}
                  data-hidden={off || undefined}
                  onClick={() => editor.pick(shape.id)}
                  onPointerEnter={() => editor.hover(shape.id)} onPointerLeave={() => editor.hover(null)}
                >
                  <i class="evalnb-swatch" style={{ background: session.palette.color(shape.class_id) }} />
                  <span class="evalnb-row-name">{name}</span>
                  {shape.crowd && <span class="evalnb-chip">crowd</span>}
                  {shape.attributes["occluded"] === true && <span class="evalnb-chip">occluded</span>}
                  <span class="evalnb-row-kind" title={shape.geometry.kind}><Icon name={shape.geometry.kind} /></span>
                  <span class="evalnb-row-place">{first + i + 1}</span>
                  <button
                    type="button" class="evalnb-mini" aria-label={`${off ? "Show" : "Hide"} ${name} ${first + i + 1}`} aria-pressed={off}
                    onClick={(event) => {
                      event.stopPropagation();
                      editor.toggleHidden(shape.id);
                    }}
                  >
                    <Icon name={off ? "eyeOff" : "eye"} />
                  </button>
                  {!editor.readOnly && (
                    <button
                      type="button" class="evalnb-mini" aria-label={`Delete ${name} ${first + i + 1}`}
                      onClick={(event) => {
                        event.stopPropagation();
                        editor.remove(shape.id);
                      }}
                    >
                      <Icon name="bin" />
                    </button>
                  )}
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </section>
  );
}
