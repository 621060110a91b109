import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

/** Dense rows; wide tables scroll within themselves and never the page. */
export function Table({ className, ...rest }: ComponentProps<"table">) {
  return (
    <div className="overflow-x-auto">
      <table className={cn("w-full border-collapse text-sm", className)} {...rest} />
    </div>
  );
}

export function Th({ className, ...rest }: ComponentProps<"th">) {
  return <th scope="col" className={cn("h-8 border-b border-line px-3 text-left text-xs font-medium whitespace-nowrap text-faint first:pl-4 last:pr-4", className)} {...rest} />;
}

export function Td({ className, ...rest }: ComponentProps<"td">) {
  return <td className={cn("h-10 border-b border-line px-3 whitespace-nowrap first:pl-4 last:pr-4", className)} {...rest} />;
}

export function Tr({ className, ...rest }: ComponentProps<"tr">) {
  return <tr className={cn("last:[&>td]:border-b-0", className)} {...rest} />;
}
