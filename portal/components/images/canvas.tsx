"use client";
import { mountAnnotator, type Mounted } from "@evalnb/widgets/embed";
import "@evalnb/widgets/embed.css";
import { useEffect, useEffectEvent, useRef } from "react";
import { csrf } from "@/lib/api";
import { pixels } from "@/lib/addresses";
import type { ImageFilter } from "@/lib/routes";
import { observeTheme } from "@/lib/theme";

/** The notebook's annotator, mounted once per dataset; another image is a step of its own, not another canvas. */
export function Canvas({ dataset, image, filter, readOnly, onImage }: {
  dataset: number; image: number; filter: ImageFilter; readOnly: boolean; onImage: (image: number) => void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const mounted = useRef<Mounted | null>(null);
  const shown = useRef(image);
  const told = useEffectEvent((id: number) => {
    shown.current = id;
    onImage(id);
  });
  const begun = useEffectEvent(() => ({
    imageId: image,
    part: { tags: filter.tag ? [filter.tag] : [], classes: filter.class ? [filter.class] : [], text: filter.text ?? "" },
  }));
  useEffect(() => {
    if (!host.current) return;
    const canvas = mountAnnotator(host.current, {
      datasetId: dataset,
      ...begun(),
      readOnly,
      csrf: async () => (await csrf()) ?? "",
      imageUrl: pixels,
      onImage: ({ id }) => told(id),
    });
    mounted.current = canvas;
    const unobserve = observeTheme((theme) => canvas.setTheme(theme === "system" ? "auto" : theme));
    return () => {
      unobserve();
      mounted.current = null;
      canvas.close();
    };
  }, [dataset, readOnly]);
  useEffect(() => {
    if (shown.current !== image) mounted.current?.goto(image);
    shown.current = image;
  }, [image]);
  return <div ref={host} data-own-keys className="size-full" />;
}
