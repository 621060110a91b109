"use client";
// The pyramid of an image, tile by tile. OpenSeadragon comes only when somebody looks at one.
import { useMutation, useQuery } from "@tanstack/react-query";
import type { Viewer } from "openseadragon";
import { useEffect, useRef } from "react";
import { Button } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { Refusal } from "@/components/ui/state";
import { browser, type ImageDetail, type Tiles } from "@/lib/api";
import { problemOf } from "@/lib/problem";

/** Between looks while a worker cuts the tiles, ms. */
const look = 1000;

export function DeepZoom({ image }: { image: ImageDetail }) {
  const { data: tiles, error, refetch } = useQuery({
    queryKey: ["tiles", image.id],
    queryFn: () => browser().tiles.get(image.id),
    refetchInterval: ({ state }) => (state.data?.state === "making" ? look : false),
  });
  const again = useMutation({ mutationFn: () => browser().tiles.make(image.id), onSuccess: () => refetch() });
  const problem = error ?? again.error;
  if (problem) return <div className="p-6"><Refusal problem={problemOf(problem)} /></div>;
  if (tiles?.state === "ready") return <Opened tiles={tiles} name={image.file_name} />;
  if (tiles?.state === "failed" || tiles?.state === "cancelled")
    return (
      <div className="p-6">
        <Refusal
          problem={{ title: "Tiles", status: 0, detail: tiles.reason || "the making of this image's tiles was cancelled", remedy: "" }}
          action={<Button disabled={again.isPending} onClick={() => again.mutate()}>Make them now</Button>}
        />
      </div>
    );
  return (
    <div className="grid size-full place-items-center bg-sunk" aria-busy="true" data-tiles="making">
      <div className="grid w-72 gap-3 text-center text-sm text-soft">
        <p>This image is large: a worker cuts it into tiles, once.</p>
        <Progress value={tiles?.progress ?? null} label="Tiles" />
      </div>
    </div>
  );
}

function Opened({ tiles, name }: { tiles: Tiles; name: string }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let viewer: Viewer | null = null;
    let gone = false;
    void import("openseadragon").then(({ default: OpenSeadragon }) => {
      if (gone || !host.current) return;
      viewer = new OpenSeadragon.Viewer({
        element: host.current,
        // Without a GPU WebGL is far slower than the canvas; tiles of one image gain nothing from it.
        drawer: "canvas",
        tileSources: {
          width: tiles.width, height: tiles.height, tileSize: tiles.tile_size, tileOverlap: tiles.overlap, minLevel: 0, maxLevel: tiles.last_level,
          getTileUrl: (level: number, x: number, y: number) => tileAddress(tiles.url, level, x, y),
        },
        showNavigationControl: false,
        showNavigator: true,
        navigatorPosition: "BOTTOM_RIGHT",
        maxZoomPixelRatio: 8,
        imageSmoothingEnabled: false,
        animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.6,
        visibilityRatio: 0.5,
      });
      viewer.addOnceHandler("tile-drawn", () => host.current?.setAttribute("data-tiles", "shown"));
    });
    return () => {
      gone = true;
      viewer?.destroy();
    };
  }, [tiles]);
  return <div ref={host} data-own-keys data-tiles="opening" className="size-full bg-sunk" role="application" aria-label={`${name}: zoom with the wheel or + and −, move by dragging or with the arrow keys`} />;
}

function tileAddress(template: string, level: number, x: number, y: number): string {
  const values: Record<string, string> = { level: String(level), x: String(x), y: String(y), format: "jpg" };
  return template.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}
