// The Evaluation widget, as anywidget loads it. Everything lives in one call of `render`: a page may show many.
import type { AnyModel, RenderProps } from "@anywidget/types";
import { effect } from "@preact/signals";
import { render as mount } from "preact";
import { comm } from "../bridges/anywidget";
import { saveFromWithin } from "../bridges/notebook";
import type { AreaName } from "../wire.gen";
import { App } from "./App";
import "./evaluation.css";
import { Session } from "./session";

interface Traits {
  confidence: number;
  iou: number;
  area: AreaName;
  classes: number[] | null;
  tags: string[];
}

/** What every Jupyter widget manager has, beyond anywidget's types. */
interface Manager {
  get_model(id: string): Promise<unknown>;
  create_view(model: unknown): Promise<{ readonly el: HTMLElement; remove(): void }>;
}

const traits = ["confidence", "iou", "area", "classes", "tags"] as const;

export function explore(model: AnyModel<Traits>, el: HTMLElement): () => void {
  const root = document.createElement("div");
  root.className = "evalnb-evaluation";
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Evaluation");
  // JupyterLab leaves keys alone that are pressed inside an element with this attribute.
  root.dataset["lmSuppressShortcuts"] = "true";
  saveFromWithin(root);
  const below = document.createElement("div");
  el.append(root, below);
  let shown: { readonly model: string; readonly view: { readonly el: HTMLElement; remove(): void } } | null = null;
  let closed = false;

  const show = async (id: string): Promise<void> => {
    const manager = model.widget_manager as unknown as Manager;
    if (shown?.model !== id) {
      const view = await manager.create_view(await manager.get_model(id));
      if (closed) return view.remove();
      shown?.view.remove();
      shown = { model: id, view };
      below.replaceChildren(view.el);
    }
    below.scrollIntoView({ block: "nearest", behavior: "smooth" });
  };
  const session = new Session(comm(model as AnyModel), {
    onQuery: (query) => {
      model.set("confidence", query.confidence);
      model.set("iou", query.iou);
      model.set("area", query.area);
      model.set("classes", query.classes ? [...query.classes] : null);
      model.set("tags", [...query.tags]);
      model.save_changes();
    },
    onModel: (id) => {
      show(id).catch((error: unknown) => (session.problem.value = `The annotator could not be shown: ${String(error)}`));
    },
  });
  const read = (): Traits => ({
    confidence: model.get("confidence"), iou: model.get("iou"), area: model.get("area"), classes: model.get("classes"), tags: model.get("tags"),
  });
  const changed = (): void => session.look(read(), { silent: true });
  for (const one of traits) model.on(`change:${one}`, changed);
  mount(<App session={session} />, root);
  // How long the last figures took, for whoever measures.
  const stopTelling = effect(() => void (root.dataset["elapsed"] = session.elapsedMs.value?.toFixed(1) ?? ""));
  void session.start(read());
  return () => {
    closed = true;
    for (const one of traits) model.off(`change:${one}`, changed);
    stopTelling();
    session.dispose();
    shown?.view.remove();
    mount(null, root);
    root.remove();
    below.remove();
  };
}

export default { render: ({ model, el }: RenderProps<Traits>) => explore(model, el) };
