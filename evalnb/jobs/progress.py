"""A job's row as a progress bar."""

from __future__ import annotations

import logging
import time

from evalnb.core.jobs import JobProgress
from evalnb.errors import Unavailable
from evalnb.jobs.claims import Claim

WRITE_EVERY_S = 0.5

_log = logging.getLogger(__name__)


class RowProgress:
    """``Progress`` that writes to the job's row, at most twice a second. StaleFence once the job is not ours."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._total: int | None = None
        self._unit = ""
        self._what = ""
        self._done = 0
        self._began = self._written = 0.0
        self._unwritten = False

    def start(self, total: int | None, *, unit: str, what: str) -> None:
        """Begin a stage; the row says so at once."""
        self._total, self._unit, self._what = total, unit, what
        self._done = 0
        self._began = time.monotonic()
        self._write()

    def advance(self, n: int = 1) -> None:
        """``n`` more are done."""
        self._done += n
        self._unwritten = True
        if self._done == self._total or time.monotonic() - self._written >= WRITE_EVERY_S:
            self._write()

    def tell(self, progress: JobProgress) -> None:
        """Write what the work itself knows better than a count of units."""
        self._done, self._total = progress.done, progress.total
        self._unit, self._what = progress.unit, progress.message
        self._put(progress)

    def close(self) -> None:
        """Write what has not been written yet."""
        if self._unwritten:
            self._write()

    def _write(self) -> None:
        now = time.monotonic()
        self._written, self._unwritten = now, False
        self._put(JobProgress(self._done, self._total, self._unit, self._what, self._eta_s(now - self._began)))

    def _put(self, progress: JobProgress) -> None:
        try:
            self._claim.progress(progress)
        except Unavailable as error:
            # How far it is can be said later; the work need not stop for a database that restarts.
            _log.warning("progress was not written, %s", error.happened)

    def _eta_s(self, spent_s: float) -> float | None:
        if not self._total or not self._done:
            return None
        return max(0.0, spent_s / self._done * (self._total - self._done))
