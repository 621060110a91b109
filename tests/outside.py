"""The distribution's own PostgreSQL and Redis, started on private sockets for as long as the tests last."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis

SAY_HOW = "run tools/outside-servers.sh to have Debian's PostgreSQL, pgvector and Redis"


@dataclass(frozen=True)
class OutsideServers:
    database_url: str
    broker_url: str


@contextmanager
def outside_servers() -> Iterator[OutsideServers]:
    """Both servers; a test that needs them is skipped where they are not installed."""
    programs = _postgres_programs()
    redis_server = shutil.which("redis-server")
    if programs is None or redis_server is None:
        pytest.skip(SAY_HOW)
    place = Path(tempfile.mkdtemp(prefix="eo", dir="/tmp"))
    account: dict[str, int] = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses root; its package brought this user.
        entry = pwd.getpwnam("postgres")
        account = {"user": entry.pw_uid, "group": entry.pw_gid}
        os.chown(place, entry.pw_uid, entry.pw_gid)
    data, socket = place / "data", place / "redis.sock"
    started: list[subprocess.Popen[bytes]] = []
    try:
        _run(
            [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            account,
        )
        # The tests' data may be lost with the machine: no fsync.
        options = [
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={place}",
            "-c",
            "fsync=off",
            "-p",
            "5432",
        ]
        with (place / "log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [programs / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd="/", **account
                )
            )
            started.append(
                subprocess.Popen(
                    [redis_server, "--port", "0", "--unixsocket", socket, "--dir", place, "--save", ""],
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    **account,
                )
            )
        url = f"postgresql://tester@/postgres?host={place}&port=5432"
        _wait(lambda: psycopg.connect(url).close(), psycopg.OperationalError)
        _wait(lambda: redis.Redis(unix_socket_path=str(socket)).ping(), redis.exceptions.ConnectionError)
        yield OutsideServers(url, f"redis+socket://{socket}")
    finally:
        for one in started:
            one.terminate() if "redis-server" in str(one.args) else one.send_signal(2)
        for one in started:
            one.wait(30)
        shutil.rmtree(place, ignore_errors=True)


def _postgres_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    for initdb in reversed(found):
        if Path(f"/usr/share/postgresql/{initdb.parts[-3]}/extension/vector.control").exists():
            return initdb.parent
    return None


def _run(command: list[str | Path], account: dict[str, int]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **account)
    assert done.returncode == 0, done.stderr


def _wait(attempt, error: type[Exception]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            attempt()
            return
        except error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
