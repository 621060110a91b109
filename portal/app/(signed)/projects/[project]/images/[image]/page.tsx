import type { Metadata } from "next";
import { ImageView } from "@/components/images/view";
import { guarded } from "@/lib/guarded";
import { idOf, one, type Params, type Search } from "@/lib/params";
import { statusOf } from "@/lib/reviews";
import { api, signedIn } from "@/lib/server";

interface Props {
  params: Params<"project" | "image">;
  searchParams: Search;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const found = await (await api()).images.get(idOf((await params).image)).catch(() => null);
  return { title: found?.file_name ?? "Image" };
}

export default guarded(async ({ params, searchParams }: Props) => {
  const { project, image } = await params;
  const query = await searchParams;
  const filter = {
    tag: one(query.tag), class: one(query.class), text: one(query.text),
    // On this page all images are neighbours, whatever their status: it is what one changes here. The way back keeps it.
    status: statusOf(one(query.status)), assignee: one(query.assignee), unassigned: one(query.unassigned),
  };
  const [found, session] = [await (await api()).images.get(idOf(image), filter), await signedIn()];
  const role = session.projects.find((each) => each.id === found.project_id)?.role;
  return (
    <ImageView
      project={idOf(project)} first={found} edits={role === "annotator" || role === "admin"}
      filter={filter}
    />
  );
});
