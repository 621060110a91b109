"""``evalnb up``, ``down`` and ``status``."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalnb.cli._terminal import print_json, print_services
from evalnb.errors import Unavailable
from evalnb.settings import Settings

if TYPE_CHECKING:
    from evalnb.cli.supervision.processes import Identity
    from evalnb.cli.supervision.runfile import Entry, RunDirectory

_DOWN_S = 30.0
"""How long ``down`` waits for ``up`` to end by itself."""


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The one address's port, and no other. Default: the next free one."
)
@click.option(
    "--notebooks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="JupyterLab's folder. Default: the current one.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser.")
@click.option("--detach", "-d", is_flag=True, help="Run in the background; `evalnb down` ends it.")
def up(port: int | None, notebooks: Path, open_browser: bool, detach: bool) -> None:
    """Start everything, and keep it running until Ctrl+C.

    PostgreSQL, Valkey, the worker, and at one address the portal, the API, JupyterLab and Voila.
    """
    from evalnb.cli.supervision.runfile import RunDirectory
    from evalnb.store.embedded import prepare_home

    settings = Settings.from_environment()
    prepare_home(settings.home)
    run = RunDirectory(settings.home)
    notebooks = notebooks.resolve()
    if run.holder() is not None:
        click.echo("evalnb is up already:")
        _wait_ready(run, while_lives=lambda: run.holder() is not None)
        _show(run, settings, open_browser=open_browser)
    elif detach:
        _detach(run, port=port, notebooks=notebooks)
        _show(run, settings, open_browser=open_browser)
    else:
        _stay(run, settings, port=port, notebooks=notebooks, open_browser=open_browser)


def _stay(run: RunDirectory, settings: Settings, *, port: int | None, notebooks: Path, open_browser: bool) -> None:
    from rich.console import Console

    from evalnb.cli.supervision import embedded, services
    from evalnb.cli.supervision.supervisor import Supervisor
    from evalnb.store import open_store

    if not run.acquire():
        raise Unavailable("another `evalnb up` has just been started here", remedy="see it with `evalnb status`")
    try:
        _sweep(run, settings)
        waiting = Console(stderr=True).status("starting PostgreSQL and Valkey …")
        with waiting:
            # The database is migrated before the first service looks at it.
            store = open_store(settings)
            plan = services.plan(store, notebooks=notebooks, port=port)
            waiting.update("starting " + ", ".join(service.title for service in plan.services) + " …")

            def ready(_entries: list[Entry]) -> None:
                waiting.stop()
                _show(run, settings, open_browser=open_browser)
                click.echo("Ctrl+C ends all of it.")

            Supervisor(
                plan.services,
                run=run,
                guarded=embedded.guarded(settings),
                absent=[*plan.absent, *embedded.outside(settings)],
                say=lambda line: click.echo(line, err=True),
                became_ready=ready,
                public_url=settings.public_url,
                ending=lambda: click.echo("\nending … (Ctrl+C again kills)", err=True),
            ).run()
        store.close()
        run.forget()
        _rest(settings)
    finally:
        run.release()


def _detach(run: RunDirectory, *, port: int | None, notebooks: Path) -> None:
    from evalnb.cli.supervision import logs

    log = run.path.parent / "logs" / "up.log"
    logs.rotate(log)
    command = [sys.executable, "-m", "evalnb", "up", "--notebooks", str(notebooks)]
    if port is not None:
        command += ["--port", str(port)]
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    if not _wait_ready(run, while_lives=lambda: process.poll() is None):
        last = "\n".join(f"  {line}" for line in logs.tail(log))
        raise Unavailable(f"`evalnb up` ended at once:\n{last}", remedy=f"its log is {log}")


def _wait_ready(run: RunDirectory, *, while_lives: Callable[[], bool]) -> bool:
    while while_lives():
        record = run.record()
        # A record may be an old one, of an `up` that was killed.
        if record is not None and record.ready and record.supervisor == run.holder():
            return True
        time.sleep(0.1)
    return False


def _show(run: RunDirectory, settings: Settings, *, open_browser: bool) -> None:
    record = run.record()
    if record is None:
        raise Unavailable("evalnb has just ended", remedy="start it again with `evalnb up`")
    print_services(record.entries)
    address = run.addresses().get("front")
    if address is None:
        return
    click.secho("\nOpen  ", bold=True, nl=False)
    click.secho(address, fg="blue", underline=True)
    if open_browser:
        import webbrowser

        webbrowser.open(address)


@click.command()
@click.option("--force", is_flag=True, help="End the embedded servers even while others use them.")
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")
def down(force: bool, as_json: bool) -> None:
    """End `evalnb up`, PostgreSQL and Valkey."""
    from evalnb.cli.supervision.runfile import RunDirectory

    settings = Settings.from_environment()
    if not settings.home.exists():
        ended: dict[str, Any] = {"up": False, "leftovers": 0, "servers": [], "kept": 0}
    else:
        run = RunDirectory(settings.home)
        holder = run.holder()
        if holder is not None:
            _end_supervisor(holder)
        leftovers = _sweep(run, settings, quiet=as_json)
        ended = {"up": holder is not None, "leftovers": leftovers, **_rest(settings, force=force, quiet=as_json)}
    if as_json:
        print_json(ended)
    elif not (ended["up"] or ended["leftovers"] or ended["servers"] or ended["kept"]):
        click.echo("nothing was running")
    else:
        click.echo("evalnb is down")


def _end_supervisor(holder: Identity) -> None:
    from evalnb.cli.supervision import processes

    processes.send([holder], signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_S
    # Not only until it gives the lock back: when `down` returns, it is gone.
    while holder.process() is not None:
        if time.monotonic() > deadline:
            # What it kept is in its record, and swept next.
            processes.send([holder], signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.05)


def _sweep(run: RunDirectory, settings: Settings, *, quiet: bool = False) -> int:
    """End what an ``up`` that was killed left behind; give how many processes that were."""
    from evalnb.cli.supervision import embedded, processes

    record = run.record()
    if record is None:
        return 0
    roots = [entry.identity for entry in record.entries if entry.identity and entry.log]
    spare = embedded.pids(settings)
    left = processes.living(record.descendants) | processes.family(roots, spare=spare)
    if left:
        processes.end(roots, known=left, spare=spare)
        if not quiet:
            click.echo(f"ended {len(left)} processes that a killed `evalnb up` had left", err=True)
    run.forget()
    return len(left)


def _rest(settings: Settings, *, force: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Let the embedded servers rest, unless somebody else is at work with them."""
    from evalnb.cli.supervision import embedded

    others = 0 if force else embedded.others(settings)
    if others:
        if not quiet:
            click.echo(
                f"PostgreSQL and Valkey run on: {others} connections of other programs are open "
                "(`evalnb down --force` ends them)",
                err=True,
            )
        return {"servers": [], "kept": others}
    return {"servers": embedded.stop(settings), "kept": 0}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")
def status(as_json: bool) -> None:
    """Say what runs, with pid, age, memory and address.

    Exit code 1 where `evalnb up` does not run.
    """
    from evalnb.cli.supervision import embedded, processes
    from evalnb.cli.supervision.runfile import RunDirectory

    settings = Settings.from_environment()
    record = None
    entries: list[Entry] = []
    if settings.home.exists():
        run = RunDirectory(settings.home)
        record = run.record() if run.holder() is not None else None
        entries = record.entries if record is not None else embedded.entries(settings)
    if as_json:
        now = time.time()
        rows = []
        for entry in entries:
            identity = entry.identity
            alive = identity is not None and identity.process() is not None
            rows.append(
                {
                    **asdict(entry),
                    "running": alive,
                    "uptime_s": round(now - identity.born, 1) if identity and alive else None,
                    "memory_bytes": processes.memory_bytes(identity) if identity and alive else None,
                }
            )
        ready = record is not None and record.ready
        print_json({"home": str(settings.home), "up": record is not None, "ready": ready, "services": rows})
    else:
        click.echo(f"evalnb is {'up' if record else 'not up'} on {settings.home}")
        if entries:
            print_services(entries, detailed=True)
    if record is None:
        sys.exit(1)
