// Addresses of the API that an element of the page loads by itself: pictures, tiles, files, sockets. Same origin always.

export function thumbnail(image: number, size: 128 | 256 | 512): string {
  return `/api/images/${image}/thumbnail?size=${size}`;
}

export function pixels(image: number): string {
  return `/api/images/${image}/pixels`;
}

export const uploads = "/api/uploads";
export const jupyter = "/jupyter/lab";

export function staticReport(slug: string): string {
  return `/api/reports/${encodeURIComponent(slug)}/page`;
}

/** A report's page at Voila, on this origin; null where Voila does not run. The front proves the reader to Voila. */
export function voila(liveUrl: string | null): string | null {
  if (liveUrl === null) return null;
  const { pathname, searchParams } = new URL(liveUrl);
  searchParams.delete("token");
  return `${pathname}?${searchParams}`;
}
