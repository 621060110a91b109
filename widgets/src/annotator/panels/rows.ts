// A list of which only the rows in sight exist.
import type { Ref } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** Rows beyond the edges: a scroll shows no gaps. */
const spare = 6;

export interface Rows {
  /** Goes on the element that scrolls. */
  readonly box: Ref<HTMLDivElement>;
  /** The rows that exist: `count` from `first`. */
  readonly first: number;
  readonly count: number;
  readonly onScroll: (event: { currentTarget: HTMLElement }) => void;
  /** Scroll a row into sight. */
  readonly reveal: (place: number) => void;
}

export function useRows(rowPx: number, total: number): Rows {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(300);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const reveal = (place: number): void => {
    const element = box.current;
    if (!element) return;
    const y = place * rowPx;
    if (y < element.scrollTop) element.scrollTop = y;
    else if (y + rowPx > element.scrollTop + element.clientHeight) element.scrollTop = y + rowPx - element.clientHeight;
  };
  const first = Math.max(0, Math.min(Math.floor(top / rowPx), total) - spare);
  return { box, first, count: Math.ceil(height / rowPx) + 2 * spare, onScroll: (event) => setTop(event.currentTarget.scrollTop), reveal };
}
