import Link from "next/link";
import { Thumb } from "@/components/images/thumb";
import type { AgreementData } from "@/lib/api";
import { routes } from "@/lib/routes";

const shown = 60;

/** Each opens on the canvas: in the one's dataset, and below it in the other's. */
export function DisagreedImages({ project, found: { worst, differing, left, right } }: { project: number; found: AgreementData }) {
  return (
    <>
      <ul className="grid grid-cols-[repeat(auto-fill,minmax(9rem,1fr))] gap-3">
        {worst.slice(0, shown).map((one) => (
          <li key={one.id} data-image={one.id}>
            <Link data-row href={routes.image(project, one.id)} prefetch={false} title={one.file_name} className="group block rounded-md">
              <Thumb image={{ id: one.id, width: 4, height: 3 }} size={256} alt={one.file_name} className="aspect-4/3 w-full rounded-md border border-line object-cover group-hover:border-line-strong" />
            </Link>
            <span className="mt-1 flex items-baseline justify-between gap-2 text-xs">
              <span>F1 {one.f1.toFixed(2)}</span>
              {one.other_id !== null && <Link href={routes.image(project, one.other_id)} prefetch={false} className="truncate rounded-sm text-accent hover:underline" aria-label={`${one.file_name} in ${right}`}>{right}</Link>}
            </span>
            <span className="block text-xs text-soft">{said(one, left, right)}</span>
          </li>
        ))}
      </ul>
      {differing > shown && <p className="mt-3 text-xs text-faint">The first {shown} of {differing.toLocaleString("en")}; <code>dataset.disagreements</code> lists them all.</p>}
    </>
  );
}

function said({ other_class, only_left, only_right }: AgreementData["worst"][number], left: string, right: string): string {
  const parts = [
    other_class && `${other_class} of another class`, only_left && `${only_left} only in ${left}`, only_right && `${only_right} only in ${right}`,
  ];
  return parts.filter(Boolean).join(" · ");
}
