"""``evalnb demo``: everything running, with data, a small detector, and the tour open."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from evalnb.errors import Unavailable
from evalnb.settings import Settings

_TOUR = "01-tour.ipynb"


@click.command()
@click.option("--images", default=320, show_default=True, help="How many scenes to paint.")
@click.option("--epochs", default=12, show_default=True, help="How long to train the small detector.")
@click.option("--detach", "-d", is_flag=True, help="Leave it running in the background; `evalnb down` ends it.")
def demo(images: int, epochs: int, detach: bool) -> None:
    """Start everything, with data and a small detector, at the tour.

    The second time it only starts: scenes, detector and your edits are kept.
    """
    from evalnb.store.embedded import prepare_home

    settings = Settings.from_environment()
    prepare_home(settings.home)
    notebooks = _notebooks(settings.home / "notebooks")
    command = [sys.executable, "-m", "evalnb"]
    started = subprocess.run([*command, "up", "--detach", "--notebooks", str(notebooks)], check=False)
    if started.returncode:
        raise SystemExit(started.returncode)
    # A terminated demo ends as one that was interrupted, also where a shell had it ignore Ctrl+C: all of it.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.default_int_handler)
    try:
        _prepare(settings, images, epochs)
        click.echo()
        click.secho("The tour:  ", bold=True, nl=False)
        click.secho(_address(settings), fg="blue", underline=True)
        if detach:
            click.echo("It runs in the background; `evalnb down` ends it.")
            return
        click.echo("Ctrl+C ends all of it; what you did is kept.")
        signal.pause()
    except KeyboardInterrupt:
        click.echo()
    # In this process's place: what it still holds open would keep the embedded servers up.
    os.execv(sys.executable, [*command, "down"])


def _notebooks(folder: Path) -> Path:
    """A folder with a copy of the tour that a person may change; an older copy of theirs is left as it is."""
    from evalnb.cli.supervision.web import shipped_notebooks

    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted((shipped_notebooks() / "tour").glob("*.ipynb")):
        if not (folder / source.name).exists():
            shutil.copyfile(source, folder / source.name)
    return folder


def _prepare(settings: Settings, images: int, epochs: int) -> None:
    from evalnb.demo import prepare
    from evalnb.project import Project
    from evalnb.store import open_store

    project = Project(open_store(settings))
    try:
        prepare.datasets(project, settings.home / "demo", images=images)
        prepare.clip(project, settings.home / "demo")
        job = prepare.detector(project, epochs=epochs)
        if job is not None:
            job.wait()
    finally:
        project.store.close()


def _address(settings: Settings) -> str:
    """JupyterLab's address, opened at the tour, with the token that signs its reader in."""
    path = settings.home / "run" / "addresses.json"
    known: dict[str, str] = json.loads(path.read_bytes()) if path.exists() else {}
    if "lab" not in known or "front" not in known:
        raise Unavailable(
            "JupyterLab is not among what runs", remedy="see why with `evalnb status` and `evalnb doctor`"
        )
    return f"{known['lab'].rstrip('/')}/tree/{_TOUR}?{urlsplit(known['front']).query}"
