"""Listens at the one address."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from urllib.parse import urlsplit

from evalnb.cli.supervision.runfile import RunDirectory
from evalnb.settings import Settings
from evalnb_server.front.backends import Backends, Pool
from evalnb_server.front.callers import ByApi, ByToken, Callers
from evalnb_server.front.connection import Connection
from evalnb_server.front.gate import Gate, Origin
from evalnb_server.front.visit import Limits, Visit

_log = logging.getLogger(__name__)

_MOST = 2000
"""Connections at a time; who comes then is turned away at once."""
_BACKLOG = 512


class Front:
    """The reverse proxy of one home."""

    def __init__(self, settings: Settings, *, limits: Limits | None = None) -> None:
        run = RunDirectory(settings.home)
        self._limits = limits or Limits()
        self._pool = Pool()
        backends = Backends(run.path / "backends.json")
        accounts = backends.named("api") is not None
        callers: Callers = ByApi(backends, self._pool) if accounts else ByToken(run.api_token())
        origin = Origin(settings.public_url, tuple(settings.proxy_networks))
        self._gate = Gate(backends, callers, names=_names(settings), origin=origin)
        self._visits: set[asyncio.Task[None]] = set()

    async def serve(self, host: str, port: int, *, ended: asyncio.Event) -> None:
        """Until ``ended`` is set. OSError where the port cannot be had."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self._came), host, port, backlog=_BACKLOG)
        _log.info("listening at %s port %s", host, port)
        async with server:
            await ended.wait()
            server.close()
            for visit in self._visits:
                visit.cancel()
            await asyncio.gather(*self._visits, return_exceptions=True)

    def _came(self, connection: Connection) -> None:
        if len(self._visits) >= _MOST:
            _log.warning("%s connections are open; one more is turned away", _MOST)
            connection.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.close()
            return
        visit = asyncio.create_task(Visit(connection, gate=self._gate, pool=self._pool, limits=self._limits).run())
        self._visits.add(visit)
        visit.add_done_callback(self._left)

    def _left(self, visit: asyncio.Task[None]) -> None:
        self._visits.discard(visit)
        if not visit.cancelled() and (error := visit.exception()) is not None:
            _log.error("a visit failed", exc_info=error)


def raise_file_limit() -> None:
    """A WebSocket holds two sockets open: take as many as the system gives."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _names(settings: Settings) -> set[str]:
    """The names that this machine is called by. Addresses in numbers are always its own."""
    found = {socket.gethostname(), settings.host}
    if settings.public_url is not None:
        found.add(urlsplit(settings.public_url).hostname or "")
    return found - {""}
