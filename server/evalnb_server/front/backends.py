"""What stands behind the one address, where, and with which secret; and idle connections to it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import h11

from evalnb.errors import Unavailable
from evalnb_server.front.connection import Connection

CONNECT_S = 5.0
_ASK_S = 10.0
_REPLY_BYTES = 1_000_000
# uvicorn closes an idle connection after 5 s; one that is about to be closed is not worth taking.
_IDLE_S = 3.0
_IDLE_MOST = 16

Headers = list[tuple[bytes, bytes]]

Guard = Literal["", "member", "owner"]
# Who may come through at all. JupyterLab runs code; Voila runs only our own reports; the others ask by themselves.
_GUARDS: dict[str, Guard] = {"lab": "owner", "voila": "member"}


@dataclass(frozen=True, slots=True)
class Backend:
    """One program behind the front."""

    name: str
    title: str
    prefix: str
    """The paths that are its own: ``/jupyter/``, or ``/`` for everything that nobody else has."""
    host: str
    port: int
    secret: str = ""
    """Its own token, which the front alone knows; "" where it asks callers itself."""
    log: str = ""

    @property
    def guard(self) -> Guard:
        """Who may reach it through the front."""
        return _GUARDS.get(self.name, "")


class Backends:
    """The file that the supervisor writes (``run/backends.json``), read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0
        self._known: list[Backend] = []
        self.left_out: dict[str, str] = {}
        """Why something is not here, by its name."""

    def all(self) -> list[Backend]:
        """Every backend, the longest prefix first."""
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._seen:
                body = json.loads(self._path.read_text())
                known = [Backend(name=name, **one) for name, one in body["backends"].items()]
                self._known = sorted(known, key=lambda one: -len(one.prefix))
                self.left_out = body["left_out"]
                self._seen = changed
        except FileNotFoundError:
            # Between two starts of the supervisor there may be none: what was known is the best there is.
            pass
        return self._known

    def of(self, path: str) -> Backend | None:
        """Whose ``path`` is."""
        return next((one for one in self.all() if path.startswith(one.prefix) or path == one.prefix[:-1]), None)

    def named(self, name: str) -> Backend | None:
        """The backend of that name."""
        return next((one for one in self.all() if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a small question of the front's own."""

    status: int
    headers: Headers
    body: bytes


class Broken(Exception):
    """A backend's answer that was cut short."""


class Upstream:
    """A connection to a backend, with its half of HTTP."""

    def __init__(self, connection: Connection, backend: Backend) -> None:
        self.connection = connection
        self.backend = backend
        self.http = h11.Connection(h11.CLIENT)
        self.since = 0.0

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        """The next part of the answer. Broken where it ends too early or is no HTTP."""
        while True:
            try:
                event = self.http.next_event()
            except h11.RemoteProtocolError as error:
                raise Broken(str(error)) from error
            if event is not h11.NEED_DATA:
                return cast(h11.Event | type[h11.PAUSED], event)
            self.http.receive_data(await self.connection.read())

    def send(self, event: h11.Event) -> None:
        """Write a part of the request, the body's bytes uncopied."""
        for piece in self.http.send_with_data_passthrough(event) or ():
            self.connection.write(piece)


class Pool:
    """Connections that were used and can be again."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[Upstream]] = defaultdict(list)

    async def take(self, backend: Backend, *, fresh: bool) -> Upstream:
        """A connection to ``backend``. OSError or TimeoutError where it does not listen.

        ``fresh`` is never one that was idle: such a one may be closed by the other end at any moment, and only a
        question that can be asked twice may meet that.
        """
        kept = self._idle[backend.host, backend.port]
        while kept and not fresh:
            found = kept.pop()
            found.connection.on_gone = None
            if not found.connection.gone and time.monotonic() - found.since < _IDLE_S:
                return found
            found.connection.abort()
        async with asyncio.timeout(CONNECT_S):
            _, connection = await asyncio.get_running_loop().create_connection(Connection, backend.host, backend.port)
        return Upstream(connection, backend)

    def give_back(self, upstream: Upstream) -> None:
        """Keep it for the next one, where it is between two questions; close it otherwise."""
        http, connection, backend = upstream.http, upstream.connection, upstream.backend
        kept = self._idle[backend.host, backend.port]
        if (
            http.our_state is not h11.DONE
            or http.their_state is not h11.DONE
            or connection.gone
            or len(kept) >= _IDLE_MOST
        ):
            connection.abort()
            return
        http.start_next_cycle()
        upstream.since = time.monotonic()
        connection.on_gone = lambda: kept.remove(upstream) if upstream in kept else None
        kept.append(upstream)

    async def ask(self, backend: Backend, method: str, path: str, *, headers: Headers, body: bytes = b"") -> Reply:
        """A small question of the front's own. Unavailable where the backend does not answer."""
        try:
            async with asyncio.timeout(_ASK_S):
                upstream = await self.take(backend, fresh=method != "GET")
                try:
                    return await _ask(upstream, method, path, headers, body)
                finally:
                    self.give_back(upstream)
        except (OSError, TimeoutError, Broken) as error:
            raise Unavailable(
                f"{backend.title} does not answer", remedy=f"it is started again; its log is {backend.log}"
            ) from error


async def _ask(upstream: Upstream, method: str, path: str, headers: Headers, body: bytes) -> Reply:
    own = [(b"Host", f"{upstream.backend.host}:{upstream.backend.port}".encode())]
    if body:
        own.append((b"Content-Length", str(len(body)).encode()))
    upstream.send(h11.Request(method=method, target=path, headers=[*own, *headers]))
    if body:
        upstream.send(h11.Data(data=body))
    upstream.send(h11.EndOfMessage())
    said: h11.Response | None = None
    whole = bytearray()
    while not isinstance(event := await upstream.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            said = event
        elif isinstance(event, h11.Data):
            whole += event.data
            if len(whole) > _REPLY_BYTES:
                raise Broken("an answer without end")
    assert said is not None
    return Reply(said.status_code, list(said.headers.raw_items()), bytes(whole))
