"""The database, the broker, and ``evalnb up`` itself."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from evalnb.cli.checks._finding import Finding
from evalnb.cli.supervision import ports, probes, processes, web
from evalnb.cli.supervision.runfile import RunDirectory
from evalnb.errors import EvalnbError
from evalnb.settings import Settings
from evalnb.store import broker as broker_
from evalnb.store import migrations
from evalnb.store.database import Database
from evalnb.store.embedded import ServerStatus, postgres, valkey


def database(settings: Settings) -> Iterator[Finding]:
    """PostgreSQL, pgvector and the migrations. Nothing is started or changed."""
    url = settings.database_url
    if url is None:
        found = postgres.status(settings.home)
        if not found.running:
            yield _at_rest("postgres", found)
            return
        url = found.url
    asked: Database | None = None
    try:
        asked = Database(url)
        asked.check()
        server, vector = asked.versions()
        yield Finding("postgres", "ok", f"PostgreSQL {server} with pgvector {vector} at {asked.where}")
        revision = migrations.current(asked)
    except EvalnbError as error:
        yield Finding("postgres", "bad", error.happened, error.remedy)
        return
    finally:
        if asked is not None:
            asked.close()
    if revision == migrations.HEAD:
        yield Finding("migrations", "ok", f"at revision {revision}")
    elif revision is None:
        yield Finding("migrations", "ok", "the database is empty; the next start fills it")
    else:
        says = f"the database is at revision {revision}, this evalnb at {migrations.HEAD}"
        yield Finding("migrations", "warning", says, "run `evalnb migrate`")


def broker(settings: Settings) -> Iterator[Finding]:
    """Valkey or Redis."""
    if settings.broker_url is None:
        found = valkey.status(settings.home)
        if found.running:
            yield Finding("broker", "ok", f"Valkey {found.version}, pid {found.pid}")
        else:
            yield _at_rest("broker", found)
        return
    try:
        yield Finding("broker", "ok", f"version {broker_.check(settings.broker_url)}, by EVALNB_BROKER_URL")
    except EvalnbError as error:
        yield Finding("broker", "bad", error.happened, error.remedy)


def supervisor(settings: Settings) -> Iterator[Finding]:
    """Whether ``evalnb up`` runs, whether a killed one left something, and where the next would listen."""
    if settings.host not in {"127.0.0.1", "localhost", "::1"}:
        says = (
            f"EVALNB_HOST is {settings.host}: other machines reach evalnb, and what they send can be read on the way"
        )
        remedy = "unset EVALNB_HOST, and use an SSH tunnel or a proxy with TLS (docs/servers.md) instead"
        yield Finding("address", "warning", says, remedy)
    up = False
    if settings.home.exists():
        try:
            run = RunDirectory(settings.home)
            up = run.holder() is not None
            record = run.record()
        except EvalnbError as error:
            yield Finding("up", "bad", error.happened, error.remedy)
            return
        if up:
            failed = [one.title for one in record.entries if one.state == "failed"] if record else []
            if failed:
                yield Finding(
                    "up", "bad", f"{', '.join(failed)} could not be kept running", "`evalnb status` names the logs"
                )
            else:
                yield Finding("up", "ok", "evalnb is up")
            yield from _front(run)
        elif record is not None:
            left = processes.living([*record.descendants, *(one.identity for one in record.entries if one.identity)])
            yield Finding(
                "up", "warning", f"an `evalnb up` was killed and left {len(left)} processes", "run `evalnb down`"
            )
    if up:
        return
    try:
        found = ports.first_free(settings.host, settings.port)
    except EvalnbError as error:
        yield Finding("ports", "bad", error.happened, error.remedy)
        return
    if found == settings.port:
        yield Finding("ports", "ok", f"{settings.port} is free")
    else:
        yield Finding("ports", "ok", f"{settings.port} is busy; `evalnb up` would take {found}")


def _front(run: RunDirectory) -> Iterator[Finding]:
    address = run.addresses().get("front", "").partition("?")[0]
    if not address:
        return
    if probes.answers(f"{address}_front/health"):
        yield Finding("front", "ok", f"{address} answers")
    else:
        yield Finding("front", "bad", f"{address} does not answer", f"read {run.path.parent / 'logs' / 'front.log'}")


def portal() -> Finding:
    """Node, and what it runs."""
    if find_spec("fastapi") is None:
        return Finding("portal", "ok", "left out: it needs the API")
    try:
        web.node()
    except EvalnbError as error:
        return Finding("portal", "warning", f"left out: {error.happened}", f"{error.remedy}; everything else runs")
    if web.portal_program() is None:
        return Finding("portal", "warning", "left out: it is not built", "build it with `make portal` in a clone")
    return Finding("portal", "ok", "built, and Node is here to run it")


def _at_rest(name: str, found: ServerStatus) -> Finding:
    if found.pid is not None:
        return Finding(
            name, "bad", f"the embedded {found.name} (pid {found.pid}) does not answer", f"read {found.log}"
        )
    return Finding(name, "ok", f"the embedded {found.name} is at rest; the next start of evalnb starts it")
