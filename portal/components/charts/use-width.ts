"use client";
import { type RefObject, useLayoutEffect, useRef, useState } from "react";

/** The width of an element, px; `first` until it is known (and on the server). */
export function useWidth<T extends HTMLElement>(first: number): [RefObject<T | null>, number] {
  const host = useRef<T>(null);
  const [width, setWidth] = useState(first);
  useLayoutEffect(() => {
    const element = host.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(160, Math.round(entry.contentRect.width))));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [host, width];
}
