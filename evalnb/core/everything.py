"""Every object of an image: what a segmenter makes of a grid of clicks, less what is doubtful or said twice.

The method is that of A. Kirillov et al., Segment Anything, 2023, section 5, but masks are compared as masks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.candidates import Candidates
from evalnb.core.records import Floats
from evalnb.errors import Invalid

STABILITY_OFFSET = 1.0
"""By so many logits a mask's border is moved out and in, to see whether it stays where it is."""
_HELD = 512
"""So many masks are kept before they are compared: 64 MB of 256 × 256."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What counts as an object."""

    per_side: int = 32
    """Clicks along each side of the image."""
    iou_min: float = 0.8
    """The least IoU that the model must predict."""
    stability_min: float = 0.9
    """The least IoU of the mask drawn larger and smaller: a low one has no clear border."""
    overlap_max: float = 0.7
    """Of two masks with a larger IoU the one of lower score is dropped."""
    area_min_px: float = 0.0

    def checked(self) -> Sweep:
        """Itself; Invalid, naming the value, if it is none."""
        if not 1 <= self.per_side <= 256:
            raise Invalid(f"per_side is {self.per_side}", remedy="use 1 to 256 clicks along each side; 32 is usual")
        for name in ("iou_min", "stability_min", "overlap_max"):
            if not 0 <= getattr(self, name) <= 1:
                raise Invalid(f"{name} is {getattr(self, name)}", remedy="use a part of one, for instance 0.8")
        if not self.area_min_px >= 0:
            raise Invalid(f"area_min_px is {self.area_min_px}", remedy="use 0 or more pixels")
        return self


def grid(size: tuple[int, int], per_side: int) -> Floats:
    """(per_side², 2) x, y: the middles of as many equal parts of an image of ``size`` (height, width)."""
    at = (np.arange(per_side) + 0.5) / per_side
    y, x = np.meshgrid(at * size[0], at * size[1], indexing="ij")
    return np.column_stack([x.ravel(), y.ravel()])


def stability(logits: NDArray[np.floating]) -> Floats:
    """(n,) the IoU of each of (n, r, c) drawn larger and smaller; 0 for one that is empty."""
    small = np.count_nonzero(logits > STABILITY_OFFSET, axis=(1, 2))
    large = np.count_nonzero(logits > -STABILITY_OFFSET, axis=(1, 2))
    return np.asarray(small / np.maximum(large, 1), dtype=np.float64)


def gathered(
    batches: Iterable[tuple[NDArray[np.floating], Floats]], size: tuple[int, int], sweep: Sweep
) -> Candidates:
    """The objects among many answers, best first; of what is drawn twice the better.

    A batch is logits (n, r, c) and predicted IoUs (n,).
    """
    logits = np.empty((0, 0, 0), dtype=np.float16)
    bits = np.empty((0, 0), dtype=np.uint64)
    scores, cells = np.empty(0), np.empty(0, dtype=np.int64)
    for drawn, promised in batches:
        good = np.flatnonzero(promised >= sweep.iou_min)
        good = good[stability(drawn[good]) >= sweep.stability_min]
        inside = drawn[good] > 0
        area = np.count_nonzero(inside, axis=(1, 2))
        share = size[0] * size[1] / max(1, drawn.shape[1] * drawn.shape[2])
        some = (area > 0) & (area * share >= sweep.area_min_px)
        if not some.any():
            continue
        good, fresh = good[some], _words(inside[some])
        # Half precision keeps where a border lies to a hundredth of a cell.
        halves = np.clip(drawn[good], -1e4, 1e4).astype(np.float16)
        logits = np.concatenate([logits, halves]) if len(scores) else halves
        bits = np.concatenate([bits, fresh]) if len(scores) else fresh
        scores = np.concatenate([scores, promised[good]])
        cells = np.concatenate([cells, area[some]])
        if len(scores) > _HELD:
            kept = _apart(bits, cells, scores, sweep.overlap_max)
            logits, bits, scores, cells = logits[kept], bits[kept], scores[kept], cells[kept]
    kept = _apart(bits, cells, scores, sweep.overlap_max)
    return Candidates(logits[kept].astype(np.float32), scores[kept], size)


def _words(inside: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """(n, words) of (n, r, c) bool, 64 cells in each."""
    packed = np.packbits(inside.reshape(len(inside), -1), axis=1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)


def _apart(
    bits: NDArray[np.uint64], cells: NDArray[np.int64], scores: Floats, overlap_max: float
) -> NDArray[np.intp]:
    """The places of those that no better one covers, best first."""
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        both = np.bitwise_count(bits[left] & bits[best]).sum(axis=1, dtype=np.int64)
        left = left[both <= overlap_max * (cells[left] + cells[best] - both)]
    return np.array(kept, dtype=np.intp)
