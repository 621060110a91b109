// Addresses of the API that an element of the page loads by itself: pictures, tiles, files, sockets. Same origin always.

export function thumbnail(image: number, size: 128 | 256 | 512): string {
  return `/api/images/${image}/thumbnail?size=${size}`;
}

export function pixels(image: number): string {
  return `/api/images/${image}/pixels`;
}

export function pyramid(image: number): string {
  return `/api/images/${image}/dzi`;
}

export const uploads = "/api/uploads";
export const openapi = "/api/docs";
export const jupyter = "/jupyter/lab";

export function staticReport(slug: string): string {
  return `/api/reports/${encodeURIComponent(slug)}/page`;
}

/** A report's page at Voila as it is reached through this origin; null where Voila does not run. */
export function voila(liveUrl: string | null): string | null {
  if (liveUrl === null) return null;
  // The API knows Voila's own port; the front serves the same path here, with the proof that Voila asks for.
  const { pathname, searchParams } = new URL(liveUrl, "http://here");
  searchParams.delete("token");
  const rest = searchParams.size ? `?${searchParams}` : "";
  return `${pathname.startsWith("/voila/") ? "" : "/voila"}${pathname}${rest}`;
}
