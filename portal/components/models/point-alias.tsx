"use client";
import { useMutation } from "@tanstack/react-query";
import { Tag } from "lucide-react";
import { useRouter } from "next/navigation";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { Refusal } from "@/components/ui/state";
import { type AliasItem, browser, type VersionItem } from "@/lib/api";
import { problemOf } from "@/lib/problem";

/** Let an alias stand for this version, or let the version answer a share of its requests beside the champion. */
export function PointAlias({ project, version, aliases }: { project: number; version: VersionItem; aliases: readonly AliasItem[] }) {
  const router = useRouter();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("champion");
  const [part, setPart] = useState<"champion" | "challenger">("champion");
  const known = aliases.find((one) => one.name === name.trim());
  const point = useMutation({
    mutationFn: (form: FormData) => {
      const note = String(form.get("note"));
      return part === "challenger" && known
        ? browser().models.point(project, known.name, { champion_id: known.champion.id, challenger_id: version.id, share: Number(form.get("share")) / 100, note })
        : browser().models.point(project, name.trim(), { champion_id: version.id, note });
    },
    onSuccess: () => {
      setOpen(false);
      router.refresh();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    point.mutate(new FormData(event.currentTarget));
  };
  return (
    <Dialog
      open={open} onOpenChange={setOpen} title={`An alias for ${version.model} v${version.number}`} description="Programs predict under an alias; what it stands for changes here, at once."
      trigger={<Button size="sm" aria-label={`Set an alias for v${version.number}`}><Tag />Set alias</Button>}
    >
      <form onSubmit={submit} className="grid gap-3">
        {point.error && <Refusal problem={problemOf(point.error)} />}
        <Field label="Alias" hint={known ? `now ${known.champion.model} v${known.champion.number}` : "a new one"}>
          <Input list={`aliases-${version.id}`} value={name} onChange={(event) => setName(event.target.value)} required maxLength={200} />
          <datalist id={`aliases-${version.id}`}>{aliases.map((one) => <option key={one.name} value={one.name} />)}</datalist>
        </Field>
        {known && known.champion.id !== version.id && (
          <Field label="As its">
            <Select value={part} onChange={(event) => setPart(event.target.value as typeof part)}>
              <option value="champion">champion: it answers from now on</option>
              <option value="challenger">challenger: it answers a share, and is compared</option>
            </Select>
          </Field>
        )}
        {part === "challenger" && known && <Field label="Share of the requests, %"><Input name="share" type="number" min={1} max={99} defaultValue={10} required /></Field>}
        <Field label="Note" hint="Why; kept in the alias's history"><Input name="note" maxLength={1000} /></Field>
        <Button type="submit" look="primary" disabled={point.isPending} className="justify-self-start">Set</Button>
      </form>
    </Dialog>
  );
}
