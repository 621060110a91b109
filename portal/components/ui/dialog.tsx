"use client";
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { Button } from "./button";

export function Dialog({ open, onOpenChange, trigger, title, description, children }: {
  open?: boolean; onOpenChange?: (open: boolean) => void; trigger?: ReactNode; title: string; description?: string; children: ReactNode;
}) {
  return (
    <Radix.Root {...(open === undefined ? {} : { open })} {...(onOpenChange ? { onOpenChange } : {})}>
      {trigger && <Radix.Trigger asChild>{trigger}</Radix.Trigger>}
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-[rgb(0_0_0/0.4)]" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          className="fixed top-1/2 left-1/2 z-50 grid max-h-[85dvh] w-[min(30rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 gap-4 overflow-auto rounded-xl border border-line bg-raised p-5 shadow-[0_16px_48px_var(--shadow)]"
        >
          <div>
            <Radix.Title className="pr-8 text-lg font-semibold">{title}</Radix.Title>
            {description && <Radix.Description className="mt-1 text-sm text-soft">{description}</Radix.Description>}
          </div>
          {children}
          <Radix.Close asChild>
            <Button look="ghost" size="icon" aria-label="Close" className="absolute top-3 right-3"><X /></Button>
          </Radix.Close>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
