import { Scale, Settings2 } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { Facets } from "@/components/datasets/facets";
import { MasksOfBoxes } from "@/components/datasets/masks-of-boxes";
import { OpenInNotebook } from "@/components/shell/open-in-notebook";
import { Page } from "@/components/shell/page";
import { ImageGrid } from "@/components/images/grid";
import { ImageSearch } from "@/components/images/search";
import { Naming } from "@/components/settings/naming";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { count, plural } from "@/lib/format";
import { guarded } from "@/lib/guarded";
import { idOf, one, type Params, type Search } from "@/lib/params";
import { statusOf } from "@/lib/reviews";
import { type ImageFilter, routes } from "@/lib/routes";
import { api, signedIn } from "@/lib/server";

interface Props {
  params: Params<"project" | "dataset">;
  searchParams: Search;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const found = await (await api()).datasets.get(idOf((await params).dataset)).catch(() => null);
  return { title: found?.name ?? "Dataset" };
}

export default guarded(async ({ params, searchParams }: Props) => {
  const { project, dataset } = await params;
  const query = await searchParams;
  const filter: ImageFilter = {
    tag: one(query.tag), class: one(query.class), text: one(query.text),
    status: statusOf(one(query.status)), assignee: one(query.assignee), unassigned: one(query.unassigned),
  };
  const client = await api();
  const id = idOf(dataset);
  const [found, first, reviews, session] = await Promise.all([
    client.datasets.get(id), client.images.list(id, { ...filter, limit: 100 }), client.images.counts(id), signedIn(),
  ]);
  const role = session.projects.find((each) => each.id === found.project_id)?.role;
  const manages = role === "admin";
  const edits = manages || role === "annotator";
  const narrowed = Object.values(filter).some(Boolean);
  return (
    <Page
      wide title={found.name} crumbs={[{ name: "Datasets", href: routes.datasets(idOf(project)) }]}
      note={<span>{narrowed ? `${count(first.total ?? 0)} of ${plural(found.images, "image")}` : plural(found.images, "image")}</span>}
      actions={
        <>
          <ImageSearch project={found.project_id} dataset={id} filter={filter} />
          <OpenInNotebook lines={[`dataset = project.dataset(${JSON.stringify(found.name)})${slice(filter)}`, "dataset.annotate()"]} />
          <Button asChild size="icon"><Link href={routes.agreement(found.project_id, id)} aria-label="Agreement" title="Agreement"><Scale /></Link></Button>
          {edits && <MasksOfBoxes project={found.project_id} dataset={id} filter={filter} />}
          {manages && (
            <Dialog trigger={<Button size="icon" aria-label="Rename or delete this dataset"><Settings2 /></Button>} title={found.name}>
              <Naming
                what={{ kind: "dataset", project: found.project_id, dataset: id }} name={found.name}
                takes={`${plural(found.images, "image")}, ${plural(found.annotations, "annotation")} and every run and evaluation on it`}
              />
            </Dialog>
          )}
        </>
      }
    >
      <div className="flex h-full">
        <Facets dataset={found} reviews={reviews} filter={filter} />
        <ImageGrid key={JSON.stringify(filter)} project={found.project_id} dataset={id} filter={filter} first={first} edits={edits} />
      </div>
    </Page>
  );
});

/** The same slice in Python. */
function slice(filter: ImageFilter): string {
  const parts = [filter.tag && `tag=${JSON.stringify(filter.tag)}`, filter.class && `classes=[${JSON.stringify(filter.class)}]`].filter(Boolean);
  const reviewed = [
    filter.status && JSON.stringify(filter.status),
    (filter.assignee || filter.unassigned) && `assignee=${JSON.stringify(filter.assignee ?? "")}`,
  ].filter(Boolean);
  const where = parts.length ? `.where(${parts.join(", ")})` : "";
  return reviewed.length ? `${where}\ndataset = dataset.where(images=dataset.reviews(${reviewed.join(", ")}).index)` : where;
}
