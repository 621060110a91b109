"""Celery, as the doorbell: a ring makes the desk look for work at once."""

from __future__ import annotations

import warnings
from typing import Any

from celery import signals

from evalnb.jobs.broker import LOOK, application
from evalnb.store import Store
from evalnb_server.worker.desk import Desk


def serve(store: Store, desk: Desk, *, slots: int) -> int:
    """Answer rings until Ctrl+C or SIGTERM, and return the exit code. Must run in the main thread (signals)."""
    app = application(store)

    @app.task(name=LOOK)  # type: ignore[untyped-decorator]
    def look(job_id: str) -> None:
        # The id is for the reader of Celery's log; the desk takes whatever is oldest.
        desk.work()

    def on_shutdown(**_: Any) -> None:
        # Celery's warm shutdown waits for its tasks. The desk's stop makes them end within the grace period, so that
        # neither REMAP_SIGTERM nor a soft shutdown timeout is needed, and nothing is cut off in between.
        desk.stop()

    # Only JSON is accepted, so what Celery says about running as root (in a container) does not apply.
    warnings.filterwarnings("ignore", module="celery.platforms")
    signals.worker_shutting_down.connect(on_shutdown, weak=False)
    # Threads: a prefork child is daemonic and may not have children that use multiprocessing (data loaders).
    worker = app.Worker(
        pool="threads",
        concurrency=slots,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        hostname=f"evalnb@{desk.name}",
    )
    worker.start()
    # Celery calls an interrupted worker failed; one that was told to end has done so well.
    return 0 if desk.stopping else int(worker.exitcode or 0)
