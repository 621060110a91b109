// One annotator in one element: what a notebook's view and a page's share. Everything lives in one call: a page may
// show many.
import { render as mount } from "preact";
import { Attic } from "./attic";
import { type Around, listenToKeys } from "./commands";
import { listenToClipboard } from "./copying";
import { Keepsake, type Shelf } from "./keepsake";
import { App } from "./panels/App";
import { Session, type SessionOptions } from "./session";
import "./style.css";

export interface Frame {
  readonly root: HTMLElement;
  readonly session: Session;
  close(): void;
}

/** Show an annotator in `host`. */
export function frame(host: HTMLElement, options: Omit<SessionOptions, "shelf" | "keepsake">, around: Around): Frame {
  const root = document.createElement("div");
  root.className = "evalnb-annotator";
  root.tabIndex = 0;
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Annotator");
  host.append(root);
  const drawer = shelf();
  const session = new Session({ ...options, shelf: drawer, keepsake: new Keepsake(drawer, new Attic()) });
  const stops = [listenToKeys(root, session, around), listenToClipboard(root, session)];
  mount(<App session={session} root={root} />, root);
  void session.start();
  return {
    root,
    session,
    close: () => {
      for (const stop of stops) stop();
      session.dispose();
      mount(null, root);
      root.remove();
    },
  };
}

/** Where unsaved edits are kept. A browser that forbids storage gets a shelf that lasts as long as the page. */
function shelf(): Shelf {
  try {
    return window.localStorage;
  } catch (error) {
    console.warn("evalnb: this browser forbids storage; unsaved edits do not survive a reload", error);
    const held = new Map<string, string>();
    return {
      get length() { return held.size; },
      key: (index) => [...held.keys()][index] ?? null,
      getItem: (key) => held.get(key) ?? null,
      setItem: (key, value) => void held.set(key, value),
      removeItem: (key) => void held.delete(key),
    };
  }
}
