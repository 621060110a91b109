"""One socket: read and written with back pressure, or joined to another one, byte for byte."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import cast

_HELD_BYTES = 1 << 20
"""So much may lie unread or unsent before the other side has to wait."""


class Connection(asyncio.Protocol):
    """One side of a conversation. ``made`` is called once it stands."""

    def __init__(self, made: Callable[[Connection], None] | None = None) -> None:
        self._made = made
        self._transport: asyncio.Transport | None = None
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        self._paused = False
        self._peer: Connection | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._gone = asyncio.get_running_loop().create_future()
        self.on_gone: Callable[[], None] | None = None
        """Called once when the socket is gone, for instance to end what was being done for it."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Small messages leave at once; a dead machine at the other end is noticed some time."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_HELD_BYTES)
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._made is not None:
            self._made(self)

    def data_received(self, data: bytes) -> None:
        """Keep it for ``read``, or hand it to the socket this one is joined to."""
        if self._peer is not None:
            self._peer.write(data)
            return
        self._chunks.append(data)
        self._held += len(data)
        if self._held > _HELD_BYTES:
            self._pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Who says nothing more gets nothing more: what was read stays readable, and the socket closes."""
        self._ended = True
        self._wake()

    def connection_lost(self, _error: Exception | None) -> None:
        """Wake whoever waits; a joined socket is closed once what it still holds is sent."""
        self._ended = True
        self._wake()
        self.resume_writing()
        if not self._gone.done():
            self._gone.set_result(None)
        if self._peer is not None:
            self._peer.close()
            self._peer = None
        if self.on_gone is not None:
            self.on_gone()
            self.on_gone = None

    def pause_writing(self) -> None:
        """Too much lies unsent: the writer waits."""
        if self._peer is not None:
            self._peer._pause_reading()
        elif self._writer is None:
            self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """There is room again."""
        if self._peer is not None:
            self._peer._resume_reading()
        if self._writer is not None:
            if not self._writer.done():
                self._writer.set_result(None)
            self._writer = None

    # What everybody else calls.

    @property
    def transport(self) -> asyncio.Transport:
        """The transport; the connection stands."""
        assert self._transport is not None
        return self._transport

    @property
    def gone(self) -> bool:
        """Whether nothing written now would arrive."""
        return self._gone.done() or self._ended or self.transport.is_closing()

    def address(self, of: str = "peername") -> tuple[str, int]:
        """Host and port of the other end (``peername``) or of this one (``sockname``)."""
        found = self.transport.get_extra_info(of) or ("", 0)
        return found[0], found[1]

    async def read(self) -> bytes:
        """What has come, at least a byte; empty at the end. One reader at a time."""
        while not self._chunks:
            if self._ended:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._chunks.popleft()
        self._held -= len(data)
        if self._paused and self._held < _HELD_BYTES // 2:
            self._resume_reading()
        return data

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, or keep until it can be sent; see ``drain``. Dropped where the socket is gone."""
        if not self.transport.is_closing():
            self.transport.write(data)

    async def drain(self) -> None:
        """Until there is room for more. ConnectionResetError where the socket is gone."""
        if self._writer is not None:
            await asyncio.shield(self._writer)
        if self._gone.done():
            raise ConnectionResetError("the other end has gone")

    def close(self) -> None:
        """Close once everything is sent."""
        self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.transport.abort()

    async def until_gone(self) -> None:
        """Until the socket is closed, by whichever end."""
        await asyncio.shield(self._gone)

    def join(self, other: Connection) -> None:
        """From now on what comes here goes out there, and the other way round, until either closes."""
        self._peer, other._peer = other, self
        for one, to in ((self, other), (other, self)):
            while one._chunks:
                to.write(one._chunks.popleft())
            one._held = 0
            if one._ended:
                to.close()
            elif one._writer is None:
                to._resume_reading()
            else:
                to._pause_reading()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _pause_reading(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()
