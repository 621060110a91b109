"use client";
// What is done with the images that are ticked: one status or one assignee for all of them, in one request.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CheckCheck, UserRound, X } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Menu, MenuItem, MenuLabel } from "@/components/ui/menu";
import { browser, type ReviewCounts } from "@/lib/api";
import { plural } from "@/lib/format";
import { problemOf } from "@/lib/problem";
import { type Status, statuses } from "@/lib/reviews";
import { StatusIcon } from "./status";

interface Change {
  readonly status?: Status;
  readonly assignee?: string;
}

export function Picked({ dataset, images, onDone }: { dataset: number; images: readonly number[]; onDone: () => void }) {
  const queries = useQueryClient();
  const router = useRouter();
  const { mutate, isPending, error } = useMutation<ReviewCounts, Error, Change>({
    mutationFn: (change) => browser().images.review(dataset, { image_ids: [...images], ...change }),
    onSuccess: async () => {
      onDone();
      // The filters' numbers come with the page, the badges with the list.
      router.refresh();
      await queries.invalidateQueries({ queryKey: ["images", dataset] });
    },
  });
  return (
    <div role="toolbar" aria-label="Selected images" className="flex flex-wrap items-center gap-2 border-t border-line bg-raised px-4 py-2">
      <span className="text-sm font-medium">{plural(images.length, "image")}</span>
      <Menu side="top" trigger={<Button size="sm" disabled={isPending}><CheckCheck />Set status</Button>}>
        {(Object.keys(statuses) as Status[]).map((status) => (
          <MenuItem key={status} onSelect={() => mutate({ status })}><StatusIcon status={status} />{statuses[status].name}</MenuItem>
        ))}
      </Menu>
      <Assign disabled={isPending} onAssign={(assignee) => mutate({ assignee })} />
      <Button size="sm" look="ghost" onClick={onDone}><X />Clear</Button>
      {error && <span role="alert" className="text-sm text-bad">{problemOf(error).detail}</span>}
    </div>
  );
}

function Assign({ disabled, onAssign }: { disabled: boolean; onAssign: (name: string) => void }) {
  const [name, setName] = useState("");
  return (
    <Menu side="top" trigger={<Button size="sm" disabled={disabled}><UserRound />Assign</Button>}>
      <MenuLabel>To whom</MenuLabel>
      {/* The menu would take letters for the first letters of its items. */}
      <form className="flex gap-1 p-1" onKeyDown={(event) => event.key !== "Escape" && event.stopPropagation()} onSubmit={(event) => { event.preventDefault(); onAssign(name.trim()); }}>
        <Input autoFocus aria-label="Name" maxLength={200} className="w-40" value={name} onChange={(event) => setName(event.target.value)} />
        <Button type="submit" look="primary" disabled={!name.trim()}>Assign</Button>
      </form>
      <MenuItem onSelect={() => onAssign("")}>Nobody</MenuItem>
    </Menu>
  );
}
