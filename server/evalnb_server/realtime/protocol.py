"""uvicorn's WebSocket protocol with one thing more: a way to drop a connection whose peer does not read.

ASGI can only close politely, behind all that is queued; to a peer that has stopped reading, nothing goes out any
more, and the connection with its buffers would live as long as the peer likes.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "evalnb.abort"
FRAME_BYTES = 8 * 2**20
"""A longer message from a client closes its socket (1009)."""


class AbortableProtocol(WebSocketsSansIOProtocol):
    """Puts the way to abort into the scope's extensions."""

    async def run_asgi(self) -> None:
        """Run the application."""
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[EXTENSION] = {"call": self.transport.abort}
        await super().run_asgi()


SOCKETS: dict[str, Any] = {
    "ws": AbortableProtocol,
    "ws_max_size": FRAME_BYTES,
    # Images have been compressed, and deflating what is not would hold everybody's answers up.
    "ws_per_message_deflate": False,
    "ws_ping_interval": 20.0,
    # A ping waits behind an image that is on its way to a slow reader.
    "ws_ping_timeout": 60.0,
}
"""How uvicorn is to serve sockets."""
