// The comm of a notebook widget as a carrier of messages.
import type { AnyModel } from "@anywidget/types";
import type { Carrier } from "./transport";

/** What JupyterLab's and Voila's widget managers have beyond anywidget's types; every step may be missing elsewhere. */
interface KernelHints {
  readonly kernel?: {
    readonly statusChanged?: Signal<string>;
    readonly disposed?: Signal<unknown>;
  } | null;
}

interface Signal<T> {
  connect(slot: (sender: unknown, value: T) => void): boolean;
  disconnect(slot: (sender: unknown, value: T) => void): boolean;
}

const dead = new Set(["restarting", "autorestarting", "terminating", "dead"]);

export function comm(model: AnyModel): Carrier {
  return {
    send: (message, buffers) => model.send(message, undefined, buffers),
    listen: (receive) => {
      const slot = (message: unknown, buffers: DataView[]): void => receive(message, buffers);
      model.on("msg:custom", slot);
      return () => model.off("msg:custom", slot);
    },
    onLife: (tell) => {
      const ended = (): void => tell("gone");
      const status = (_: unknown, value: string): void => {
        // A restarted kernel has forgotten this widget: there is no way back to life but to run the cell again.
        if (dead.has(value)) tell("gone");
      };
      const kernel = (model.widget_manager as unknown as KernelHints | undefined)?.kernel;
      model.on("comm:close", ended);
      kernel?.statusChanged?.connect(status);
      kernel?.disposed?.connect(ended);
      return () => {
        model.off("comm:close" as "msg:custom", ended);
        kernel?.statusChanged?.disconnect(status);
        kernel?.disposed?.disconnect(ended);
      };
    },
  };
}
