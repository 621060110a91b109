"use client";
// The image page: the notebook's own canvas over the WebSocket, or the image's pyramid where it is too large to be
// looked at whole. The address follows the image that is on the canvas, so that it can be copied at any time.
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight, PencilRuler, ZoomIn } from "lucide-react";
import { useState } from "react";
import { OpenInNotebook } from "@/components/shell/open-in-notebook";
import { Page } from "@/components/shell/page";
import { Button } from "@/components/ui/button";
import { browser, type ImageDetail } from "@/lib/api";
import { count } from "@/lib/format";
import { type ImageFilter, routes } from "@/lib/routes";
import { Canvas } from "./canvas";
import { DeepZoom } from "./deep-zoom";

/** Beyond this many pixels an image opens in the pyramid: a browser decodes no more at once without pain. */
const large = 40e6;

export function ImageView({ project, first, filter, edits }: { project: number; first: ImageDetail; filter: ImageFilter; edits: boolean }) {
  const [id, setId] = useState(first.id);
  const { data: image = first } = useQuery({
    queryKey: ["image", id, filter],
    queryFn: () => browser().images.get(id, filter),
    ...(id === first.id && { initialData: first }),
    placeholderData: (before) => before,
  });
  const [deep, setDeep] = useState(first.width * first.height > large);
  const only = [filter.class, filter.tag, filter.text && `“${filter.text}”`].filter(Boolean).join(", ");
  const show = (to: number): void => {
    setId(to);
    // Next.js follows a change of history without asking the server for the page again.
    window.history.replaceState(null, "", routes.image(project, to, filter));
  };
  return (
    <Page
      wide title={image.file_name}
      crumbs={[{ name: "Datasets", href: routes.datasets(project) }, { name: image.dataset, href: routes.dataset(project, image.dataset_id, filter) }]}
      note={
        <span className="whitespace-nowrap max-lg:hidden">
          {count(image.index + 1)} of {count(image.among)}{only && ` with ${only}`} · {image.width} × {image.height}
        </span>
      }
      actions={
        <>
          {/* On the canvas there are its own, with the keys D and F. */}
          {deep && <Button size="icon" aria-label="Previous image" disabled={image.previous === null} onClick={() => image.previous !== null && show(image.previous)}><ChevronLeft /></Button>}
          {deep && <Button size="icon" aria-label="Next image" disabled={image.next === null} onClick={() => image.next !== null && show(image.next)}><ChevronRight /></Button>}
          <Button aria-pressed={deep} onClick={() => setDeep(!deep)}>{deep ? <PencilRuler /> : <ZoomIn />}{deep ? "Annotate" : "Deep zoom"}</Button>
          <OpenInNotebook lines={[`dataset = project.dataset(${JSON.stringify(image.dataset)})`, `dataset.annotate(start=${image.index})`]} />
        </>
      }
    >
      {deep
        ? <DeepZoom key={image.id} image={image} />
        : <Canvas key={image.dataset_id} dataset={image.dataset_id} image={id} readOnly={!edits} filter={filter} onImage={(to) => to !== id && show(to)} />}
    </Page>
  );
}
