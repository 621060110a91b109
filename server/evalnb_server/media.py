"""Pictures over HTTP: asked for again only when they changed, and never taken for a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has these very bytes."}}


def media(request: Request, make: Callable[[], tuple[bytes, str]], *, etag: str, fixed: bool, name: str) -> Response:
    """The bytes and MIME type that ``make`` gives, or 304 where the request names ``etag``; then nothing is made.

    ``fixed``: what this address gives never changes. ``name`` is what a browser saves it as.
    """
    headers = {
        "ETag": f'"{etag}"',
        "Cache-Control": "private, max-age=86400, immutable" if fixed else "private, no-cache",
        # Whatever the bytes look like, they are a picture: no page of this origin, and not for pages of others.
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if f'"{etag}"' in known or "*" in known:
        return Response(status_code=304, headers=headers)
    body, mime = make()
    headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name.rsplit('/', 1)[-1], safe='')}"
    return Response(body, media_type=mime, headers=headers)
