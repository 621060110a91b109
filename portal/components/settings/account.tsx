"use client";
import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { Panel } from "@/components/ui/card";
import { Field, Input } from "@/components/ui/input";
import { Refusal } from "@/components/ui/state";
import { browser } from "@/lib/api";
import { problemOf } from "@/lib/problem";

/** One's own password; whoever came by the laptop's token has none yet and may set one. */
export function Account({ hasPassword }: { hasPassword: boolean }) {
  const change = useMutation({ mutationFn: ({ current, fresh }: { current: string | null; fresh: string }) => browser().session.password(current, fresh) });
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const read = new FormData(form);
    change.mutate({ current: hasPassword ? String(read.get("current")) : null, fresh: String(read.get("new")) }, { onSuccess: () => form.reset() });
  };
  return (
    <Panel title="Your password">
      <form onSubmit={submit} className="flex flex-wrap items-end gap-3">
        {hasPassword && <div className="w-52"><Field label="The present one"><Input name="current" type="password" autoComplete="current-password" required /></Field></div>}
        <div className="w-52"><Field label="The new one"><Input name="new" type="password" autoComplete="new-password" required /></Field></div>
        <Button type="submit" disabled={change.isPending}>{hasPassword ? "Change" : "Set"}</Button>
        {change.isSuccess && <span role="status" className="text-sm text-good">It is changed.</span>}
      </form>
      {change.error && <div className="mt-3"><Refusal problem={problemOf(change.error)} /></div>}
    </Panel>
  );
}
