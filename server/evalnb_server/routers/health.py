"""Whether the API can do its work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Response

import evalnb
from evalnb import jobs
from evalnb.errors import EvalnbError, Unavailable
from evalnb.store import Store, broker, migrations
from evalnb.wire.http import Alive, Health, HealthCheck
from evalnb_server.deps import OpenStore

router = APIRouter(tags=["health"])

_BEGAN = time.monotonic()


@router.get("/health", responses={503: {"model": Health, "description": "Something that it needs is down."}})
def health(store: OpenStore, response: Response) -> Health:
    """Looks at the database, its migrations, the broker and the workers now. Needs no token."""
    return _answer([*_needed(store), _check("worker", lambda: _worker(store), required=False)], response)


@router.get("/health/live", operation_id="health_live")
async def live() -> Alive:
    """The process answers: no reason to start it anew. Asks nothing else, and needs no token."""
    return Alive(status="ok", version=evalnb.__version__, uptime_s=round(time.monotonic() - _BEGAN, 3))


@router.get(
    "/health/ready",
    operation_id="health_ready",
    responses={503: {"model": Health, "description": "Something that it needs is down."}},
)
def ready(store: OpenStore, response: Response) -> Health:
    """Whether requests may be sent here: database, migrations and broker, looked at now. Needs no token.

    Workers do not count: without one this server serves, and jobs wait.
    """
    return _answer(_needed(store), response)


def _needed(store: Store) -> list[HealthCheck]:
    return [
        _check("database", lambda: _database(store)),
        _check("migrations", lambda: _migrations(store)),
        _check("broker", lambda: f"version {broker.check(store.broker_url)}"),
    ]


def _answer(checks: list[HealthCheck], response: Response) -> Health:
    down = any(check.required and not check.ok for check in checks)
    if down:
        response.status_code = 503
    status: Literal["ok", "degraded", "down"] = "ok" if all(check.ok for check in checks) else "degraded"
    return Health(status="down" if down else status, version=evalnb.__version__, checks=checks)


def _check(
    name: Literal["database", "migrations", "broker", "worker"], look: Callable[[], str], *, required: bool = True
) -> HealthCheck:
    began = time.perf_counter()
    try:
        ok, detail = True, look()
    except EvalnbError as error:
        ok, detail = False, str(error)
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    return HealthCheck(name=name, ok=ok, required=required, detail=detail, took_ms=took_ms)


def _database(store: Store) -> str:
    store.database.check()
    return "answers"


def _migrations(store: Store) -> str:
    found = migrations.current(store.database)
    if found != migrations.HEAD:
        raise Unavailable(
            f"the database is at revision {found}, this evalnb at {migrations.HEAD}", remedy="run `evalnb migrate`"
        )
    return f"revision {found}"


def _worker(store: Store) -> str:
    alive = jobs.workers(store)
    if not alive:
        raise Unavailable(
            "no worker has shown a sign of life", remedy="start one with `evalnb up`; until then jobs wait"
        )
    busy, slots = sum(worker.busy for worker in alive), sum(worker.slots for worker in alive)
    return f"{len(alive)} alive, {busy} of {slots} slots busy"
