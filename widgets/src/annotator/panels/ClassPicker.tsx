// The classes with their colours; number keys for the first nine, search for the rest.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Session } from "../session";
import { Icon } from "./icons";

export function ClassPicker({ session }: { session: Session }) {
  const classes = session.classes.value;
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const asked = session.searchAsked.value;
  const searchable = classes.length > 9;
  useEffect(() => {
    if (asked) field.current?.focus();
  }, [asked]);
  const chosen = session.classId.value;
  useEffect(() => {
    list.current?.querySelector('[aria-checked="true"]')?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const needle = text.trim().toLowerCase();
  const found = classes.map((one, place) => ({ one, place })).filter(({ one }) => one.name.toLowerCase().includes(needle));
  const choose = (id: number): void => {
    session.editor.setClass(id);
    setText("");
  };
  return (
    <section class="evalnb-section" aria-label="Classes">
      <h3>Class</h3>
      {searchable && (
        <label class="evalnb-search">
          <Icon name="search" />
          <input
            ref={field} type="search" placeholder={`Find among ${classes.length}  ( / )`} aria-label="Find a class" value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              const first = found[0];
              if (event.key !== "Enter" || !first) return;
              choose(first.one.id);
              event.currentTarget.blur();
              event.currentTarget.closest<HTMLElement>(".evalnb-annotator")?.focus();
            }}
          />
        </label>
      )}
      <div class="evalnb-classes" role="radiogroup" aria-label="Class" ref={list}>
        {found.map(({ one, place }) => (
          <button
            key={one.id} type="button" role="radio" class="evalnb-class" aria-checked={one.id === chosen}
            onClick={() => choose(one.id)}
          >
            <i class="evalnb-swatch" style={{ background: one.color }} />
            <span>{one.name}</span>
            {place < 9 && <kbd>{place + 1}</kbd>}
          </button>
        ))}
        {!found.length && <p class="evalnb-quiet">{needle ? `No class is called “${text}”` : "The dataset names no classes"}</p>}
      </div>
    </section>
  );
}
