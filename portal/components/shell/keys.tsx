"use client";
// The keyboard: / to the search, j and k along the rows, g and a letter to a room, ? for help. Whoever is typing, or in
// the canvas (which has keys of its own), is left alone.
import { useRouter } from "next/navigation";
import { useEffect, useRef, useState } from "react";
import { Dialog } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";
import { routes } from "@/lib/routes";
import { places } from "./places";

/** After `g`, ms. */
const patience = 1500;

function busy(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable], [data-own-keys], [role=menu], [role=dialog]") !== null;
}

function step(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

export function Keys({ project }: { project: number | null }) {
  const router = useRouter();
  const [help, setHelp] = useState(false);
  const going = useRef(-Infinity);
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || busy(event.target)) return;
      const toPlace = event.timeStamp - going.current < patience;
      going.current = -Infinity;
      if (toPlace) {
        const place = places.find((one) => one.key === event.key);
        if (event.key === "h") router.push(routes.home());
        else if (place && project !== null) router.push(place.to(project));
        else return;
      } else if (event.key === "g") going.current = event.timeStamp;
      else if (event.key === "?") setHelp(true);
      else if (event.key === "/") document.querySelector<HTMLElement>("[data-search]")?.focus();
      else if (event.key === "j") step(1);
      else if (event.key === "k") step(-1);
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", pressed);
    // Until now a key went nowhere: whoever drives the page by a program waits for this.
    document.documentElement.dataset["keys"] = "on";
    return () => document.removeEventListener("keydown", pressed);
  }, [router, project]);
  return (
    <Dialog open={help} onOpenChange={setHelp} title="Keys">
      <dl className="grid grid-cols-2 gap-x-8 gap-y-2 text-sm">
        <Row keys={["/"]} says="search" />
        <Row keys={["?"]} says="this help" />
        <Row keys={["j"]} says="next row" />
        <Row keys={["k"]} says="row before" />
        <Row keys={["↵"]} says="open" />
        <Row keys={["Esc"]} says="close" />
        <Row keys={["g", "h"]} says="home" />
        {places.map((place) => <Row key={place.key} keys={["g", place.key]} says={place.name.toLowerCase()} />)}
      </dl>
      <p className="text-xs text-faint">On an image, the canvas has its own keys: <Kbd>F1</Kbd> shows them, <Kbd>Esc</Kbd> gives the keyboard back.</p>
    </Dialog>
  );
}

function Row({ keys, says }: { keys: string[]; says: string }) {
  return (
    <div className="flex items-center justify-between gap-3">
      <dt className="text-soft">{says}</dt>
      <dd className="flex gap-1">{keys.map((key) => <Kbd key={key}>{key}</Kbd>)}</dd>
    </div>
  );
}
