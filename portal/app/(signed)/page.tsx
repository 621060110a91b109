import { FolderOpen } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { Page } from "@/components/shell/page";
import { Empty } from "@/components/ui/state";
import { When } from "@/components/ui/when";
import { plural } from "@/lib/format";
import { guarded } from "@/lib/guarded";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Projects" };

export default guarded(async () => {
  const { items } = await (await api()).projects.list();
  return (
    <Page title="Projects">
      {items.length === 0 ? (
        <Empty icon={<FolderOpen />} title="No project yet">
          A notebook makes the first one (<code className="font-mono">ev.open()</code>), or an owner of this server does and adds you as a member.
        </Empty>
      ) : (
        <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
          {items.map((one) => (
            <li key={one.id}>
              <Link data-row href={routes.datasets(one.id)} className="block rounded-lg border border-line bg-surface p-4 transition-colors hover:border-line-strong">
                <span className="flex items-center gap-2.5">
                  <span className="grid size-7 place-items-center rounded-md bg-tint text-sm font-semibold text-accent uppercase" aria-hidden>{one.name.slice(0, 1)}</span>
                  <span className="truncate font-semibold">{one.name}</span>
                </span>
                <span className="mt-3 flex gap-3 text-xs text-soft">
                  <span>{plural(one.datasets, "dataset")}</span>
                  <span>{plural(one.models, "model")}</span>
                  <span className="ml-auto text-faint"><When at={one.created_at} /></span>
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Page>
  );
});
