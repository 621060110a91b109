// The classes with their colours; number keys for the first nine, search for the rest. Ten thousand classes cost what
// ten do: only the rows in sight exist.
import { useEffect, useRef, useState } from "preact/hooks";
import { ranked } from "../ranking";
import type { Session } from "../session";
import { Icon } from "./icons";
import { useRows } from "./rows";

const rowPx = 28;
const shownRows = 6;

export function ClassPicker({ session }: { session: Session }) {
  const classes = session.classes.value;
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const asked = session.searchAsked.value;
  const searchable = classes.length > 9;
  useEffect(() => {
    if (asked) field.current?.focus();
  }, [asked]);
  const chosen = session.classId.value;
  const found = ranked(classes.map((one, place) => ({ one, place })), text, ({ one }) => one.name);
  const { box, first, count, onScroll, reveal } = useRows(rowPx, found.length);
  const chosenAt = found.findIndex(({ one }) => one.id === chosen);
  useEffect(() => reveal(text ? at : Math.max(chosenAt, 0)), [chosen, at, text]);
  const keys = session.preferences.keys.value;
  const choose = (id: number | undefined): void => {
    if (id === undefined) return;
    session.editor.setClass(id);
    setText("");
    setAt(0);
  };
  const back = (from: HTMLElement): void => from.closest<HTMLElement>(".evalnb-annotator")?.focus();
  const onSearchKey = (event: KeyboardEvent & { currentTarget: HTMLInputElement }): void => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      setAt(Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), found.length - 1));
      event.preventDefault();
    } else if (event.key === "Enter" && found.length) {
      choose(found[at]?.one.id);
      back(event.currentTarget);
    }
  };
  /** As radio buttons do: arrows choose. */
  const onListKey = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    choose(found[Math.min(Math.max(chosenAt + by, 0), found.length - 1)]?.one.id);
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section class="evalnb-section" aria-label="Classes">
      <h3>Class {searchable && <em>{classes.length.toLocaleString("en")}</em>}</h3>
      {searchable && (
        <label class="evalnb-search">
          <Icon name="search" />
          <input
            ref={field} type="search" placeholder={`Find a class  ( ${keys.shown("search")} )`} aria-label="Find a class" value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setAt(0);
            }}
            onKeyDown={onSearchKey}
          />
        </label>
      )}
      <div
        class="evalnb-classes" role="radiogroup" aria-label="Class" ref={box} tabIndex={0} onScroll={onScroll} onKeyDown={onListKey}
        style={{ height: `${Math.min(Math.max(found.length, classes.length ? 1 : 2), shownRows) * rowPx + 4}px` }}
      >
        {!found.length && <p class="evalnb-quiet">{text ? `No class is called “${text}”` : <>No classes yet: run <code>dataset.define_class("name")</code>, and the cell again</>}</p>}
        <div role="presentation" style={{ height: `${found.length * rowPx}px` }}>
          <div role="presentation" style={{ transform: `translateY(${first * rowPx}px)` }}>
            {found.slice(first, first + count).map(({ one, place }, n) => (
              <button
                key={one.id} type="button" role="radio" class="evalnb-class" tabIndex={-1} aria-checked={one.id === chosen}
                data-found={(text && first + n === at) || undefined} onClick={() => choose(one.id)}
              >
                <i class="evalnb-swatch" style={{ background: one.color }} />
                <span>{one.name}</span>
                {place < 9 && <kbd>{keys.shown(`class.${(place + 1) as 1}`)}</kbd>}
              </button>
            ))}
          </div>
        </div>
      </div>
    </section>
  );
}
