import Link from "next/link";
import { Thumb } from "@/components/images/thumb";
import { Panel } from "@/components/ui/card";
import type { ComparedImage } from "@/lib/api";
import { plural, signed } from "@/lib/format";
import { routes } from "@/lib/routes";

const shown = 12;

export function WonAndLost({ project, title, images }: { project: number; title: string; images: readonly ComparedImage[] }) {
  return (
    <Panel title={title} note={images.length > 0 ? `by F1, the first ${Math.min(shown, images.length)}` : plural(0, "image")}>
      <ul className="grid grid-cols-[repeat(auto-fill,minmax(7.5rem,1fr))] gap-3">
        {images.slice(0, shown).map((one) => (
          <li key={one.id}>
            <Link data-row href={routes.image(project, one.id)} prefetch={false} title={one.file_name} className="group block rounded-md">
              <Thumb image={{ id: one.id, width: 4, height: 3 }} size={256} alt={one.file_name} className="aspect-4/3 w-full rounded-md border border-line object-cover group-hover:border-line-strong" />
              <span className={(one.difference ?? 0) > 0 ? "mt-1 block text-xs text-good" : "mt-1 block text-xs text-bad"}>{one.difference === null ? "–" : signed(one.difference, 2)} F1</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
