import type { AgreementData } from "@/lib/api";
import { cn } from "@/lib/cn";
import { short } from "@/lib/format";

/** The classes with the most shapes; more than these nobody reads. */
const most = 14;

/** What the one called it by rows, the other by columns. The shade of a cell is its share of the row. */
export function LabelMatrix({ found: { names, confusion, left, right } }: { found: AgreementData }) {
  const nothing = names.length - 1;
  const many = (n: number): number => (confusion[n] ?? []).reduce((sum, each) => sum + each, 0) + confusion.reduce((sum, row) => sum + (row[n] ?? 0), 0);
  const places = names.map((_, n) => n);
  const shown = [...places.slice(0, nothing).sort((a, b) => many(b) - many(a)).slice(0, most).sort((a, b) => a - b), nothing];
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="What they call it">
      <table className="w-full table-fixed border-separate border-spacing-0.5 text-xs" style={{ minWidth: 72 + 28 * shown.length }} aria-label={`What ${left} calls what ${right} calls it`}>
        <thead>
          <tr>
            <td className="w-18" />
            {shown.map((n) => <th key={n} scope="col" className="truncate px-0.5 pb-1 font-medium text-soft" title={names[n]}>{names[n]}</th>)}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => {
            const sum = (confusion[row] ?? []).reduce((a, b) => a + b, 0) || 1;
            return (
              <tr key={row}>
                <th scope="row" className="truncate pr-2 text-right font-medium text-soft" title={names[row]}>{names[row]}</th>
                {shown.map((column) => {
                  const value = confusion[row]?.[column] ?? 0;
                  const hue = row === column ? "var(--accent)" : "var(--bad)";
                  // Never so dark that ink cannot be read on it.
                  const share = value ? 6 + (34 * value) / sum : 0;
                  return (
                    <td
                      key={column} data-cell={`${names[row]}/${names[column]}`} className={cn("h-7 rounded-xs bg-sunk text-center", value ? "text-ink" : "text-faint")}
                      style={value ? { background: `color-mix(in oklab, ${hue} ${share}%, var(--sunk))` } : undefined}
                    >
                      {value ? short(value) : ""}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
      {names.length - 1 > most && <p className="mt-2 text-xs text-faint">The {most} classes with the most shapes, of {names.length - 1}.</p>}
    </div>
  );
}
