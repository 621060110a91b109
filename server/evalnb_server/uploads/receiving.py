"""A request's body, to the disk: bounded memory, whatever the client does.

The event loop reads; threads write. Bytes that have come are written at the latest a second later, so that a client
that trickles loses no more than one that pours.
"""

from __future__ import annotations

import asyncio
import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import Message, Receive

from evalnb.errors import Unavailable
from evalnb.uploads import Writer

_BLOCK_BYTES = 1 << 20
_FLUSH_S = 1.0
_STALL_S = 3.0
"""Silence after which another connection may write: a client behind a new address comes back within seconds."""
_SILENCE_S = 60.0
"""Silence after which the connection is given up."""


async def receive(request: Request, writer: Writer) -> bool:
    """Write the body as it comes; False if the client went away in the middle.

    Unavailable after a minute of silence; errors of the writer. What has come by then is kept, unless only its
    checksum could tell whether it is right.
    """
    pull = _Pull(request.receive)
    block = bytearray()
    heard = flushed = time.monotonic()
    try:
        while True:
            message = await pull.next(within_s=_FLUSH_S)
            now = time.monotonic()
            if message is None:
                if block:
                    await _write(writer, block)
                    flushed = now
                elif now - heard > _SILENCE_S:
                    raise Unavailable(
                        f"no byte has come for {_SILENCE_S:g} s",
                        remedy="ask HEAD for the offset, and go on from there",
                    )
                elif now - heard > _STALL_S and not writer.paused:
                    await run_in_threadpool(writer.pause)
                continue
            if message["type"] == "http.disconnect":
                return False
            body = message.get("body", b"")
            if body:
                heard = now
                if writer.paused:
                    await run_in_threadpool(writer.resume)
                block += body
            more = message.get("more_body", False)
            if block and (len(block) >= _BLOCK_BYTES or not more or now - flushed > _FLUSH_S):
                await _write(writer, block)
                flushed = now
            if not more:
                return True
    finally:
        pull.stop()
        if block and not writer.paused:
            # Cut off by the client, or by the server's own end: what is in memory is good.
            await _write(writer, block)


async def _write(writer: Writer, block: bytearray) -> None:
    piece = bytes(block)
    block.clear()
    await run_in_threadpool(writer.write, piece)


class _Pull:
    """The next message of a connection, or None when none comes in time; the wait for it then goes on."""

    def __init__(self, source: Receive) -> None:
        self._source = source
        self._waiting: asyncio.Task[Message] | None = None

    async def next(self, *, within_s: float) -> Message | None:
        if self._waiting is None:
            self._waiting = asyncio.ensure_future(self._read())
        done, _ = await asyncio.wait({self._waiting}, timeout=within_s)
        if not done:
            return None
        message, self._waiting = self._waiting.result(), None
        return message

    def stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    async def _read(self) -> Message:
        return await self._source()
