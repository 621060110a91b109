// The Content-Security-Policy of every page. It authorises nobody: the API does that, request by request (a proxy can be
// gone around, CVE-2025-29927).
import { type NextRequest, NextResponse } from "next/server";

/** Scripts by nonce alone; styles inline, because Radix and the canvas place things by style attributes. */
function policy(nonce: string): string {
  const development = process.env.NODE_ENV === "development";
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development ? " 'unsafe-eval'" : ""}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "frame-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    // JupyterLab, on this same address, may show a page of the portal beside a notebook.
    "frame-ancestors 'self'",
  ].join("; ");
}

export function proxy(request: NextRequest): NextResponse {
  const nonce = btoa(crypto.randomUUID());
  const headers = new Headers(request.headers);
  headers.set("Content-Security-Policy", policy(nonce));
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("Content-Security-Policy", policy(nonce));
  return response;
}

export const config = { matcher: ["/((?!_next/static|favicon|icon).*)"] };
