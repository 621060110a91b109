"""A worker's half: claim a job, keep its lease, report on it, and take over from workers that died.

A claim is a lease with a fence. Every write names the fence; once the reaper or another worker has moved the row on,
the old holder's writes raise StaleFence and change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from evalnb.core.jobs import EventKind, JobFailure, JobProgress, JobRecord
from evalnb.errors import StaleFence
from evalnb.store import Store
from evalnb.store.repositories import jobs as rows

ATTEMPTS = 3
"""Starts before a job whose workers keep dying is given up."""

LOG_BATCHES = 500
"""Log events kept for each job; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job held by this worker. Each verb is one transaction and raises StaleFence once the job is not ours."""

    store: Store
    job: JobRecord

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self.job.id

    def beat(self, *, lease_s: float) -> bool:
        """Extend the lease to ``lease_s`` from now; returns whether somebody asked to cancel."""
        with self.store.database.transaction() as session:
            return rows.beat(session, self.id, self.job.fence, lease_s=lease_s)

    def progress(self, progress: JobProgress) -> None:
        """Say how far the job is."""
        with self.store.database.transaction() as session:
            rows.write_progress(session, self.id, self.job.fence, progress)

    def event(self, kind: EventKind, body: dict[str, Any]) -> None:
        """Append to the job's events."""
        with self.store.database.transaction() as session:
            rows.add_event(session, self.id, self.job.fence, kind, body)

    def log(self, text: str) -> None:
        """Append text to the job's log, which keeps its last ``LOG_BATCHES`` pieces."""
        with self.store.database.transaction() as session:
            rows.add_event(session, self.id, self.job.fence, "log", {"text": text})
            rows.trim_log(session, self.id, keep=LOG_BATCHES)

    def succeed(self, result: dict[str, Any]) -> None:
        """End it with its result."""
        with self.store.database.transaction() as session:
            rows.succeed(session, self.id, self.job.fence, result)

    def fail(self, failure: JobFailure) -> None:
        """End it with the reason."""
        with self.store.database.transaction() as session:
            rows.fail(session, self.id, self.job.fence, failure)

    def end_cancelled(self) -> None:
        """End it because somebody cancelled it."""
        with self.store.database.transaction() as session:
            rows.end_cancelled(session, self.id, self.job.fence)

    def hand_back(self) -> None:
        """Queue it for another worker; this start does not count as an attempt."""
        with self.store.database.transaction() as session:
            rows.hand_back(session, self.id, self.job.fence)

    def products(self) -> tuple[list[int], list[int]]:
        """Ids of the prediction runs and of the model versions that earlier attempts have left, oldest first."""
        with self.store.database.transaction() as session:
            return rows.products(session, self.id)

    def read(self) -> JobRecord:
        """The row as it stands now, whoever holds it."""
        with self.store.database.transaction() as session:
            return rows.get(session, self.id)


def claim(store: Store, *, worker: str, kinds: Sequence[str], lease_s: float) -> Claim | None:
    """Take the oldest queued job of these kinds, or None. ``worker`` is the name that people will read."""
    with store.database.transaction() as session:
        job = rows.claim(session, worker=worker, kinds=kinds, lease_s=lease_s)
    return None if job is None else Claim(store, job)


def held(store: Store, job_id: UUID, fence: int) -> Claim:
    """The claim that a supervisor took, for its child; StaleFence if the job has moved on."""
    with store.database.transaction() as session:
        job = rows.get(session, job_id)
    if job.fence != fence or job.state != "running":
        raise StaleFence(
            f"job {job_id} is {job.state} under fence {job.fence}, not running under {fence}",
            remedy="stop: another worker has it, or it has ended",
        )
    return Claim(store, job)


def reap(store: Store, *, attempts: int = ATTEMPTS) -> list[JobRecord]:
    """Take jobs from workers whose lease ran out; returns them as they now stand: queued, failed or cancelled."""
    with store.database.transaction() as session:
        return rows.reap(session, attempts=attempts)


def queued(store: Store, kinds: Sequence[str]) -> int:
    """How many jobs of these kinds wait."""
    with store.database.transaction() as session:
        return rows.queued_count(session, kinds)
