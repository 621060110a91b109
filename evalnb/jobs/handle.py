"""The handle that a person holds: wait for a job, cancel it, read its log and its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from evalnb import errors
from evalnb.core.jobs import JobFailure, JobRecord, JobState
from evalnb.errors import Cancelled, EvalnbError, Unavailable
from evalnb.jobs.broker import workers
from evalnb.store import Store
from evalnb.store.repositories import jobs as rows

if TYPE_CHECKING:
    import pandas as pd

View = Callable[["Job"], Mapping[str, Any]]
"""Makes the MIME bundle that a cell shows for a job."""

Resolve = Callable[[str, dict[str, Any]], Any]
"""Makes what ``job.result`` returns, from the job's kind and its result row."""

POLL_S = 0.5
AWAY_S = 60.0
"""How long ``wait`` bears with a database that does not answer."""


class Job:
    """Long work on a worker. In a cell it is a live widget; after a restart ``project.job(id)`` shows the same.

    ``view`` and ``resolve`` are given by the project: what a cell shows, and what a result row stands for.
    """

    def __init__(
        self, store: Store, job_id: UUID | str, *, view: View | None = None, resolve: Resolve | None = None
    ) -> None:
        self.id = UUID(str(job_id))
        self.store = store
        self._view = view
        self._resolve = resolve
        self.shown: Any = None
        """What the view keeps between two displays of this handle."""

    def read(self) -> JobRecord:
        """The job's row as it stands, or NotFound."""
        with self.store.database.transaction() as session:
            return rows.get(session, self.id)

    @property
    def kind(self) -> str:
        """train, predict, evaluate, …"""
        return self.read().kind

    @property
    def state(self) -> JobState:
        """queued, running, succeeded, failed or cancelled."""
        return self.read().state

    @property
    def log(self) -> str:
        """What the work has printed, as far as it is kept (the last few hundred pieces)."""
        with self.store.database.transaction() as session:
            return "".join(event.body["text"] for event in rows.events(session, self.id, kind="log"))

    @property
    def events(self) -> pd.DataFrame:
        """One row for each epoch: losses, metrics, seconds. Empty for work without epochs."""
        import pandas as pd

        with self.store.database.transaction() as session:
            said = rows.events(session, self.id, kind="epoch")
        # A resumed attempt repeats the epoch it was cut off in; the later word counts.
        latest = {event.body["epoch"]: {"at": event.at, **event.body} for event in said}
        flat = [
            {
                "epoch": epoch,
                "at": body["at"],
                **{f"loss/{name}": value for name, value in body.get("losses", {}).items()},
                **body.get("metrics", {}),
                "seconds": body.get("seconds"),
            }
            for epoch, body in sorted(latest.items())
        ]
        return pd.DataFrame(flat).set_index("epoch") if flat else pd.DataFrame()

    @property
    def result(self) -> Any:
        """What the work made. Raises the job's own error if it failed, and Unavailable while it is not finished."""
        return self._outcome(self.read())

    def cancel(self) -> None:
        """Stop it: at once if it waits, within seconds if it runs (its last checkpoint is kept)."""
        with self.store.database.transaction() as session:
            rows.request_cancel(session, self.id)

    def wait(self, timeout: float | None = None) -> Any:
        """Show a bar until the job ends, then return its result or raise its error.

        ``timeout`` in seconds; Unavailable when it is over. Ctrl+C ends the waiting; the job runs on either way.
        """
        from tqdm.auto import tqdm

        until = None if timeout is None else time.monotonic() + timeout
        answered = time.monotonic()
        with tqdm(total=None, desc="job", dynamic_ncols=True) as bar:
            while True:
                try:
                    record, answered = self.read(), time.monotonic()
                except Unavailable:
                    # A database that restarts does not end the waiting: the work goes on too.
                    if time.monotonic() - answered > AWAY_S:
                        raise
                    time.sleep(POLL_S)
                    continue
                bar.total = record.progress.total
                bar.n = record.progress.done
                bar.unit = f" {record.progress.unit}"
                bar.set_description(f"{record.kind}: {record.progress.message or record.state}", refresh=False)
                waiting = no_worker(self.store, record.kind) if record.state == "queued" else None
                bar.set_postfix_str(waiting or "", refresh=False)
                bar.refresh()
                if record.finished:
                    break
                if until is not None and time.monotonic() > until:
                    raise Unavailable(
                        f"job {self.id} is still {record.state} after {timeout:g} s",
                        remedy=no_worker(self.store, record.kind) or "wait longer: it runs on",
                    )
                time.sleep(POLL_S)
        return self._outcome(record)

    def _outcome(self, record: JobRecord) -> Any:
        if record.state == "succeeded":
            result = record.result or {}
            return result if self._resolve is None else self._resolve(record.kind, result)
        if record.failure is not None and record.state == "failed":
            raise rebuilt(record.failure)
        if record.state == "cancelled":
            raise Cancelled(f"job {self.id} was cancelled", remedy="submit it again if its result is wanted")
        raise Unavailable(f"job {self.id} is {record.state}: it has no result yet", remedy="use job.wait()")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Mapping[str, Any]:
        if self._view is None:
            return {"text/plain": repr(self)}
        return self._view(self)

    def __repr__(self) -> str:
        record = self.read()
        done, total = record.progress.done, record.progress.total
        far = f", {done}/{total} {record.progress.unit}" if total else ""
        return f"<Job {self.id} {record.kind}: {record.state}{far}>"


def rebuilt(failure: JobFailure) -> EvalnbError:
    """The error that ended a job, as the class it was."""
    kind = getattr(errors, failure.kind, EvalnbError)
    if not (isinstance(kind, type) and issubclass(kind, EvalnbError)):
        kind = EvalnbError
    error = kind(failure.happened, remedy=failure.remedy)
    if failure.detail:
        error.add_note(f"In the worker:\n{failure.detail.rstrip()}")
    return error


def no_worker(store: Store, kind: str) -> str | None:
    """A sentence if nobody is there to run a job of this kind, else None."""
    try:
        alive = workers(store)
    except Unavailable as error:
        return f"{error.happened}, so nobody can say whether a worker is alive; {error.remedy}"
    if any(kind in worker.kinds for worker in alive):
        return None
    return "no worker is running; start one with `evalnb up`"
