"use client";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Check, Copy, KeyRound } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Panel } from "@/components/ui/card";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { Refusal } from "@/components/ui/state";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import { browser, type Scope, type Session, type Token } from "@/lib/api";
import { problemOf } from "@/lib/problem";

export function Tokens({ projects, first }: { projects: Session["projects"]; first: Token[] }) {
  const { data, refetch } = useQuery({ queryKey: ["tokens"], queryFn: async () => (await browser().tokens.list()).items, initialData: first });
  const revoke = useMutation({ mutationFn: (id: number) => browser().tokens.revoke(id), onSettled: () => refetch() });
  return (
    <Panel title="API tokens" note="for kernels and programs" actions={<NewToken projects={projects} onMade={() => void refetch()} />}>
      {revoke.error && <div className="mb-3"><Refusal problem={problemOf(revoke.error)} /></div>}
      {data.length === 0 ? (
        <p className="py-2 text-sm text-soft">None. A program sends one as <code className="font-mono">Authorization: Bearer evnb_…</code></p>
      ) : (
        <div className="-mx-4">
          <Table aria-label="API tokens">
            <thead><tr><Th>Name</Th><Th>Scope</Th><Th>Reaches</Th><Th>Used</Th><Th>Expires</Th><Th><span className="sr-only">Actions</span></Th></tr></thead>
            <tbody>
              {data.map((one) => (
                <Tr key={one.id}>
                  <Td><span className="font-medium">{one.name}</span> <code className="font-mono text-xs text-faint">{one.hint}…</code></Td>
                  <Td><Badge>{one.scope}</Badge></Td>
                  <Td className="text-soft">{projects.find((project) => project.id === one.project_id)?.name ?? "every project"}</Td>
                  <Td className="text-soft"><When at={one.used_at} /></Td>
                  <Td className="text-soft"><When at={one.expires_at} /></Td>
                  <Td className="text-right"><Button size="sm" look="danger" aria-label={`Revoke ${one.name}`} onClick={() => revoke.mutate(one.id)}>Revoke</Button></Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        </div>
      )}
    </Panel>
  );
}

function NewToken({ projects, onMade }: { projects: Session["projects"]; onMade: () => void }) {
  const [open, setOpen] = useState(false);
  const [copied, setCopied] = useState(false);
  const make = useMutation({
    mutationFn: (form: FormData) =>
      browser().tokens.make({
        name: String(form.get("name")), scope: form.get("scope") as Scope, days: Number(form.get("days")),
        project_id: form.get("project") ? Number(form.get("project")) : null,
      }),
    onSuccess: onMade,
  });
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    make.mutate(new FormData(event.currentTarget));
  };
  const change = (to: boolean): void => {
    setOpen(to);
    if (!to) make.reset();
    setCopied(false);
  };
  return (
    <Dialog open={open} onOpenChange={change} title="A new token" description="It can do what you can, as far as its scope reaches." trigger={<Button size="sm"><KeyRound />New token</Button>}>
      {make.data ? (
        <div className="grid gap-3">
          <p className="text-sm text-soft">Copy it now: it is kept nowhere and never shown again.</p>
          <div className="flex gap-2">
            <Input readOnly aria-label="The token" value={make.data.secret} className="font-mono" onFocus={(event) => event.target.select()} />
            <Button look="primary" onClick={() => void navigator.clipboard.writeText(make.data.secret).then(() => setCopied(true))}>{copied ? <Check /> : <Copy />}{copied ? "Copied" : "Copy"}</Button>
          </div>
        </div>
      ) : (
        <form onSubmit={submit} className="grid gap-3">
          {make.error && <Refusal problem={problemOf(make.error)} />}
          <Field label="Name" hint="Where it will be used"><Input name="name" required maxLength={100} placeholder="nightly evaluation" /></Field>
          <div className="grid grid-cols-3 gap-3">
            <Field label="Scope"><Select name="scope" defaultValue="read"><option value="read">read</option><option value="write">write</option><option value="admin">admin</option></Select></Field>
            <Field label="Project"><Select name="project"><option value="">every one</option>{projects.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}</Select></Field>
            <Field label="Days"><Input name="days" type="number" min={1} max={366} defaultValue={90} required /></Field>
          </div>
          <Button type="submit" look="primary" disabled={make.isPending} className="justify-self-start">Make the token</Button>
        </form>
      )}
    </Dialog>
  );
}
