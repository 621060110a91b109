"""What a job's widget shows."""

from typing import Literal

from evalnb.wire.annotator import Refusal
from evalnb.wire.base import Wire


class JobProgressView(Wire):
    """The bar. ``total`` is None where nobody knows; ``eta_s`` is seconds."""

    done: int
    total: int | None
    unit: str
    message: str
    eta_s: float | None


class JobEpoch(Wire):
    """One finished epoch: losses and metrics by name (``losses.box``, ``metrics.AP50``)."""

    epoch: int
    epochs: int
    losses: dict[str, float]
    metrics: dict[str, float]
    seconds: float | None


class JobView(Wire):
    """All that the widget draws: one synced trait. Times are seconds since 1970."""

    id: str
    kind: str
    title: str
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: JobProgressView
    epochs: list[JobEpoch]
    log: str
    """The last lines."""
    failure: Refusal | None
    detail: str
    """The traceback, where a failure has one."""
    result: str
    """What came out, in words."""
    note: str
    """What the reader should know while waiting: nobody to run it, a lost worker."""
    cancelling: bool
    attempt: int
    worker: str
    author: str
    created_at: float
    started_at: float | None
    finished_at: float | None
