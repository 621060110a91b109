import { Images, Upload } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { DatasetCard } from "@/components/datasets/card";
import { Page } from "@/components/shell/page";
import { Button } from "@/components/ui/button";
import { Empty } from "@/components/ui/state";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Datasets" };

export default guarded(async ({ params }: { params: Params<"project"> }) => {
  const project = idOf((await params).project);
  const { items } = await (await api()).datasets.list(project);
  const upload = <Button asChild look="primary"><Link href={routes.upload(project)}><Upload />Upload</Link></Button>;
  return (
    <Page title="Datasets" actions={upload}>
      {items.length === 0 ? (
        <Empty icon={<Images />} title="No dataset yet" action={upload}>
          Upload a zip with images and COCO or YOLO annotations, or import one in a notebook: <code className="font-mono">project.import_coco(…)</code>.
        </Empty>
      ) : (
        <ul className="grid gap-4 sm:grid-cols-2 xl:grid-cols-3">
          {items.map((one) => <li key={one.id}><DatasetCard project={project} dataset={one} /></li>)}
        </ul>
      )}
    </Page>
  );
});
