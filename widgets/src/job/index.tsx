// The Job widget: draws the one synced trait `view`, and says "cancel". Nothing of it outlives its cell.
import type { AnyModel } from "@anywidget/types";
import { signal } from "@preact/signals";
import { render as draw } from "preact";
import { comm } from "../bridges/anywidget";
import type { JobView } from "../wire.gen";
import { App } from "./App";
import "./job.css";

interface Traits {
  view: JobView;
}

function render({ model, el }: { model: AnyModel<Traits>; el: HTMLElement }): () => void {
  const view = signal(model.get("view"));
  const alive = signal(true);
  const changed = (): void => {
    view.value = model.get("view");
  };
  model.on("change:view", changed);
  const carrier = comm(model as AnyModel);
  const stop = carrier.onLife((life) => (alive.value = life !== "gone"));
  el.classList.add("evalnb-job");
  draw(<App view={view} alive={alive} cancel={() => carrier.send({ ask: "cancel" })} />, el);
  return () => {
    stop();
    model.off("change:view", changed);
    draw(null, el);
  };
}

export default { render };
