"""``python -m evalnb_server.worker.body JOB FENCE``: the process in which one job's work is done.

It leads its own session. SIGTERM asks it to stop soon, with a checkpoint. When the supervisor dies the lifeline (its
standard input) closes, and it kills its session, so that nothing goes on under a lease that nobody keeps.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from uuid import UUID

import click

from evalnb import jobs
from evalnb.errors import Cancelled, EvalnbError, StaleFence
from evalnb.jobs.claims import held
from evalnb.jobs.progress import RowProgress
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb_server.worker import bodies, outcome
from evalnb_server.worker.endings import LOST, STOPPED
from evalnb_server.worker.outcome import Outcome
from evalnb_server.worker.supervision import folder_of
from evalnb_server.worker.work import Work


@click.command()
@click.argument("job_id", type=click.UUID)
@click.argument("fence", type=int)
@click.option("--bodies", "modules", multiple=True)
def main(job_id: UUID, fence: int, modules: tuple[str, ...]) -> None:
    """Do one job's work; the supervisor starts this."""
    _hold_lifeline()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        claim = held(open_store(Settings.from_environment(), without_broker=True), job_id, fence)
        sys.exit(_do(claim, modules, stop))
    except StaleFence as error:
        print(error, file=sys.stderr)
        sys.exit(LOST)


def _do(claim: jobs.Claim, modules: tuple[str, ...], stop: threading.Event) -> int:
    folder, fence = folder_of(claim), claim.job.fence
    work = Work(claim=claim, folder=folder, progress=RowProgress(claim), cancelled=stop.is_set)
    try:
        outcome.write(folder, fence, Outcome(result=bodies.find(claim.job.kind, modules)(work)))
        return 0
    except StaleFence:
        raise
    except Cancelled as error:
        print(error, file=sys.stderr)
        failure = _failure(error)
    except EvalnbError as error:
        traceback.print_exc()
        failure = _failure(error)
    except Exception as error:  # noqa: BLE001 - the edge of the process: whatever it was, the row tells it
        traceback.print_exc()
        failure = _unexpected(error)
    if stop.is_set():
        # Told to stop, and perhaps failed on the way (a data loader that was ended first): stopped is the truth.
        return STOPPED
    outcome.write(folder, fence, Outcome(failure=failure))
    return 1


def _failure(error: EvalnbError) -> jobs.JobFailure:
    return jobs.JobFailure(type(error).__name__, error.happened, error.remedy, traceback.format_exc())


def _unexpected(error: Exception) -> jobs.JobFailure:
    happened = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
    # By name, so that this process needs torch only for work that uses it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        remedy = "use a smaller batch or image_size, or a device with more memory"
    elif isinstance(error, OSError) and error.errno == 28:
        remedy = "free some space on the disk, or move EVALNB_HOME to a larger one"
    else:
        remedy = "this is a fault in evalnb or in a library it uses; the traceback is in job.log"
    return jobs.JobFailure("EvalnbError", happened, remedy, traceback.format_exc())


def _hold_lifeline() -> None:
    """End this session when standard input closes; only where a supervisor has made this process its leader."""
    if os.getpgrp() != os.getpid() or os.isatty(0):
        return
    line = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        os.read(line, 1)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    main()
