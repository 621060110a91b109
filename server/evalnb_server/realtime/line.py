"""One WebSocket: who opens it, how much it may send, and how long it may take to read."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

import evalnb
from evalnb.accounts import Caller
from evalnb.errors import EvalnbError, Invalid, Unauthorized, Unavailable
from evalnb.wire.live import Opening, WelcomePush
from evalnb_server.realtime import frames
from evalnb_server.realtime.hub import MOST_SOCKETS, Beside, Hub, InTurn
from evalnb_server.realtime.protocol import EXTENSION, FRAME_BYTES
from evalnb_server.realtime.seat import BULK, Seat, number

OPENING_S = 10.0
"""A socket shows its ticket within this time."""
RATE_PER_S, BURST = 60.0, 240.0
"""More messages than this are not refused but read later: the client's own sending waits then."""
ASKS, BULK_ASKS = 16, 4
"""How many asks of one socket may be under way, from their reading until their answer has gone out."""
QUEUED, QUEUED_BYTES = 512, 16 * 2**20
"""How many pushes may wait for a reader, and how large they may be together, before it counts as slow."""
SLOW_S, SLOWEST_BYTES_S = 20.0, 64 * 1024
"""A write may wait so long, and longer by the time that what is before it takes at this speed."""
CLOSE_S = 2.0

MALFORMED = 4400
NO_TICKET = 4401
LATE = 4408
SLOW = 4429
AWAY = 4503

_log = logging.getLogger(__name__)


class Closing(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Line:
    """A socket that was let in. Made and run in the event loop; ``tell`` is for any thread."""

    def __init__(self, hub: Hub, socket: WebSocket, who: Caller) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[str | bytes, int | None]] = deque()
        self._queued_pushes = self._queued_bytes = 0
        self._some = asyncio.Event()
        self._over: asyncio.Future[Closing] = self._loop.create_future()
        self._slots = asyncio.Semaphore(ASKS)
        self._bulk = asyncio.Semaphore(BULK_ASKS)
        self._held: dict[int, asyncio.Semaphore] = {}
        self._allowance, self._read_at = BURST, self._loop.time()
        self._lanes = InTurn(hub.pool), Beside(hub.pool)
        in_turn, beside = self._lanes
        self._seat = Seat(hub, hub.store, who, tell=self.tell, dismiss=self._dismiss, in_turn=in_turn, beside=beside)
        self._hub = hub

    def tell(self, message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Queue a message; from any thread."""
        self._from_outside(self._put, frames.encode(message, buffers), message.get("id"))

    def _put(self, frame: str | bytes, id: int | None) -> None:
        if id is None:
            self._queued_pushes += 1
            self._queued_bytes += len(frame)
            if self._queued_pushes > QUEUED or self._queued_bytes > QUEUED_BYTES:
                self._end(Closing(SLOW, "too slow; connect again and go on from where you were"))
                return
        self._queue.append((frame, id))
        self._some.set()

    def _dismiss(self, reason: str) -> None:
        self._from_outside(self._end, Closing(NO_TICKET, reason))

    def _from_outside(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            _log.debug("the server has ended before %s", call.__name__)

    def _end(self, why: Closing) -> None:
        if not self._over.done():
            self._over.set_result(why)

    async def run(self) -> None:
        """Serve it until it ends. Closing if it is to be closed for a reason."""
        reading: asyncio.Future[None] = asyncio.create_task(self._read())
        writing: asyncio.Future[None] = asyncio.create_task(self._write())
        try:
            ends: list[asyncio.Future[Any]] = [reading, writing, self._over]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._over.done():
                raise self._over.result()
            for task in (reading, writing):
                if task.done():
                    task.result()
        finally:
            for task in (reading, writing):
                task.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
            for lane in self._lanes:
                lane.close()
            self._hub.submit(self._seat.leave)

    async def _read(self) -> None:
        while True:
            message = await _receive(self._socket)
            await self._throttle()
            try:
                decoded, buffers = frames.decode(message)
                id, dataset_id = number(decoded, "id"), number(decoded, "dataset")
            except Invalid as error:
                raise Closing(MALFORMED, error.happened) from error
            if id in self._held:
                raise Closing(MALFORMED, f"two asks have the number {id}")
            slot = self._bulk if decoded.get("ask") in BULK else self._slots
            await slot.acquire()
            self._held[id] = slot
            del decoded["dataset"]
            self._seat.receive(dataset_id, decoded, buffers)

    async def _throttle(self) -> None:
        now = self._loop.time()
        self._allowance = min(BURST, self._allowance + (now - self._read_at) * RATE_PER_S) - 1
        self._read_at = now
        if self._allowance < 0:
            await asyncio.sleep(-self._allowance / RATE_PER_S)

    async def _write(self) -> None:
        before_bytes = 0
        while True:
            while not self._queue:
                self._some.clear()
                await self._some.wait()
            frame, id = self._queue.popleft()
            try:
                async with asyncio.timeout(SLOW_S + before_bytes / SLOWEST_BYTES_S):
                    if isinstance(frame, str):
                        await self._socket.send_text(frame)
                    else:
                        await self._socket.send_bytes(frame)
            except TimeoutError as error:
                raise Closing(SLOW, "nothing was read for too long") from error
            before_bytes = len(frame)
            if id is None:
                self._queued_pushes -= 1
                self._queued_bytes -= len(frame)
            else:
                self._held.pop(id).release()


async def serve(hub: Hub, socket: WebSocket) -> None:
    """Let a socket in by its ticket, and serve it until it ends. HTTP 503 where there are too many already."""
    if hub.sockets >= MOST_SOCKETS:
        await socket.send_denial_response(Response("too many sockets; try again later", status_code=503))
        return
    hub.sockets += 1
    try:
        await socket.accept()
        try:
            who = await _admit(hub, socket)
            line = Line(hub, socket, who)
            welcome = WelcomePush(name=who.name, version=evalnb.__version__, frame_bytes=FRAME_BYTES)
            line.tell(welcome.model_dump(mode="json"))
            await line.run()
        except Closing as why:
            _log.info("a socket is closed: %s (%d)", why.reason, why.code)
            await _close(socket, why)
    except WebSocketDisconnect:
        pass
    finally:
        hub.sockets -= 1


async def _admit(hub: Hub, socket: WebSocket) -> Caller:
    try:
        async with asyncio.timeout(OPENING_S):
            first = await _receive(socket)
    except TimeoutError as error:
        raise Closing(LATE, f"no ticket came within {OPENING_S:g} s") from error
    try:
        opening = Opening.model_validate(frames.decode(first)[0])
        return await asyncio.get_running_loop().run_in_executor(hub.pool, hub.tickets.redeem, opening.ticket)
    except Unavailable as error:
        raise Closing(AWAY, str(error)) from error
    except Unauthorized as error:
        raise Closing(NO_TICKET, str(error)) from error
    except (ValidationError, EvalnbError) as error:
        raise Closing(MALFORMED, 'the first message is {"ticket": "…"}') from error


async def _receive(socket: WebSocket) -> str | bytes:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006), message.get("reason"))
    text: str | None = message.get("text")
    return text if text is not None else bytes(message["bytes"])


async def _close(socket: WebSocket, why: Closing) -> None:
    """Close it politely; where the other side reads nothing, drop it."""
    try:
        async with asyncio.timeout(CLOSE_S):
            if socket.application_state is WebSocketState.CONNECTED:
                # A close frame has room for 123 bytes.
                await socket.close(why.code, why.reason.encode()[:120].decode(errors="ignore"))
            return
    except (TimeoutError, WebSocketDisconnect):
        pass
    abort = socket.scope.get("extensions", {}).get(EXTENSION)
    if abort is not None:
        abort["call"]()
