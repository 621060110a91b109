"""``evalnb serve``: one service in the foreground, for containers and for other supervisors than ``evalnb up``."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from evalnb.errors import Invalid
from evalnb.settings import Settings

if TYPE_CHECKING:
    from evalnb.cli.supervision.child import Service
    from evalnb.cli.supervision.runfile import RunDirectory

_PORTS = {"front": 8888, "api": 8000, "lab": 8001, "voila": 8002}
_PAGES = {"api": "/api", "lab": "/jupyter/lab", "voila": "/voila/", "portal": "/"}
_PREFIXES = {"api": "/api/", "lab": "/jupyter/", "voila": "/voila/", "portal": "/"}


@click.command()
@click.argument("service", type=click.Choice([*_PORTS, "worker"]))
@click.option("--port", type=click.IntRange(1, 65535), help="Default: front 8888, api 8000, lab 8001, voila 8002.")
@click.option(
    "--notebooks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="JupyterLab's folder. Default: the current one.",
)
@click.option(
    "--behind",
    multiple=True,
    metavar="NAME=URL",
    help="For the front: where api, lab, voila and portal are, like api=http://api:8000.",
)
@click.option("--probe", is_flag=True, help="Serve nothing: exit code 0 if the one that runs here answers, else 1.")
def serve(service: str, port: int | None, notebooks: Path, behind: tuple[str, ...], probe: bool) -> None:
    """Run one service in the foreground, at EVALNB_HOST.

    `evalnb up` runs all of them together. One by one they run in containers, which share EVALNB_HOME: the secret by
    which the front reaches JupyterLab and Voila is kept there.
    """
    from evalnb.cli.supervision.runfile import RunDirectory
    from evalnb.store.embedded import prepare_home

    settings = Settings.from_environment()
    prepare_home(settings.home)
    run = RunDirectory(settings.home)
    if probe:
        sys.exit(0 if _answers(settings, run, service, port, notebooks) else 1)
    if service == "worker":
        # In place of this process, so that a signal to the container reaches it.
        os.execv(sys.executable, [sys.executable, "-m", "evalnb_server.worker"])
    chosen = _service(settings, run, service, port, notebooks)
    if service == "front":
        known = dict(_behind(one, run) for one in behind)
        run.write_backends({"backends": known, "left_out": {}})
        # Kernels and reports find the one address as they do beside `evalnb up`.
        address = settings.public_url or chosen.located()
        run.write_addresses(
            {"front": f"{address}{chosen.page}", **{name: f"{address}{_PAGES[name]}" for name in known}}
        )
    os.chdir(chosen.directory)
    command = chosen.argv()
    os.execve(command[0], command, dict(chosen.environment))


def _service(settings: Settings, run: RunDirectory, name: str, port: int | None, notebooks: Path) -> Service:
    from evalnb.cli.supervision import web

    port = port or _PORTS[name]
    if name == "front":
        return web.front(settings, port, movable=False)
    if name == "api":
        return web.api(settings, port, movable=False, host=settings.host)
    if name == "voila":
        return web.voila(settings, port, host=settings.host, secret=run.inner_token())
    return web.lab(settings, notebooks.resolve(), port, host=settings.host, secret=run.inner_token())


def _behind(said: str, run: RunDirectory) -> tuple[str, dict[str, object]]:
    name, _, url = said.partition("=")
    parts = urlsplit(url)
    if name not in _PREFIXES or parts.scheme != "http" or not parts.hostname or not parts.port:
        raise Invalid(
            f"--behind {said} names no service and address",
            remedy=f"write one of {', '.join(_PREFIXES)}, =, and http://HOST:PORT",
        )
    return name, {
        "title": name,
        "prefix": _PREFIXES[name],
        "host": parts.hostname,
        "port": parts.port,
        "secret": run.inner_token() if name in ("lab", "voila") else "",
        "log": f"that of the container {name}",
    }


def _answers(settings: Settings, run: RunDirectory, name: str, port: int | None, notebooks: Path) -> bool:
    if name == "worker":
        return _worker_lives(settings)
    chosen = _service(settings, run, name, port, notebooks)
    parts = urlsplit(chosen.located())
    return chosen.ready(f"http://127.0.0.1:{parts.port}", 0)


def _worker_lives(settings: Settings) -> bool:
    """Whether a worker of this machine has shown a sign of life lately."""
    from evalnb import jobs
    from evalnb.store import open_store

    store = open_store(settings)
    try:
        return any(worker.host == socket.gethostname() for worker in jobs.workers(store))
    finally:
        store.close()
