"""The embedded servers as the supervisor sees them: guarded while it runs, then stopped if nobody needs them."""

from __future__ import annotations

from dataclasses import replace

from evalnb.cli.supervision import processes
from evalnb.cli.supervision.runfile import Entry
from evalnb.cli.supervision.supervisor import Guarded
from evalnb.settings import Settings
from evalnb.store.embedded import postgres, valkey


def guarded(settings: Settings) -> list[Guarded]:
    """The servers of this home; those set by URL are somebody else's to keep."""
    home = settings.home
    found = []
    if settings.database_url is None:
        found.append(
            Guarded(
                "postgres", "PostgreSQL", pid=lambda: postgres.status(home).pid, ensure=lambda: postgres.ensure(home)
            )
        )
    if settings.broker_url is None:
        found.append(
            Guarded("valkey", "Valkey", pid=lambda: valkey.status(home).pid, ensure=lambda: valkey.ensure(home))
        )
    return found


def outside(settings: Settings) -> list[Entry]:
    """The servers that were set by URL, with their passwords left out."""
    from sqlalchemy.engine import make_url

    rows = []
    for name, title, url in (
        ("postgres", "PostgreSQL", settings.database_url),
        ("valkey", "Redis", settings.broker_url),
    ):
        if url is not None:
            rows.append(Entry(name, title, "outside", address=make_url(url).render_as_string(hide_password=True)))
    return rows


def entries(settings: Settings) -> list[Entry]:
    """How the embedded servers stand while no ``up`` runs."""
    rows = []
    for server in guarded(settings):
        pid = server.pid()
        found = None if pid is None else processes.identify(pid)
        row = Entry(server.name, server.title, "up" if found else "at rest")
        rows.append(replace(row, pid=found.pid, born=found.born) if found else row)
    return rows


def pids(settings: Settings) -> set[int]:
    """The servers' own processes, which no sweep may touch."""
    return {pid for server in guarded(settings) if (pid := server.pid()) is not None}


def others(settings: Settings) -> int:
    """How many connections other programs hold to the embedded servers now."""
    count = 0
    if settings.database_url is None:
        count += postgres.clients(settings.home)
    if settings.broker_url is None:
        count += valkey.clients(settings.home)
    return count


def stop(settings: Settings) -> list[str]:
    """Stop the embedded servers; give the names of those that ran."""
    stopped = []
    if settings.broker_url is None and valkey.stop(settings.home):
        stopped.append("valkey")
    if settings.database_url is None and postgres.stop(settings.home):
        stopped.append("postgres")
    return stopped
