import type { Metadata } from "next";
import { Versions } from "@/components/models/versions";
import { OpenInNotebook } from "@/components/shell/open-in-notebook";
import { Page } from "@/components/shell/page";
import { plural } from "@/lib/format";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { routes } from "@/lib/routes";
import { api, signedIn } from "@/lib/server";

export const metadata: Metadata = { title: "Model" };

export default guarded(async ({ params }: { params: Params<"project" | "model"> }) => {
  const given = await params;
  const client = await api();
  const model = await client.models.get(idOf(given.model));
  const [{ items }, aliases, session] = await Promise.all([client.models.versions(model.id), client.models.aliases(model.project_id), signedIn()]);
  const manages = session.projects.find((one) => one.id === model.project_id)?.role === "admin";
  return (
    <Page
      title={model.name} crumbs={[{ name: "Models", href: routes.models(idOf(given.project)) }]} note={plural(model.versions, "version")}
      actions={<OpenInNotebook lines={[`model = project.model(${JSON.stringify(model.name)})`, "model"]} />}
    >
      <Versions project={model.project_id} versions={items} aliases={aliases.items} manages={manages} />
    </Page>
  );
});
