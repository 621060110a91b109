// Finding by name: what begins so, before what has a word that begins so, before what holds it, before what has its letters.

/** 0 is best; null where the letters of `needle` do not stand in `name` in this order. Both are in lower case. */
export function rank(name: string, needle: string): number | null {
  if (!needle || name.startsWith(needle)) return 0;
  const place = name.indexOf(needle);
  if (place > 0) return /[\s_\-./]/.test(name[place - 1]!) ? 1 : 2;
  let from = 0;
  for (const letter of needle) {
    if (letter === " ") continue;
    from = name.indexOf(letter, from) + 1;
    if (!from) return null;
  }
  return 3;
}

/** Those whose name has what `text` says, the best first, in their own order where they are as good. */
export function ranked<T>(all: readonly T[], text: string, nameOf: (one: T) => string): T[] {
  const needle = text.trim().toLowerCase();
  if (!needle) return [...all];
  const found = all.flatMap((one) => {
    const place = rank(nameOf(one).toLowerCase(), needle);
    return place === null ? [] : [{ one, place }];
  });
  return found.sort((a, b) => a.place - b.place).map(({ one }) => one);
}
