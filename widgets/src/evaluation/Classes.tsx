// A bar for each class: AP now, and a tick where it stands in the whole. The bar shows images, the box narrows.
import { useState } from "preact/hooks";
import { narrowed, number, toggled } from "./query";
import type { Session } from "./session";

type Order = "worst" | "best" | "name" | "truths";

const searchFrom = 12;

export function Classes({ session }: { session: Session }) {
  const [order, setOrder] = useState<Order>("worst");
  const [wanted, setWanted] = useState("");
  const figures = session.figures.value;
  if (!figures) return null;
  const query = session.query.value;
  const mark = session.mark.value;
  const part = session.hello.value !== null && narrowed(query, session.hello.value);
  const rows = session.classes
    .map((info, n) => ({ info, row: figures.classes[n] }))
    .filter(({ info }) => info.name.toLowerCase().includes(wanted.toLowerCase()));
  const value = (row: (typeof rows)[number]): number => row.row?.whole ?? -1;
  rows.sort((a, b) => {
    switch (order) {
      case "worst":
        // Classes without truths have nothing to be bad at: they come last.
        return (value(a) < 0 ? 2 : value(a)) - (value(b) < 0 ? 2 : value(b));
      case "best":
        return value(b) - value(a);
      case "name":
        return a.info.name.localeCompare(b.info.name);
      case "truths":
        return (b.row?.truths || 0) - (a.row?.truths || 0);
    }
  });
  return (
    <section class="panel classes" aria-label="Classes">
      <h3>
        Classes <small>AP</small>
        <select class="order" aria-label="Order of the classes" value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
          <option value="worst">worst first</option>
          <option value="best">best first</option>
          <option value="truths">most truths</option>
          <option value="name">by name</option>
        </select>
      </h3>
      {session.classes.length >= searchFrom && (
        <input
          class="search" type="search" placeholder={`Search ${session.classes.length} classes`} aria-label="Search classes" value={wanted}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      <ul>
        {rows.map(({ info, row }) => {
          const ap = row?.shown ? row.ap : NaN;
          return (
            <li key={info.id} data-class={info.name} class={row?.shown ? "" : "out"}>
              <input
                type="checkbox" checked={query.classes?.includes(info.id) ?? false} aria-label={`Only ${info.name}`} title="Look at this class only"
                onChange={() => session.look({ classes: toggled(query.classes, info.id, session.classes) })}
              />
              <button
                type="button" aria-pressed={mark.mark === "class" && mark.class_id === info.id}
                title={`${info.name}: show the images where it goes wrong`}
                onClick={() => session.behind({ mark: "class", class_id: info.id })}
              >
                <span class="name"><i style={{ background: info.color }} />{info.name}</span>
                <span class="track">
                  <span class="fill" style={{ width: `${Math.max(0, ap || 0) * 100}%` }} />
                  {part && (row?.whole ?? -1) >= 0 && <span class="tick" style={{ left: `${(row?.whole ?? 0) * 100}%` }} />}
                </span>
                <span class="value">{number(ap)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
