"""Jobs as records: what a row of long work says, and what it said on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]

FINISHED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})
"""States that never change again."""

EventKind = Literal["epoch", "log"]


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is in its present stage."""

    done: int = 0
    total: int | None = None
    """None: unknown."""
    unit: str = ""
    message: str = ""
    """The stage, for instance "training"."""
    eta_s: float | None = None
    """Seconds until the stage ends, if it can be told."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed: an EvalnbError in words that cross processes."""

    kind: str
    """The class's name, for instance ``Invalid``."""
    happened: str
    remedy: str
    detail: str = ""
    """The traceback, where there is one."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as its row stands. A worker holds it by ``fence`` until ``lease_until``."""

    id: UUID
    project_id: int
    kind: str
    arguments: dict[str, Any]
    state: JobState
    progress: JobProgress
    result: dict[str, Any] | None
    failure: JobFailure | None
    cancel_requested: bool
    attempt: int
    """How often a worker has started it, not counting those that handed it back."""
    fence: int
    lease_until: datetime | None
    worker: str | None
    author: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether its state is final."""
        return self.state in FINISHED


@dataclass(frozen=True, slots=True)
class JobEvent:
    """What a job said: an epoch's losses, some lines of log. ``id`` grows with time."""

    id: int
    job_id: UUID
    at: datetime
    kind: str
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker that was alive within the last few seconds."""

    name: str
    host: str
    pid: int
    slots: int
    """How many jobs it runs at once."""
    busy: int
    kinds: tuple[str, ...]
