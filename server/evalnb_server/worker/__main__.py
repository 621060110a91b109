"""``python -m evalnb_server.worker``: claim jobs and run them until Ctrl+C or SIGTERM."""

from __future__ import annotations

import logging
import sys

import click

from evalnb.errors import EvalnbError
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb_server.worker import bell
from evalnb_server.worker.bodies import catalogue
from evalnb_server.worker.desk import Desk
from evalnb_server.worker.options import Options


@click.command()
@click.option("--slots", default=1, show_default=True, help="Jobs at once; one GPU is best served by one.")
@click.option("--lease", default=30.0, show_default=True, help="Seconds of silence until other workers take over.")
@click.option("--grace", default=8.0, show_default=True, help="Seconds for a checkpoint when a job is to stop.")
@click.option("--look", default=2.0, show_default=True, help="Seconds between two looks for lost rings and workers.")
@click.option("--attempts", default=3, show_default=True, help="Starts before a job whose workers die is given up.")
@click.option("--bodies", multiple=True, metavar="MODULE", help="A module with further BODIES; may be repeated.")
def main(slots: int, lease: float, grace: float, look: float, attempts: int, bodies: tuple[str, ...]) -> None:
    """Claim evalnb's jobs and run each in a process of its own, until Ctrl+C or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(message)s", stream=sys.stderr)
    options = Options(slots=slots, lease_s=lease, grace_s=grace, look_s=look, attempts=attempts, bodies=tuple(bodies))
    try:
        store = open_store(Settings.from_environment())
        desk = Desk(store, options, kinds=tuple(catalogue(options.bodies)))
    except EvalnbError as error:
        raise click.ClickException(str(error)) from error
    desk.start()
    try:
        exitcode = bell.serve(store, desk, slots=slots)
    finally:
        desk.stop()
        desk.join()
        store.close()
    sys.exit(exitcode)


if __name__ == "__main__":
    main()
