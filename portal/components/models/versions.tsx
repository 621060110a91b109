import Link from "next/link";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import type { VersionItem } from "@/lib/api";
import { metric } from "@/lib/format";
import { routes } from "@/lib/routes";

/** A version's own numbers, as its training measured them. */
function measured(version: VersionItem, name: string): number | null {
  const value = version.metrics[name];
  return typeof value === "number" ? value : null;
}

export function Versions({ project, versions }: { project: number; versions: readonly VersionItem[] }) {
  return (
    <Card>
      <Table aria-label="Versions">
        <thead><tr><Th>Version</Th><Th>Architecture</Th><Th className="text-right">Classes</Th><Th className="text-right">AP</Th><Th className="text-right">AP50</Th><Th>Weights</Th><Th className="text-right">Made</Th></tr></thead>
        <tbody>
          {versions.map((one) => (
            <Tr key={one.id}>
              <Td className="font-medium">v{one.number}</Td>
              <Td><Badge>{one.architecture}</Badge></Td>
              <Td className="text-right" title={one.class_names.join(", ")}>{one.class_names.length}</Td>
              <Td className="text-right font-semibold">{metric(measured(one, "AP"))}</Td>
              <Td className="text-right">{metric(measured(one, "AP50"))}</Td>
              <Td><code className="font-mono text-xs text-faint" title={one.sha256}>{one.sha256.slice(0, 10)}</code></Td>
              <Td className="text-right text-soft">
                {one.job_id ? <Link className="hover:text-accent" href={routes.job(project, one.job_id)}><When at={one.created_at} /></Link> : <When at={one.created_at} />}
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}
