// The Annotator widget, as anywidget loads it. Everything lives in one call of `render`: a page may show many.
import type { AnyModel, RenderProps } from "@anywidget/types";
import { render as mount } from "preact";
import { comm } from "../bridges/anywidget";
import { Transport } from "../bridges/transport";
import { listenToKeys } from "./commands";
import type { Shelf } from "./keepsake";
import { App } from "./panels/App";
import { Session } from "./session";
import "./style.css";

interface Traits {
  /** CSS pixels. */
  height?: number;
  /** The image on the canvas: the kernel greets a reloaded page with it. */
  image_id?: number | null;
}

const heightPx = 640;

/** Give the focus back to the notebook, so that its own keys work again. */
function leave(root: HTMLElement): void {
  root.blur();
  // JupyterLab's command keys want the focus on the cell itself.
  root.closest<HTMLElement>(".jp-Cell")?.focus({ preventScroll: true });
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

export function annotate(model: AnyModel<Traits>, el: HTMLElement): () => void {
  const root = document.createElement("div");
  root.className = "evalnb-annotator";
  root.tabIndex = 0;
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Annotator");
  // JupyterLab leaves keys alone that are pressed inside an element with this attribute.
  root.dataset["lmSuppressShortcuts"] = "true";
  const resize = (): void => void (root.style.height = `${model.get("height") ?? heightPx}px`);
  resize();
  el.append(root);
  const session = new Session(new Transport(comm(model)), shelf(), (imageId) => {
    model.set("image_id", imageId);
    model.save_changes();
  });
  const stopKeys = listenToKeys(root, session, () => leave(root));
  mount(<App session={session} root={root} />, root);
  model.on("change:height", resize);
  void session.start();
  return () => {
    model.off("change:height", resize);
    stopKeys();
    session.dispose();
    mount(null, root);
    root.remove();
  };
}

export default { render: ({ model, el }: RenderProps<Traits>) => annotate(model, el) };
