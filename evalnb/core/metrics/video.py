"""Video object segmentation by DAVIS's measures: region similarity J, contour accuracy F, and what follows over time.

Perazzi et al. 2016 define them; the boundary's pixels and the tolerance are those of davis2017-evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.distances import squared_distances
from evalnb.core.records import Floats

Mask = NDArray[np.bool_]
TOLERANCE = 0.008
"""How far two boundaries may be apart, as a part of the image's diagonal (rounded up to pixels)."""
NUMBERS = ("J&F", "J_mean", "J_recall", "J_decay", "F_mean", "F_recall", "F_decay")


def jaccard(truth: Mask, predicted: Mask) -> float:
    """Intersection over union; 1 where both are empty."""
    union = np.count_nonzero(truth | predicted)
    return np.count_nonzero(truth & predicted) / union if union else 1.0


def boundary(mask: Mask) -> Mask:
    """The pixels that differ from their right, lower or lower right neighbour (Martin's ``seg2bmap``)."""
    out = np.zeros_like(mask)
    out[:-1, :-1] = (
        (mask[:-1, :-1] ^ mask[:-1, 1:]) | (mask[:-1, :-1] ^ mask[1:, :-1]) | (mask[:-1, :-1] ^ mask[1:, 1:])
    )
    out[-1, :-1] = mask[-1, :-1] ^ mask[-1, 1:]
    out[:-1, -1] = mask[:-1, -1] ^ mask[1:, -1]
    return out


def contour(truth: Mask, predicted: Mask) -> float:
    """F of the boundaries' precision and recall, a pixel counting as found within ``TOLERANCE`` of the other; 1 where
    neither has a boundary, 0 where one has."""
    reach = int(np.ceil(TOLERANCE * np.linalg.norm(truth.shape)))
    rows, columns = _box(truth | predicted)
    # Boundaries lie one pixel around the masks at the most: the rest of the image decides nothing.
    edge, other = boundary(truth[rows, columns]), boundary(predicted[rows, columns])
    if not edge.any() or not other.any():
        return float(not edge.any() and not other.any())
    precision = float(np.mean(squared_distances(~edge)[other] <= reach**2))
    recall = float(np.mean(squared_distances(~other)[edge] <= reach**2))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _box(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(max(0, rows[0] - 1), rows[-1] + 2), slice(max(0, columns[0] - 1), columns[-1] + 2)


@dataclass(frozen=True, slots=True)
class OverTime:
    """One object's values over the frames of its sequence, in three numbers."""

    mean: float
    recall: float
    """The part of frames above 0.5."""
    decay: float
    """The mean of the first quarter of the frames less that of the last: what is lost with time."""


def over_time(values: Floats) -> OverTime:
    """The statistics of (n ≥ 1,) values, frame by frame.

    Quarters share their border frames, as in DAVIS, whose own tool errs from frame 257 on (it counts in 8 bits).
    """
    ends = (np.round(np.linspace(1, len(values), 5) + 1e-10) - 1).astype(np.int64)
    first, last = values[ends[0] : ends[1] + 1], values[ends[3] : ends[4] + 1]
    return OverTime(float(values.mean()), float(np.mean(values > 0.5)), float(first.mean() - last.mean()))
