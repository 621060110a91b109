// The Annotator widget, as anywidget loads it.
import type { AnyModel, RenderProps } from "@anywidget/types";
import { comm } from "../bridges/anywidget";
import { deflating } from "../bridges/deflated";
import { pressForPage } from "../bridges/notebook";
import { Transport } from "../bridges/transport";
import { frame } from "./frame";

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

export function annotate(model: AnyModel<Traits>, el: HTMLElement): () => void {
  const { root, close } = frame(
    el,
    {
      transport: new Transport(deflating(comm(model))),
      expected: model.get("image_id") ?? undefined,
      onShown: ({ id }) => {
        model.set("image_id", id);
        model.save_changes();
      },
    },
    { leave, save: pressForPage },
  );
  // JupyterLab leaves keys alone that are pressed inside an element with this attribute.
  root.dataset["lmSuppressShortcuts"] = "true";
  const resize = (): void => void (root.style.height = `${model.get("height") ?? heightPx}px`);
  resize();
  model.on("change:height", resize);
  return () => {
    model.off("change:height", resize);
    close();
  };
}

export default { render: ({ model, el }: RenderProps<Traits>) => annotate(model, el) };
