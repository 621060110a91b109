// What is said of the whole image: its tags, and the list to choose them from.
import { useId, useState } from "preact/hooks";
import { ranked } from "../ranking";
import type { Session } from "../session";
import { tagMax } from "../tagging";
import { Dialog } from "./Dialog";
import { Icon } from "./icons";

const shownMax = 200;

export function Tags({ session }: { session: Session }) {
  const readOnly = session.hello.value?.read_only ?? true;
  const tags = [...session.tags.value];
  if (readOnly && !tags.length) return null;
  return (
    <section class="evalnb-section" aria-label="Tags of the image">
      <h3>
        Tags
        {!readOnly && (
          <button type="button" class="evalnb-link" title={session.preferences.keys.value.shown("tags")} onClick={() => (session.dialog.value = "tags")}>
            Choose
          </button>
        )}
      </h3>
      <div class="evalnb-tags">
        {!tags.length && <p class="evalnb-quiet">Nothing is said of the whole image.</p>}
        {tags.map((name) => (
          <span key={name} class="evalnb-chip" data-tag={name}>
            {name}
            {!readOnly && <button type="button" aria-label={`Take away ${name}`} onClick={() => session.tagging.toggle(name)}>×</button>}
          </span>
        ))}
      </div>
    </section>
  );
}

export function TagDialog({ session }: { session: Session }) {
  return session.dialog.value === "tags" ? <Open session={session} /> : null;
}

interface Row {
  readonly name: string;
  /** What it is beside a tag of the dataset. */
  readonly note: string;
}

function rowsOf(session: Session, text: string): Row[] {
  const known = session.tagging.known.value;
  const names = new Set(known);
  const classes = session.classes.value.filter(({ name }) => !names.has(name)).map(({ name }): Row => ({ name, note: "class" }));
  const found = ranked([...known.map((name): Row => ({ name, note: "" })), ...classes], text, ({ name }) => name).slice(0, shownMax);
  const fresh = text && ![...known, ...classes.map(({ name }) => name)].includes(text);
  return fresh ? [...found, { name: text, note: "new" }] : found;
}

function Open({ session }: { session: Session }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const rows = rowsOf(session, text.trim());
  const place = Math.min(at, rows.length - 1);
  const keys = session.preferences.keys.value;
  const readOnly = session.hello.value?.read_only ?? true;
  const choose = (row: Row | undefined): void => {
    if (!row) return;
    session.tagging.toggle(row.name);
    setText("");
    if (text) setAt(0);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) setAt(Math.min(Math.max(place + by, 0), rows.length - 1));
    else if (event.key === "Enter") choose(rows[place]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label="Tags of the image" close={() => (session.dialog.value = null)} place="top">
      <label class="evalnb-search evalnb-palette-search">
        <Icon name="search" />
        <input
          type="text" role="combobox" aria-expanded="true" aria-controls={id} aria-activedescendant={rows.length ? `${id}-${place}` : undefined}
          aria-label="Find or name a tag" placeholder="A tag: Enter sets it or takes it away" maxLength={tagMax} value={text} disabled={readOnly} data-autofocus
          onInput={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
      </label>
      <div class="evalnb-palette" role="listbox" id={id} aria-label="Tags" aria-multiselectable="true">
        {rows.map(({ name, note }, n) => {
          const on = session.tags.value.has(name);
          const digit = note ? 0 : session.tagging.known.value.indexOf(name) + 1;
          return (
            <div
              key={name} id={`${id}-${n}`} role="option" aria-selected={on} class="evalnb-row" data-at={n === place || undefined} data-tag={name}
              onPointerMove={() => setAt(n)} onClick={() => choose(rows[n])}
            >
              <i class="evalnb-tick" data-on={on || undefined}>{on && <Icon name="check" />}</i>
              <span class="evalnb-row-name">{name}</span>
              {note && <em>{note}</em>}
              {digit > 0 && digit < 10 && <kbd>{keys.shown(`tag.${digit as 1}`)}</kbd>}
            </div>
          );
        })}
        {!rows.length && <p class="evalnb-quiet">The dataset has no tags yet: write one.</p>}
      </div>
    </Dialog>
  );
}
