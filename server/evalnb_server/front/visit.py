"""One client's connection, from its first request to its last."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import h11

from evalnb.errors import EvalnbError
from evalnb_server.front import pages
from evalnb_server.front.backends import Broken, Pool, Upstream
from evalnb_server.front.connection import Connection
from evalnb_server.front.gate import Ask, Gate, Onward, downward
from evalnb_server.front.pages import Answer

_log = logging.getLogger(__name__)

Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]
Part = h11.Event | type[h11.PAUSED]

_HEAD_BYTES = 65_536
_FORM_BYTES = 8_192
_LINGER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the front waits for a client, in seconds. Backends may take as long as they like."""

    idle_s: float = 75.0
    """For the first byte of a request."""
    head_s: float = 15.0
    """From there to the end of its head."""
    body_s: float = 60.0
    """For the next part of a body."""
    stalled_s: float = 300.0
    """For a client that reads nothing of what it asked for."""
    linger_s: float = 2.0
    """For what a client still sends after it has been refused."""


class _Gone(Exception):
    """The client has closed its connection."""


class Visit:
    """Serves one connection."""

    def __init__(self, client: Connection, *, gate: Gate, pool: Pool, limits: Limits) -> None:
        self._client = client
        self._gate = gate
        self._pool = pool
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)

    async def run(self) -> None:
        """Until the client has gone or is sent away."""
        try:
            while await self._one():
                self._http.start_next_cycle()
        except (_Gone, ConnectionError):
            pass
        except h11.RemoteProtocolError as error:
            await self._say_and_close(pages.problem(error.error_status_hint, str(error), "send HTTP/1.1"))
        except TimeoutError:
            if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                await self._say_and_close(pages.problem(408, "the request did not come to its end", "send it again"))
        finally:
            self._client.close()

    async def _one(self) -> bool:
        """One request and its answer; whether another may follow."""
        request = await self._head()
        if request is None:
            return False
        target = request.target.decode("ascii")
        if not target.startswith("/"):
            raise h11.RemoteProtocolError("only paths of this origin are served here")
        ask = Ask(
            request.method.decode("ascii"), target, list(request.headers.raw_items()), self._client.address()[0]
        )
        try:
            decided: Answer | Onward = await self._gate.decide(ask, self._form)
        except EvalnbError as error:
            more = [(b"Retry-After", b"2")] if error.status == 503 else None
            decided = pages.refusal(error.status, error.happened, error.remedy, for_people=ask.for_people, more=more)
        if isinstance(decided, Answer):
            await self._say(decided)
            await self._linger()
        else:
            await self._pass_on(ask, decided)
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _head(self) -> h11.Request | None:
        """The next request, or None where the client has no more."""
        event = self._http.next_event()
        if event is h11.NEED_DATA:
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    data = await self._client.read()
            except TimeoutError:
                return None
            self._http.receive_data(data)
            event = self._http.next_event()
        async with asyncio.timeout(self._limits.head_s):
            while event is h11.NEED_DATA:
                self._http.receive_data(await self._client.read())
                event = self._http.next_event()
        if isinstance(event, h11.ConnectionClosed):
            return None
        assert isinstance(event, h11.Request)
        _refuse_unclear(event)
        return event

    async def _next_event(self) -> Part:
        """The next part of the request's body."""
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return cast(Part, event)
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            async with asyncio.timeout(self._limits.body_s):
                data = await self._client.read()
            if not data:
                raise _Gone
            self._http.receive_data(data)

    async def _form(self) -> bytes:
        """The body of a small form."""
        whole = bytearray()
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                whole += event.data
            if len(whole) > _FORM_BYTES:
                raise h11.RemoteProtocolError("the form is too long", error_status_hint=413)
        return bytes(whole)

    async def _pass_on(self, ask: Ask, onward: Onward) -> None:
        """The request to its backend, and the answer back, both as they come."""
        first = self._http.next_event()
        whole = isinstance(first, h11.EndOfMessage)
        # A kept connection may be closed at its other end at any moment: only what can be asked twice goes there.
        twice = whole and ask.method in {"GET", "HEAD"} and not ask.upgrades
        for fresh in (False, True) if twice else (True,):
            try:
                upstream = await self._pool.take(onward.backend, fresh=fresh)
            except (OSError, TimeoutError):
                await self._say(pages.unavailable(onward.backend, status=503, for_people=ask.for_people))
                await self._linger()
                return
            try:
                if await self._through(ask, onward, upstream, None if whole else first, again=twice and not fresh):
                    return
            finally:
                self._client.on_gone = None
                self._pool.give_back(upstream)

    async def _through(
        self, ask: Ask, onward: Onward, upstream: Upstream, first: Event | None, *, again: bool
    ) -> bool:
        """Ask and answer on ``upstream``; False where it was closed before a word, and ``again`` is possible."""
        self._client.on_gone = upstream.connection.abort
        upstream.send(h11.Request(method=ask.method, target=onward.target, headers=onward.headers))
        sending: asyncio.Task[None] | None = None
        if first is None:
            upstream.send(h11.EndOfMessage())
        else:
            sending = asyncio.create_task(self._send_body(upstream, first))
        try:
            await self._answer(upstream)
        except Broken as error:
            if self._client.gone:
                raise _Gone from error
            if sending is not None and sending.done() and not sending.cancelled() and sending.exception() is not None:
                raise sending.exception() or error from error
            if self._http.our_state is not h11.SEND_RESPONSE:
                # Half an answer cannot be taken back; a cut connection says that it is half.
                self._client.abort()
                raise _Gone from error
            if again:
                return False
            _log.warning("%s broke off before it answered %s %s", onward.backend.title, ask.method, ask.path)
            await self._say(pages.unavailable(onward.backend, status=502, for_people=ask.for_people))
        finally:
            if sending is not None and not sending.done():
                sending.cancel()
            if sending is not None:
                await asyncio.wait([sending])
                # Its errors are told above where they matter; asyncio must not tell them again.
                _ = sending.cancelled() or sending.exception()
        await self._linger()
        return True

    async def _send_body(self, upstream: Upstream, event: Event) -> None:
        """The request's body, part by part."""
        try:
            while not isinstance(event, h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    upstream.send(h11.Data(data=event.data))
                    await upstream.connection.drain()
                event = await self._next_event()
            upstream.send(h11.EndOfMessage(headers=event.headers))
        except ConnectionError:
            # The backend has closed: its answer, or the lack of one, says why.
            return
        except BaseException:
            upstream.connection.abort()
            raise

    async def _answer(self, upstream: Upstream) -> None:
        """The answer's head and body, part by part."""
        while True:
            event = await upstream.next_event()
            if isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    await self._join(upstream, event)
                    return
            elif isinstance(event, h11.Response):
                headers = downward(event.headers.raw_items())
                self._send(h11.Response(status_code=event.status_code, headers=headers, reason=event.reason))
            elif isinstance(event, h11.Data):
                self._send(h11.Data(data=event.data))
                async with asyncio.timeout(self._limits.stalled_s):
                    await self._client.drain()
            elif isinstance(event, h11.EndOfMessage):
                self._send(h11.EndOfMessage(headers=event.headers))
                return

    async def _join(self, upstream: Upstream, said: h11.InformationalResponse) -> None:
        """The backend agrees to a WebSocket: the two sockets become one."""
        headers = [*downward(said.headers.raw_items()), (b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        self._send(h11.InformationalResponse(status_code=101, headers=headers, reason=said.reason))
        self._client.on_gone = None
        self._client.write(upstream.http.trailing_data[0])
        upstream.connection.write(self._http.trailing_data[0])
        self._client.join(upstream.connection)
        await self._client.until_gone()

    def _send(self, event: h11.Event) -> None:
        for piece in self._http.send_with_data_passthrough(event) or ():
            self._client.write(piece)

    async def _say(self, answer: Answer) -> None:
        """An answer of the front's own."""
        reason = HTTPStatus(answer.status).phrase
        length = (b"Content-Length", str(len(answer.body)).encode())
        self._send(h11.Response(status_code=answer.status, headers=[*answer.headers, length], reason=reason))
        if answer.body:
            self._send(h11.Data(data=answer.body))
        self._send(h11.EndOfMessage())
        async with asyncio.timeout(self._limits.stalled_s):
            await self._client.drain()

    async def _say_and_close(self, answer: Answer) -> None:
        with suppress(h11.LocalProtocolError, ConnectionError, TimeoutError):
            await self._say(answer)

    async def _linger(self) -> None:
        """Read what is left of the request: closing over it would destroy the answer on its way."""
        left = _LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_s):
                while self._http.their_state is h11.SEND_BODY and left > 0:
                    event = await self._next_event()
                    if isinstance(event, h11.Data):
                        left -= len(event.data)


def _refuse_unclear(request: h11.Request) -> None:
    """What h11 lets pass, and another program might read otherwise."""
    names = [name for name, _ in request.headers]
    if b"content-length" in names and b"transfer-encoding" in names:
        raise h11.RemoteProtocolError("a body has a length or comes in chunks, not both")
    # h11 counts only heads that come in parts.
    if len(request.target) + sum(len(name) + len(value) for name, value in request.headers) > _HEAD_BYTES:
        raise h11.RemoteProtocolError("the head is too long", error_status_hint=431)
