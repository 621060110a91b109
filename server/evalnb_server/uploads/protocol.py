"""tus 1.0.0 (tus.io/protocols/resumable-upload): its headers, both ways."""

from __future__ import annotations

from datetime import UTC
from email.utils import format_datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evalnb.errors import Invalid
from evalnb.settings import Settings
from evalnb.uploads import ALGORITHMS, Checksum, UploadRecord, limits

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "checksum", "termination", "expiration")
CONTENT_TYPE = "application/offset+octet-stream"
PATH = "/api/uploads"

_MOST = 2**63 - 1


class Tus:
    """Says the protocol's version on every answer, refusals included, and lets a POST be another method for clients
    whose proxies know no PATCH.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        meant = Headers(scope=scope).get("x-http-method-override", "").upper()
        if scope["method"] == "POST" and meant in {"PATCH", "DELETE", "HEAD"}:
            scope["method"] = meant

        async def versioned(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Tus-Resumable"] = VERSION
                headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, versioned)


def options(settings: Settings) -> dict[str, str]:
    """What this server can do."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(limits(settings).most_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def standing(record: UploadRecord) -> dict[str, str]:
    """Where an upload stands."""
    said = {"Upload-Offset": str(record.committed)}
    if record.state == "receiving" and not record.whole:
        said["Upload-Expires"] = format_datetime(record.expires_at.astimezone(UTC), usegmt=True)
    return said


def check_version(request: Request) -> None:
    """412 unless the client speaks this version."""
    spoken = request.headers.get("tus-resumable")
    if spoken != VERSION:
        raise HTTPException(
            412,
            f"the header Tus-Resumable is {spoken!r}, not '{VERSION}'",
            headers={"Tus-Version": VERSION},
        )


def carries_bytes(request: Request) -> bool:
    """Whether the request has a piece of the file; HTTPException 415 if it has a body of another type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == CONTENT_TYPE:
        return True
    if _length(request) != 0:
        raise HTTPException(415, f"the content type is {kind!r}, not {CONTENT_TYPE}")
    return False


def body_bytes(request: Request) -> int | None:
    """How many bytes the request says that it carries; None where it does not say."""
    return _length(request)


def natural(request: Request, header: str) -> int:
    """The whole number in a header; HTTPException 400 if there is none."""
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _MOST):
        raise HTTPException(400, f"{header} is {text!r}, not a number of bytes")
    return int(text)


def checksum(request: Request) -> Checksum | None:
    """What the piece is to sum up to, if the client says; HTTPException 400 if it cannot be understood."""
    said = request.headers.get("upload-checksum")
    if said is None:
        return None
    try:
        return Checksum.read(said)
    except Invalid as error:
        raise HTTPException(400, str(error)) from error


def _length(request: Request) -> int | None:
    text = request.headers.get("content-length")
    if text is None:
        return None if "transfer-encoding" in request.headers else 0
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
