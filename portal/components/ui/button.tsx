import { Slot } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const looks = {
  primary: "bg-accent text-on-accent hover:opacity-90 border-transparent font-medium",
  plain: "bg-surface text-ink border-line-strong hover:bg-sunk",
  ghost: "bg-transparent text-soft border-transparent hover:bg-sunk hover:text-ink",
  danger: "bg-surface text-bad border-line-strong hover:bg-bad-tint",
} as const;
const sizes = { md: "h-8 px-3 text-sm gap-1.5", sm: "h-7 px-2 text-xs gap-1", icon: "size-8 justify-center" } as const;

interface ButtonProps extends ComponentProps<"button"> {
  look?: keyof typeof looks;
  size?: keyof typeof sizes;
  /** Dress the child (a link) as a button instead. */
  asChild?: boolean;
}

export function Button({ look = "plain", size = "md", asChild = false, className, ...rest }: ButtonProps) {
  const Tag = asChild ? Slot.Root : "button";
  return (
    <Tag
      {...(asChild ? {} : { type: rest.type ?? "button" })}
      className={cn(
        "inline-flex shrink-0 items-center rounded-md border whitespace-nowrap transition-colors select-none",
        "disabled:pointer-events-none disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0",
        looks[look], sizes[size], className,
      )}
      {...rest}
    />
  );
}
