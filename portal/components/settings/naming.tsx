"use client";
import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Panel } from "@/components/ui/card";
import { Dialog } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { Refusal } from "@/components/ui/state";
import { browser } from "@/lib/api";
import { problemOf } from "@/lib/problem";
import { routes } from "@/lib/routes";

type What = { readonly kind: "project"; readonly project: number } | { readonly kind: "dataset"; readonly project: number; readonly dataset: number };

/** Rename a project or a dataset, or delete it by typing its name. `takes` says what would go with it. */
export function Naming({ what, name, takes }: { what: What; name: string; takes: string }) {
  const router = useRouter();
  const rename = useMutation({
    mutationFn: async (to: string) => {
      await (what.kind === "project" ? browser().projects.rename(what.project, to) : browser().datasets.rename(what.dataset, to));
    },
    onSuccess: () => router.refresh(),
  });
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    rename.mutate(String(new FormData(event.currentTarget).get("name")));
  };
  return (
    <Panel title={`This ${what.kind}`}>
      {rename.error && <div className="mb-3"><Refusal problem={problemOf(rename.error)} /></div>}
      <form onSubmit={submit} className="flex flex-wrap items-center gap-2">
        <Input key={name} name="name" required maxLength={200} defaultValue={name} aria-label={`Name of the ${what.kind}`} className="w-72" />
        <Button type="submit" disabled={rename.isPending}>Rename</Button>
        <span role="status" className="text-sm text-soft">{rename.isSuccess && "Renamed"}</span>
      </form>
      <div className="mt-4 flex flex-wrap items-center justify-between gap-3 border-t border-line pt-4">
        <p className="text-sm text-soft">Deleting it takes {takes} with it, for everybody and for good.</p>
        <Deletion what={what} name={name} takes={takes} />
      </div>
    </Panel>
  );
}

function Deletion({ what, name, takes }: { what: What; name: string; takes: string }) {
  const router = useRouter();
  const [typed, setTyped] = useState("");
  const remove = useMutation({
    mutationFn: () => (what.kind === "project" ? browser().projects.remove(what.project, name) : browser().datasets.remove(what.dataset, name)),
    onSuccess: () => {
      router.push(what.kind === "project" ? routes.home() : routes.datasets(what.project));
      router.refresh();
    },
  });
  return (
    <Dialog
      trigger={<Button look="danger">Delete this {what.kind}…</Button>} title={`Delete ${name}?`}
      description={`It takes ${takes} with it. This cannot be undone.`}
    >
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          remove.mutate();
        }}
      >
        {remove.error && <Refusal problem={problemOf(remove.error)} />}
        <label className="grid gap-1.5 text-sm">
          <span>Type <strong className="font-semibold">{name}</strong> to confirm</span>
          <Input value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" spellCheck={false} />
        </label>
        <Button type="submit" look="danger" className="justify-self-end" disabled={typed !== name || remove.isPending}>
          {remove.isPending ? "Deleting…" : `Delete this ${what.kind}`}
        </Button>
      </form>
    </Dialog>
  );
}
