"""Which detections lie on which truths, whatever the class: computed once, asked by every explanation.

A match table says who took whom under COCO's rules. Why a detection took nothing (the wrong class, a poor outline, a
second time, nothing there) and what another rule would have made of it needs the overlaps themselves. They are few:
a detection overlaps one or two truths of its image by a tenth or more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import Matches, overlaps, pairs_within
from evalnb.core.records import Detections, Floats, Truths

AT_LEAST = 0.1
"""The least overlap that is kept: TIDE's background threshold (Bolya et al., ECCV 2020)."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """(p,) pairs of one image, sorted by detection, the best overlap first, of equals the later truth first."""

    detection: NDArray[np.int32]
    """Rows of the match table."""
    truth: NDArray[np.int32]
    """Rows of the truths; crowds and ignored truths are among them."""
    overlap: Floats
    """IoU, or keypoint similarity; for a crowd, intersection over the detection's own area."""
    at_least: float

    def __len__(self) -> int:
        return len(self.overlap)


def nearby(
    matches: Matches,
    truths: Truths,
    detections: Detections,
    *,
    sigmas: Floats | None = None,
    at_least: float = AT_LEAST,
) -> Overlaps:
    """All pairs of a detection of the table and a truth of its image that overlap by ``at_least`` or more.

    The records are those that the table was matched from; truths of classes that are not evaluated are left out.
    """
    sigmas = matches.sigmas if sigmas is None else sigmas
    kept = np.flatnonzero(matches.truth_image >= 0)
    at, to = pairs_within(matches.image.astype(np.int64), matches.truth_image[kept].astype(np.int64))
    truth = kept[to]
    value = overlaps(truths, detections, matches.row[at], truth, kind=matches.kind, sigmas=sigmas, at_least=at_least)
    near = np.flatnonzero(value >= at_least)
    at, truth, value = at[near], truth[near], value[near]
    order = np.lexsort((-truth, -value, at))
    return Overlaps(
        detection=at[order].astype(np.int32),
        truth=truth[order].astype(np.int32),
        overlap=value[order],
        at_least=at_least,
    )
