"use client";
// The image page: the notebook's own canvas over the WebSocket, or the image's pyramid where it is too large to be
// looked at whole. The address follows the image that is on the canvas, so that it can be copied at any time.
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useState } from "react";
import { OpenInNotebook } from "@/components/shell/open-in-notebook";
import { Page } from "@/components/shell/page";
import { Button } from "@/components/ui/button";
import { browser, type ImageDetail } from "@/lib/api";
import { count } from "@/lib/format";
import { type ImageFilter, routes } from "@/lib/routes";
import { Canvas } from "./canvas";

export function ImageView({ project, first, filter, edits }: { project: number; first: ImageDetail; filter: ImageFilter; edits: boolean }) {
  const [id, setId] = useState(first.id);
  const { data: image = first } = useQuery({
    queryKey: ["image", id],
    queryFn: () => browser().images.get(id),
    ...(id === first.id && { initialData: first }),
    placeholderData: (before) => before,
  });
  const show = (to: number): void => {
    setId(to);
    // Next.js follows a change of history without asking the server for the page again.
    window.history.replaceState(null, "", routes.image(project, to, filter));
  };
  return (
    <Page
      wide title={image.file_name}
      crumbs={[{ name: "Datasets", href: routes.datasets(project) }, { name: image.dataset, href: routes.dataset(project, image.dataset_id, filter) }]}
      note={<span className="whitespace-nowrap max-lg:hidden">{image.width} × {image.height} · {count(image.index + 1)} in order</span>}
      actions={
        <>
          <Button size="icon" aria-label="Previous image" disabled={image.previous === null} onClick={() => image.previous !== null && show(image.previous)}><ChevronLeft /></Button>
          <Button size="icon" aria-label="Next image" disabled={image.next === null} onClick={() => image.next !== null && show(image.next)}><ChevronRight /></Button>
          <OpenInNotebook lines={[`dataset = project.dataset(${JSON.stringify(image.dataset)})`, `dataset.annotate(image_id=${image.id})`]} />
        </>
      }
    >
      <Canvas key={image.dataset_id} dataset={image.dataset_id} image={id} readOnly={!edits} onImage={(to) => to !== id && show(to)} />
    </Page>
  );
}
