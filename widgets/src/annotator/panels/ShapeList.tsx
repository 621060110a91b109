// The image's shapes. Only the rows in sight exist, so that 10,000 shapes cost what 20 do.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { groupOf } from "../../editor/arranging";
import type { Shape } from "../../editor/records";
import type { Session } from "../session";
import { Icon, type IconName } from "./icons";
import { useRows } from "./rows";

const rowPx = 28;

export function ShapeList({ session }: { session: Session }) {
  const shapes = session.shapes.value;
  const last = session.selectedId.value;
  const chosen = new Set(session.selectedIds.value);
  const { box, first, count, onScroll, reveal } = useRows(rowPx, shapes.length);
  /** The row that Shift reaches from. */
  const anchor = useRef(0);
  const id = useId();
  const [active, setActive] = useState(0);
  useEffect(() => {
    const place = shapes.findIndex((shape) => shape.id === last);
    if (place < 0) return;
    setActive(place);
    reveal(place);
  }, [last]);
  const { editor } = session;
  const choose = (place: number, { shiftKey, ctrlKey, metaKey }: MouseEvent | KeyboardEvent): void => {
    const shape = shapes[place];
    if (!shape) return;
    setActive(place);
    reveal(place);
    if (shiftKey) {
      const [low, high] = [Math.min(anchor.current, place), Math.max(anchor.current, place)];
      editor.use("select");
      editor.selectAll(shapes.slice(low, high + 1).map(({ id }) => id));
      return;
    }
    anchor.current = place;
    if (ctrlKey || metaKey) editor.toggle(shape.id);
    else editor.pick(shape.id);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: shapes.length - 1 }[event.key];
    if (to === undefined) return;
    choose(Math.min(Math.max(to, 0), shapes.length - 1), event);
    event.preventDefault();
    event.stopPropagation();
  };
  const activeId = shapes[active] && active >= first && active < first + count ? `${id}-${active}` : undefined;
  return (
    <section class="evalnb-section evalnb-grow" aria-label="Shapes">
      <h3>
        Shapes <em>{chosen.size > 1 ? `${chosen.size.toLocaleString("en")} of ` : ""}{shapes.length.toLocaleString("en")}</em>
      </h3>
      {!shapes.length && <p class="evalnb-quiet">None yet. Press <kbd>{session.preferences.keys.value.shown("tool.box")}</kbd> to draw a box.</p>}
      <div
        class="evalnb-rows" ref={box} role="grid" aria-label="Shapes of this image" aria-multiselectable="true" aria-rowcount={shapes.length} tabIndex={0}
        aria-activedescendant={activeId} onScroll={onScroll} onKeyDown={onKeyDown}
      >
        <div role="presentation" style={{ height: `${shapes.length * rowPx}px` }}>
          <div role="presentation" style={{ transform: `translateY(${first * rowPx}px)` }}>
            {shapes.slice(first, first + count).map((shape, n) => (
              <Row key={shape.id} session={session} shape={shape} place={first + n} id={`${id}-${first + n}`} chosen={chosen.has(shape.id)} choose={choose} />
            ))}
          </div>
        </div>
      </div>
    </section>
  );
}

function Row({ session, id, shape, place, chosen, choose }: {
  session: Session; id: string; shape: Shape; place: number; chosen: boolean; choose: (place: number, event: MouseEvent) => void;
}) {
  const { editor, palette } = session;
  // Colours by instance or by class: read, so that the swatch follows.
  void session.preferences.look.value.colorBy;
  const off = session.hidden.value.has(shape.id);
  const locked = session.locked.value.has(shape.id);
  const name = palette.name(shape.class_id);
  const title = `${name} ${place + 1}`;
  return (
    <div
      class="evalnb-row" role="row" id={id} aria-selected={chosen} aria-rowindex={place + 1}
      data-shape={shape.id} data-hidden={off || undefined} data-locked={locked || undefined}
      onClick={(event) => choose(place, event)} onPointerEnter={() => editor.hover(shape.id)} onPointerLeave={() => editor.hover(null)}
    >
      <div class="evalnb-cell" role="gridcell">
        <i class="evalnb-swatch" style={{ background: palette.colorOf(shape) }} />
        <span class="evalnb-row-name">{name}</span>
        {shape.track.id && <span class="evalnb-chip" title="Its place in the track">{shape.track.outside ? "outside" : shape.track.keyframe ? "key" : "between"}</span>}
        {groupOf(shape) !== null && <span class="evalnb-chip" title="Its group">group {groupOf(shape)}</span>}
        {shape.crowd && <span class="evalnb-chip">crowd</span>}
        {shape.attributes["occluded"] === true && <span class="evalnb-chip">occluded</span>}
        <span class="evalnb-row-kind" title={shape.geometry.kind}><Icon name={shape.geometry.kind} /></span>
        <span class="evalnb-row-place">{place + 1}</span>
        <Mini icon={off ? "eyeOff" : "eye"} label={`${off ? "Show" : "Hide"} ${title}`} pressed={off} run={() => editor.toggleHidden([shape.id])} />
        {!editor.readOnly && <Mini icon={locked ? "locked" : "unlocked"} label={`${locked ? "Unlock" : "Lock"} ${title}`} pressed={locked} run={() => editor.toggleLocked([shape.id])} />}
        {!editor.readOnly && <Mini icon="bin" label={`Delete ${title}`} disabled={locked} run={() => editor.remove(shape.id)} />}
      </div>
    </div>
  );
}

function Mini({ icon, label, run, pressed, disabled = false }: { icon: IconName; label: string; run: () => void; pressed?: boolean; disabled?: boolean }) {
  return (
    <button
      type="button" class="evalnb-mini" tabIndex={-1} aria-label={label} aria-pressed={pressed} disabled={disabled}
      onClick={(event) => {
        event.stopPropagation();
        run();
      }}
    >
      <Icon name={icon} />
    </button>
  );
}
