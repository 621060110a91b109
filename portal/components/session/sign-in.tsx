"use client";
import { useRouter } from "next/navigation";
import { type FormEvent, useState, useTransition } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field, Input } from "@/components/ui/input";
import { Refusal } from "@/components/ui/state";
import { browser } from "@/lib/api";
import { type Problem, problemOf } from "@/lib/problem";

export function SignIn({ next }: { next: string }) {
  const router = useRouter();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [pending, start] = useTransition();
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    start(async () => {
      try {
        await browser().session.begin(String(form.get("name")), String(form.get("password")));
        router.push(next);
        router.refresh();
      } catch (thrown) {
        setProblem(problemOf(thrown));
      }
    });
  };
  return (
    <Card className="p-5">
      <form onSubmit={submit} className="grid gap-4" aria-busy={pending}>
        {problem && <Refusal problem={problem} />}
        <Field label="Name"><Input name="name" autoComplete="username" autoFocus required /></Field>
        <Field label="Password"><Input name="password" type="password" autoComplete="current-password" required /></Field>
        <Button type="submit" look="primary" disabled={pending} className="justify-center">{pending ? "Signing in …" : "Sign in"}</Button>
      </form>
      <p className="mt-4 text-xs text-faint">
        On your own machine, open the address that <code className="font-mono">evalnb up</code> prints: it signs you in.
      </p>
    </Card>
  );
}
