"""Bodies larger than any honest one are refused before they are read into memory."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evalnb_server.problems import problem

MOST_BYTES = 16 << 20
"""A thousand ops with long polygons are 2 MB; a mask of a whole 400 MP image, in runs, rarely 10 MB."""

STREAMED = ("/api/uploads", "/api/predict/")
"""Paths whose routes read their bodies piece by piece, and have a limit of their own."""


class BodyLimit:
    """413 for a body that says, or turns out, to be larger than ``most_bytes``."""

    def __init__(self, app: ASGIApp, *, most_bytes: int = MOST_BYTES) -> None:
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what comes of its body."""
        if scope["type"] != "http" or scope["path"].startswith(STREAMED):
            await self._app(scope, receive, send)
            return
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if stated.isdigit() and int(stated) > self._most:
            await self._refusal()(scope, receive, send)
            return
        taken = 0
        answering = False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._most:
                    raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLarge:
            # A body without a stated length: whoever reads it is stopped here, and has answered nothing yet.
            if answering:
                raise
            await self._refusal()(scope, receive, send)

    def _refusal(self) -> ASGIApp:
        return problem(
            413,
            f"the body is larger than {self._most >> 20} MB",
            "send it in parts; files go to /api/uploads",
            title="TooLarge",
            # The rest of the body is not read: the next request must not begin in the middle of it.
            headers={"Connection": "close"},
        )


class _TooLarge(BaseException):
    """Not an Exception: nobody on the way may take it for a body that does not parse."""
