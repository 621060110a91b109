// Something over everything else, until it is closed: it has the focus, keeps Tab inside, and gives the focus back.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

const focusable = "button:not(:disabled), input:not(:disabled), select:not(:disabled), [tabindex='0']";

export function Dialog({ label, close, children, place = "middle" }: {
  label: string; close: () => void; children: ComponentChildren; place?: "middle" | "top";
}) {
  const sheet = useRef<HTMLDivElement>(null);
  // In the layout phase: an Esc that follows at once must find the focus where it belongs.
  useLayoutEffect(() => {
    const element = sheet.current;
    const root = element?.closest<HTMLElement>(".evalnb-annotator");
    (element?.querySelector<HTMLElement>("[data-autofocus]") ?? element)?.focus({ preventScroll: true });
    return () => root?.focus({ preventScroll: true });
  }, []);
  const keepInside = (event: KeyboardEvent): void => {
    if (event.key !== "Tab") return;
    const all = [...(sheet.current?.querySelectorAll<HTMLElement>(focusable) ?? [])];
    const [edge, other] = event.shiftKey ? [all.at(0), all.at(-1)] : [all.at(-1), all.at(0)];
    const at = sheet.current?.ownerDocument.activeElement;
    if (at !== edge && at !== sheet.current) return;
    event.preventDefault();
    other?.focus();
  };
  return (
    <div class="evalnb-sheet-back" data-place={place} onClick={(event) => event.target === event.currentTarget && close()} onKeyDown={keepInside}>
      <div class="evalnb-sheet" role="dialog" aria-modal="true" aria-label={label} tabIndex={-1} ref={sheet}>
        {children}
      </div>
    </div>
  );
}
