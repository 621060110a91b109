"""uvicorn's WebSocket protocol with one thing more: a way to drop a connection whose peer does not read.

ASGI can only close politely, behind all that is queued; to a peer that has stopped reading, nothing goes out any
more, and the connection with its buffers would live as long as the peer likes.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "evalnb.abort"


class AbortableProtocol(WebSocketsSansIOProtocol):
    """Puts the way to abort into the scope's extensions."""

    async def run_asgi(self) -> None:
        """Run the application."""
        extensions: dict[str, Any] = self.scope["extensions"]  # type: ignore[assignment]
        extensions[EXTENSION] = {"call": self.transport.abort}
        await super().run_asgi()
