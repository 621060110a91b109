"""What there is to run on this machine, as far as it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from evalnb.cli.supervision import ports, web
from evalnb.cli.supervision.child import Service
from evalnb.cli.supervision.runfile import Entry
from evalnb.errors import EvalnbError, Unavailable
from evalnb.settings import Settings
from evalnb.store import Store

# Voila before 0.5.6 serves files that it should not (GHSA-2q59).
_VOILA_MIN = (0, 5, 6)


@dataclass(frozen=True, slots=True)
class Plan:
    """The services to run, and those that cannot be."""

    services: list[Service]
    absent: list[Entry]


def plan(store: Store, *, notebooks: Path, port: int | None = None) -> Plan:
    """Choose ports and write down the commands. ``port`` is the one address's, asked for by number."""
    settings = store.settings
    absent: list[Entry] = []
    # Asked for by number, a busy port is an error, and nothing else will do.
    first = ports.first_free(settings.host, settings.port) if port is None else ports.exactly(settings.host, port)
    taken = {first}

    def next_port() -> int:
        found = ports.first_free("127.0.0.1", first + 1, taken=taken)
        taken.add(found)
        return found

    behind: list[Service] = []
    if find_spec("jupyterlab") is None:
        absent.append(_absent("lab", "JupyterLab", "lab"))
    else:
        behind.append(web.lab(settings, notebooks, next_port()))
    if reason := _no_voila():
        absent.append(Entry("voila", "Voila", "absent", note=reason))
    else:
        behind.append(web.voila(settings, next_port()))
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        absent.append(_absent("api", "The API", "server"))
        absent.append(Entry("portal", "Portal", "absent", note="the portal is left out: it needs the API"))
    else:
        api_port = next_port()
        program = web.portal_program()
        # The portal is told once where the API is.
        behind.append(web.api(settings, api_port, movable=program is None))
        try:
            behind.insert(0, _portal(settings, program, next_port, api_port))
        except Unavailable as error:
            absent.append(Entry("portal", "Portal", "absent", note=f"the portal is left out: {error.happened}"))
    services = [web.front(settings, first, movable=port is None), *behind] if behind else []
    if find_spec("celery") is None:
        absent.append(_absent("worker", "The worker", "server"))
    else:
        services.append(_worker(store))
    return Plan(services, absent)


def _portal(settings: Settings, program: Path | None, next_port: Callable[[], int], api_port: int) -> Service:
    if program is None:
        web.node()
        raise Unavailable("it is not built; `make portal` builds it", remedy="see docs/contributing.md")
    return web.portal(settings, program, next_port(), api_port=api_port)


def _no_voila() -> str:
    """Why there is no Voila, or ""."""
    if find_spec("voila") is None:
        return _absent("voila", "Voila", "lab").note
    if (found := _version("voila")) < _VOILA_MIN:
        return f"Voila is left out: {'.'.join(map(str, found))} has a known hole; pip install -U 'voila>=0.5.8'"
    if not any((web.shipped_notebooks() / "reports").glob("*.ipynb")):
        return "Voila is left out: this installation has no report notebooks"
    return ""


def _absent(name: str, title: str, extra: str) -> Entry:
    note = f"{title} is left out: it is not installed; pip install 'evalnb[{extra}]' brings it"
    return Entry(name, title, "absent", note=note)


def _version(package: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version(package).split(".")[:3] if part.isdigit())
    except PackageNotFoundError:
        return ()


def _worker(store: Store) -> Service:
    settings = store.settings
    lacks = "" if find_spec("torch") else "without torch it can only evaluate; pip install 'evalnb[models]' brings it"
    return Service(
        name="worker",
        title="Worker",
        command=(sys.executable, "-m", "evalnb_server.worker"),
        environment=settings.child_environment(),
        directory=settings.home,
        ready=lambda _address, pid: _at_work(store, pid),
        note=lacks,
    )


def _at_work(store: Store, pid: int) -> bool:
    from evalnb.jobs import workers

    try:
        return any(worker.pid == pid for worker in workers(store))
    except EvalnbError:
        # The database or the broker does not answer at the moment; so the worker is not at work, either.
        return False
