"""What a job's body is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalnb import jobs
from evalnb.jobs.claims import held
from evalnb.jobs.progress import RowProgress
from evalnb.store import Store
from evalnb_server.worker.patience import patiently


@dataclass(frozen=True, slots=True)
class Work:
    """One job, to a body: what is asked, where to keep files, and how to tell how far it is."""

    claim: jobs.Claim
    folder: Path
    """``<home>/jobs/<id>``; what stands there survives a hand-back and a crash, on this machine."""
    progress: RowProgress
    cancelled: Callable[[], bool]
    """Whether to stop now: write a checkpoint and raise Cancelled."""

    @property
    def store(self) -> Store:
        """The store, opened in this process."""
        return self.claim.store

    @property
    def job(self) -> jobs.JobRecord:
        """The job as it was claimed."""
        return self.claim.job

    def check(self) -> None:
        """StaleFence if another worker has the job by now: before a step that cannot be undone."""
        held(self.store, self.job.id, self.job.fence)

    def epoch(
        self,
        epoch: int,
        epochs: int,
        *,
        losses: Mapping[str, float],
        metrics: Mapping[str, float],
        seconds: float | None = None,
    ) -> None:
        """Tell of a finished epoch (counted from 1). Waits out a database that is away for less than a minute."""
        body = {
            "epoch": epoch,
            "epochs": epochs,
            "losses": _finite(losses),
            "metrics": _finite(metrics),
            "seconds": seconds,
        }
        patiently(lambda: self.claim.event("epoch", body), within_s=60.0)

    @property
    def arguments(self) -> dict[str, Any]:
        """What was asked."""
        return self.claim.job.arguments


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    """Without NaN and infinity, which JSON cannot hold: a chart leaves a gap there."""
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}
