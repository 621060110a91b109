"use client";
import { DropdownMenu as Radix } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";

export function Menu({ trigger, align = "start", side = "bottom", children }: {
  trigger: ReactNode; align?: "start" | "end"; side?: "top" | "bottom"; children: ReactNode;
}) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align} side={side} sideOffset={6} collisionPadding={8}
          className="z-50 max-h-96 min-w-48 overflow-auto rounded-lg border border-line bg-raised p-1 shadow-[0_8px_24px_var(--shadow)]"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function MenuItem({ className, ...rest }: ComponentProps<typeof Radix.Item>) {
  return (
    <Radix.Item
      className={cn(
        "flex h-8 cursor-pointer items-center gap-2 rounded-md px-2 text-sm outline-none select-none",
        "data-disabled:cursor-default data-disabled:opacity-50 data-highlighted:bg-tint [&_svg]:size-4 [&_svg]:text-faint", className,
      )}
      {...rest}
    />
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2 pt-1.5 pb-1 text-xs text-faint">{children}</Radix.Label>;
}

export function MenuLine() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}
