// All keys on one sheet (F1).
import { useLayoutEffect, useRef } from "preact/hooks";
import { keyGroups } from "../../editor/keys";
import type { Session } from "../session";
import { Button } from "./TopBar";

const mouse: readonly (readonly [string, string])[] = [
  ["Wheel", "Zoom at the pointer (trackpad: pan; pinch to zoom)"],
  ["Space drag", "Pan; the middle button does too"],
  ["Alt click", "Remove a polygon's corner"],
  ["Right click", "SAM: take away · drawing: one corner back"],
];

export function KeySheet({ session }: { session: Session }) {
  const sheet = useRef<HTMLDivElement>(null);
  const shown = session.helpShown.value;
  // In the layout phase: an Esc that follows at once must find the focus where it belongs.
  useLayoutEffect(() => {
    if (!shown) return;
    const root = sheet.current?.closest<HTMLElement>(".evalnb-annotator");
    sheet.current?.focus();
    return () => root?.focus({ preventScroll: true });
  }, [shown]);
  if (!shown) return null;
  const close = (): void => void (session.helpShown.value = false);
  return (
    <div class="evalnb-sheet-back" onClick={(event) => event.target === event.currentTarget && close()}>
      <div class="evalnb-sheet" role="dialog" aria-modal="true" aria-label="Keys" tabIndex={-1} ref={sheet}>
        <header>
          <h2>Keys</h2>
          <Button icon="close" label="Close" onClick={close} />
        </header>
        <div class="evalnb-sheet-body">
          {keyGroups.map((group) => (
            <section key={group.title}>
              <h3>{group.title}</h3>
              <dl>{group.bindings.filter((one) => one.shown).map((one) => <KeyRow key={one.shown} keys={one.shown} about={one.about} />)}</dl>
            </section>
          ))}
          <section>
            <h3>Mouse</h3>
            <dl>{mouse.map(([keys, about]) => <KeyRow key={keys} keys={keys} about={about} />)}</dl>
          </section>
        </div>
      </div>
    </div>
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
