"use client";
import { Button } from "@/components/ui/button";
import { Refusal } from "@/components/ui/state";

export default function Failed({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <div className="mx-auto max-w-2xl p-8">
      <Refusal
        problem={{ title: "Error", status: 500, detail: "this page made a mistake", remedy: `try again; if it stays, report it${error.digest ? ` with the number ${error.digest}` : ""}` }}
        action={<Button onClick={reset}>Try again</Button>}
      />
    </div>
  );
}
