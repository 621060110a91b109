"use client";
import { useMutation, useQuery } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Panel } from "@/components/ui/card";
import { Input, Select } from "@/components/ui/input";
import { Refusal } from "@/components/ui/state";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import { browser, type Member, type Role } from "@/lib/api";
import { problemOf } from "@/lib/problem";

const roles: readonly { role: Role; means: string }[] = [
  { role: "viewer", means: "looks" },
  { role: "annotator", means: "also edits and asks for work" },
  { role: "admin", means: "also manages members" },
];

/** Who is in the project. `manages`: the reader may change it (the API decides; this only hides what it would refuse). */
export function Members({ project, first, manages }: { project: number; first: Member[]; manages: boolean }) {
  const { data, refetch } = useQuery({ queryKey: ["members", project], queryFn: async () => (await browser().members.list(project)).items, initialData: first });
  const [role, setRole] = useState<Role>("annotator");
  const change = useMutation({ mutationFn: (work: () => Promise<unknown>) => work(), onSettled: () => refetch() });
  const add = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const name = String(new FormData(form).get("name"));
    change.mutate(() => browser().members.add(project, name, role), { onSuccess: () => form.reset() });
  };
  return (
    <Panel title="Members" note={`${data.length}`}>
      {change.error && <div className="mb-3"><Refusal problem={problemOf(change.error)} /></div>}
      <div className="-mx-4">
        <Table aria-label="Members">
          <thead><tr><Th>Name</Th><Th>Role</Th><Th>Since</Th><Th><span className="sr-only">Actions</span></Th></tr></thead>
          <tbody>
            {data.map((one) => (
              <Tr key={one.user_id}>
                <Td className="font-medium">{one.name}</Td>
                <Td>{manages ? <RoleSelect label={`Role of ${one.name}`} value={one.role} onChange={(to) => change.mutate(() => browser().members.change(project, one.user_id, to))} /> : one.role}</Td>
                <Td className="text-soft"><When at={one.since} /></Td>
                <Td className="text-right">
                  {manages && <Button size="sm" look="danger" aria-label={`Remove ${one.name}`} onClick={() => change.mutate(() => browser().members.remove(project, one.user_id))}>Remove</Button>}
                </Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      </div>
      {data.length === 0 && <p className="px-1 py-3 text-sm text-soft">Nobody yet. Owners of this server see every project without being a member.</p>}
      {manages && (
        <form onSubmit={add} className="mt-3 flex flex-wrap gap-2">
          <Input name="name" required aria-label="Name of the account" placeholder="Name of an account" className="w-52" />
          <RoleSelect label="Role" value={role} onChange={setRole} />
          <Button type="submit" disabled={change.isPending}><UserPlus />Add</Button>
        </form>
      )}
    </Panel>
  );
}

function RoleSelect({ label, value, onChange }: { label: string; value: Role; onChange: (role: Role) => void }) {
  return (
    <Select aria-label={label} className="w-auto" value={value} onChange={(event) => onChange(event.target.value as Role)}>
      {roles.map(({ role, means }) => <option key={role} value={role}>{role}: {means}</option>)}
    </Select>
  );
}
