// All keys on one sheet (F1), and other keys for those who want others.
import { useState } from "preact/hooks";
import { type Command, KeyMap, commandGroups, infoOf, keyName, shownKey } from "../../editor/keys";
import type { Session } from "../session";
import { Dialog } from "./Dialog";
import { Button } from "./TopBar";

const mouse: readonly (readonly [string, string])[] = [
  ["Wheel", "Zoom at the pointer (trackpad: pan; pinch to zoom)"],
  ["Space drag", "Pan; the middle button does too"],
  ["Drag on nothing", "Select all that lies inside"],
  ["Shift click", "Take one more into the selection, or out"],
  ["Alt click", "Remove a polygon's corner"],
  ["Right click", "SAM: take away · drawing: one corner back"],
];

export function KeySheet({ session }: { session: Session }) {
  return session.dialog.value === "keys" ? <Sheet session={session} /> : null;
}

function Sheet({ session }: { session: Session }) {
  const [changing, setChanging] = useState(false);
  const { keys } = session.preferences;
  const close = (): void => void (session.dialog.value = null);
  return (
    <Dialog label="Keys" close={close}>
      <header>
        <h2>Keys</h2>
        {changing && <button type="button" class="evalnb-action" onClick={() => (keys.value = new KeyMap())}>All as they were</button>}
        <button type="button" class="evalnb-action" aria-pressed={changing} onClick={() => setChanging(!changing)}>{changing ? "Done" : "Change keys"}</button>
        <Button icon="close" label="Close" onClick={close} />
      </header>
      <div class="evalnb-sheet-body" tabIndex={0}>
        {changing ? <Changing session={session} /> : <Rows map={keys.value} />}
      </div>
    </Dialog>
  );
}

function Rows({ map }: { map: KeyMap }) {
  return (
    <>
      {commandGroups.map(({ title, commands }) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl>
            {commands.flatMap(({ command, about, row }) => {
              const changed = map.custom[command] !== undefined;
              // A row for several commands says the truth only while none of them has another key.
              const shown = row && !changed ? row.shown : map.shown(command);
              return (row === null && !changed) || !shown ? [] : [<KeyRow key={command} keys={shown} about={row && !changed ? row.about : about} />];
            })}
          </dl>
        </section>
      ))}
      <section>
        <h3>Mouse</h3>
        <dl>{mouse.map(([keys, about]) => <KeyRow key={keys} keys={keys} about={about} />)}</dl>
      </section>
    </>
  );
}

function KeyRow({ keys, about }: { keys: string; about: string }) {
  return (
    <>
      <dt><kbd>{keys}</kbd></dt>
      <dd>{about}</dd>
    </>
  );
}

function Changing({ session }: { session: Session }) {
  const { keys } = session.preferences;
  const [asked, setAsked] = useState<Command | null>(null);
  const [said, setSaid] = useState("Choose a command, then press its new key.");
  const press = (event: KeyboardEvent): void => {
    if (!asked) return;
    event.preventDefault();
    event.stopPropagation();
    const name = keyName({ key: event.key, code: event.code, ctrl: event.ctrlKey || event.metaKey, shift: event.shiftKey, alt: event.altKey });
    if (!name) return;
    if (name === "Escape") return setAsked(null);
    if (name === " ") return setSaid("Space stays what it is: held, it pans; tapped, it plays");
    const former = keys.value.owner(name);
    if (former && infoOf(former).fixed) return setSaid(`${shownKey(name)} stays what it is: ${infoOf(former).about}`);
    keys.value = keys.value.with(asked, name);
    setSaid(`${shownKey(name)}: ${infoOf(asked).about}${former && former !== asked ? `. ${infoOf(former).about} has lost it` : ""}`);
    setAsked(null);
  };
  return (
    <div class="evalnb-changing" onKeyDown={press}>
      <p class="evalnb-quiet" role="status">{said}</p>
      {commandGroups.filter(({ commands }) => commands.some(({ fixed }) => !fixed)).map(({ title, commands }) => (
        <section key={title}>
          <h3>{title}</h3>
          {commands.filter(({ fixed }) => !fixed).map(({ command, about }) => (
            <button
              key={command} type="button" class="evalnb-class" aria-pressed={asked === command} onClick={() => setAsked(command)}
              onBlur={() => setAsked(null)}
            >
              <span>{about}</span>
              <kbd>{asked === command ? "press a key" : keys.value.shown(command) || "none"}</kbd>
            </button>
          ))}
        </section>
      ))}
    </div>
  );
}
