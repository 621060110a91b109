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
