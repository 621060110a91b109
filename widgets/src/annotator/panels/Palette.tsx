// Any command, class or image by name (F2): for those who do not know its key, and for what has none.
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { commandGroups } from "../../editor/keys";
import { isListed, perform } from "../commands";
import { ranked } from "../ranking";
import type { Session } from "../session";
import { Dialog } from "./Dialog";
import { Icon } from "./icons";

interface Entry {
  readonly name: string;
  readonly group: string;
  readonly key: string;
  readonly color?: string;
  readonly run: () => void;
}

const shownMax = 60;

function entriesOf(session: Session): Entry[] {
  const keys = session.preferences.keys.value;
  const how = { big: false, leave: () => undefined };
  const commands = commandGroups.flatMap(({ title, commands }) => commands.filter(({ command }) => isListed(command)).map(({ command, about }): Entry => ({
    name: about, group: title, key: keys.shown(command), run: () => void perform(command, session, how),
  })));
  const classes = session.classes.value.map(({ id, name, color }, place): Entry => ({
    name, group: "Class", key: place < 9 ? keys.shown(`class.${(place + 1) as 1}`) : "", color, run: () => session.editor.setClass(id),
  }));
  return [...commands, ...classes];
}

function imageEntry(session: Session, text: string): Entry[] {
  const place = /^\d+$/.test(text) ? Number(text) : 0;
  const count = session.hello.value?.image_count ?? 0;
  return place >= 1 && place <= count ? [{ name: `Go to image ${place}`, group: "Images and view", key: "", run: () => void session.viewer.goTo(place - 1) }] : [];
}

export function Palette({ session }: { session: Session }) {
  return session.dialog.value === "palette" ? <Open session={session} /> : null;
}

function Open({ session }: { session: Session }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const entries = useMemo(() => entriesOf(session), [session]);
  const found = [...imageEntry(session, text.trim()), ...ranked(entries, text, ({ name, group }) => `${name} ${group}`)].slice(0, shownMax);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, text]);
  const close = (): void => void (session.dialog.value = null);
  const run = (entry: Entry | undefined): void => {
    if (!entry) return;
    close();
    entry.run();
  };
  const move = (by: number): void => setAt(Math.min(Math.max(at + by, 0), found.length - 1));
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (by !== undefined) move(by);
    else if (event.key === "Enter") run(found[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label="Commands" close={close} place="top">
      <label class="evalnb-search evalnb-palette-search">
        <Icon name="search" />
        <input
          type="text" role="combobox" aria-expanded="true" aria-controls={id} aria-activedescendant={found.length ? `${id}-${at}` : undefined}
          aria-label="Find a command, a class or an image" placeholder="A command, a class, or an image's number" value={text} data-autofocus
          onInput={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
      </label>
      <div class="evalnb-palette" role="listbox" id={id} aria-label="Commands" ref={list}>
        {found.map((entry, n) => (
          <div
            key={`${entry.group} ${entry.name}`} id={`${id}-${n}`} role="option" aria-selected={n === at} class="evalnb-row"
            onPointerMove={() => setAt(n)} onClick={() => run(entry)}
          >
            {entry.color && <i class="evalnb-swatch" style={{ background: entry.color }} />}
            <span class="evalnb-row-name">{entry.name}</span>
            <em>{entry.group}</em>
            {entry.key && <kbd>{entry.key}</kbd>}
          </div>
        ))}
        {!found.length && <p class="evalnb-quiet">Nothing is called “{text}”</p>}
      </div>
    </Dialog>
  );
}
