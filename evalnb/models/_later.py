"""A segmenter that is opened when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evalnb.core.candidates import Candidates
from evalnb.core.following import Frames
from evalnb.core.ports import Follower, Pixels, Thorough, Tracking
from evalnb.core.records import Floats, Ints
from evalnb.errors import Unavailable


class Later:
    """Stands for a segmenter whose name is known and whose weights are not loaded yet. Threads may share it."""

    def __init__(self, name: str, open_it: Callable[[], Thorough]) -> None:
        self._name, self._open = name, open_it
        self._opened: Thorough | None = None
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        """What the interface shows."""
        return self._name

    def encode(self, key: str, image: Pixels, *, told: Callable[[float], None] | None = None) -> None:
        """As the segmenter's; the first one opens it, and raises what opening raises."""
        self._it().encode(key, image, told=told)

    def encoded(self, key: str) -> bool:
        """As the segmenter's; nothing is, before it is open."""
        return self._opened is not None and self._opened.encoded(key)

    def segment(
        self, key: str, *, points: Floats, labels: Ints, box: Floats | None = None
    ) -> tuple[NDArray[np.bool_], float]:
        """As the segmenter's."""
        return self._it().segment(key, points=points, labels=labels, box=box)

    def candidates(
        self,
        key: str,
        *,
        points: Floats,
        labels: Ints,
        box: Floats | None = None,
        prior: NDArray[np.float32] | NDArray[np.bool_] | None = None,
    ) -> Candidates:
        """As the segmenter's."""
        return self._it().candidates(key, points=points, labels=labels, box=box, prior=prior)

    def sweep(self, key: str, *, told: Callable[[float], None] | None = None) -> Candidates:
        """As the segmenter's."""
        return self._it().sweep(key, told=told)

    def tracking(self, frames: Frames) -> Tracking:
        """As the segmenter's; Unavailable for one that follows nothing."""
        opened = self._it()
        if not isinstance(opened, Follower):
            raise Unavailable(f"{self._name} follows no objects", remedy="use a SAM 2")
        return opened.tracking(frames)

    def _it(self) -> Thorough:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened
