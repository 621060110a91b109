// Who else looks at the image, as initials in a colour of their own.
import type { Person } from "../../wire.gen";
import type { Session } from "../session";

const shownMax = 3;

/** "Ada Lovelace" → "AL", "ben" → "BE". */
export function initials(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => [...word][0]) : [...(words[0] ?? "?")].slice(0, 2);
  return letters.join("").toUpperCase();
}

/** The same name has the same hue everywhere. */
export function hue(name: string): number {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)!) % 4093;
  return (hash * 137) % 360;
}

export function People({ session }: { session: Session }) {
  const people = session.others.value;
  if (!people.length) return null;
  const names = people.map((one) => one.name).join(", ");
  return (
    <div class="evalnb-people" role="group" aria-label={`Also here: ${names}`} title={`Also here: ${names}`}>
      {people.slice(0, shownMax).map((one) => <Face key={one.key} person={one} />)}
      {people.length > shownMax && <span class="evalnb-face evalnb-more">+{people.length - shownMax}</span>}
    </div>
  );
}

function Face({ person }: { person: Person }) {
  return <span class="evalnb-face" aria-hidden="true" style={{ "--hue": hue(person.name) }}>{initials(person.name)}</span>;
}
