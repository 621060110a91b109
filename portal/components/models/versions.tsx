import Link from "next/link";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import type { AliasItem, VersionItem } from "@/lib/api";
import { metric } from "@/lib/format";
import { routes } from "@/lib/routes";
import { PointAlias } from "./point-alias";

/** A version's own numbers, as its training measured them. */
function measured(version: VersionItem, name: string): number | null {
  const value = version.metrics[name];
  return typeof value === "number" ? value : null;
}

export function Versions({ project, versions, aliases, manages }: { project: number; versions: readonly VersionItem[]; aliases: readonly AliasItem[]; manages: boolean }) {
  return (
    <Card>
      <Table aria-label="Versions">
        <thead><tr><Th>Version</Th><Th>Architecture</Th><Th className="text-right">Classes</Th><Th className="text-right">AP</Th><Th className="text-right">AP50</Th><Th>Weights</Th><Th>Aliases</Th><Th className="text-right">Made</Th>{manages && <Th><span className="sr-only">Actions</span></Th>}</tr></thead>
        <tbody>
          {versions.map((one) => (
            <Tr key={one.id}>
              <Td className="font-medium">v{one.number}</Td>
              <Td><Badge>{one.architecture}</Badge></Td>
              <Td className="text-right" title={one.class_names.join(", ")}>{one.class_names.length}</Td>
              <Td className="text-right font-semibold">{metric(measured(one, "AP"))}</Td>
              <Td className="text-right">{metric(measured(one, "AP50"))}</Td>
              <Td><code className="font-mono text-xs text-faint" title={one.sha256}>{one.sha256.slice(0, 10)}</code></Td>
              <Td><span className="flex gap-1">{aliases.map((alias) => <AliasBadge key={alias.name} alias={alias} version={one.id} />)}</span></Td>
              <Td className="text-right text-soft">
                {one.job_id ? <Link className="hover:text-accent" href={routes.job(project, one.job_id)}><When at={one.created_at} /></Link> : <When at={one.created_at} />}
              </Td>
              {manages && <Td className="text-right"><PointAlias project={project} version={one} aliases={aliases} /></Td>}
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

function AliasBadge({ alias, version }: { alias: AliasItem; version: number }) {
  if (alias.champion.id === version) return <Badge tone="good">{alias.name}</Badge>;
  if (alias.challenger?.id === version) return <Badge tone="warn">{alias.name} · {Math.round(alias.share * 100)} %</Badge>;
  return null;
}
