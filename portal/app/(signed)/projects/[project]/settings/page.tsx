import type { Metadata } from "next";
import { Account } from "@/components/settings/account";
import { Members } from "@/components/settings/members";
import { Naming } from "@/components/settings/naming";
import { Tokens } from "@/components/settings/tokens";
import { Page } from "@/components/shell/page";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { api, signedIn } from "@/lib/server";

export const metadata: Metadata = { title: "Settings" };

export default guarded(async ({ params }: { params: Params<"project"> }) => {
  const project = idOf((await params).project);
  const [client, session] = [await api(), await signedIn()];
  const [members, tokens] = await Promise.all([client.members.list(project), client.tokens.list()]);
  const here = session.projects.find((one) => one.id === project);
  return (
    <Page title="Settings" note={here?.name}>
      <div className="grid max-w-4xl gap-4">
        <Members project={project} first={members.items} manages={here?.role === "admin"} />
        <Tokens projects={session.projects} first={tokens.items} />
        {here?.role === "admin" && (
          <Naming what={{ kind: "project", project }} name={here.name} takes="its datasets, models, runs, evaluations, jobs and reports" />
        )}
        <Account hasPassword={session.has_password} />
      </div>
    </Page>
  );
});
