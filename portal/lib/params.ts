import { notFound } from "next/navigation";

/** What a dynamic route's page is given. */
export type Params<Name extends string> = Promise<Record<Name, string>>;
export type Search = Promise<Record<string, string | string[] | undefined>>;

/** An id from the address; there is no page for anything that is none. */
export function idOf(text: string): number {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(id)) notFound();
  return id;
}

/** One value of the query, the first where there are several. */
export function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
