"""How a worker behaves: what its command line may change."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field


def _own_name() -> str:
    return f"{platform.node() or 'worker'}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Options:
    """Times are seconds."""

    slots: int = 1
    """Jobs at once. One GPU is best served by one."""
    lease_s: float = 30.0
    """How long a job stays this worker's after its last sign of life; then another worker takes it over."""
    grace_s: float = 8.0
    """From the request to stop until SIGKILL: time for a checkpoint. Docker gives 10 s in all."""
    look_s: float = 2.0
    """How often to look for jobs whose ring was lost, and for jobs whose worker was."""
    attempts: int = 3
    """Starts before a job whose workers keep dying is given up."""
    bodies: tuple[str, ...] = ()
    """Modules with further ``BODIES``."""
    name: str = field(default_factory=_own_name)

    @property
    def beat_s(self) -> float:
        """Between two signs of life; a request to cancel is noticed within this."""
        return min(1.0, self.lease_s / 5)
