"""Which detections lie on which truths, whatever the class: computed once, asked by every explanation.

A match table says who took whom under COCO's rules. Why a detection took nothing (the wrong class, a poor outline, a
second time, nothing there) and what another rule would have made of it needs the overlaps themselves. They are few:
a detection overlaps one or two truths of its image by a tenth or more.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.claiming import pairs_within
from evalnb.core.kinds import overlaps
from evalnb.core.matching import Matches
from evalnb.core.records import Detections, Floats, Truths
from evalnb.core.solving import NATIVE_KINDS, compared
from evalnb.errors import Invalid

AT_LEAST = 0.1
"""The least overlap that is kept: TIDE's background threshold (Bolya et al., ECCV 2020)."""
PAIRS_A_DETECTION = 4
"""For how many there is room at first; a crowded data set asks twice."""


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
    if matches.kind not in NATIVE_KINDS:
        return by_pairs(matches, truths, detections, sigmas=sigmas, at_least=at_least)
    if len(matches.row) and not 0 <= int(matches.row.min()) <= int(matches.row.max()) < len(detections):
        raise Invalid(
            f"the match table speaks of {int(matches.row.max()) + 1:,} detections, these are {len(detections):,}",
            remedy="pass the records that it was matched from",
        )
    order, start = matches.truths_by_image
    compare = compared(truths, detections, kind=matches.kind, truth_order=order, truth_start=start)
    find = native.library().evalnb_nearby
    row, image = native.as_array(matches.row, np.int32), native.as_array(matches.image, np.int32)
    room = PAIRS_A_DETECTION

    def work(low: int, high: int) -> tuple[NDArray[Any], ...]:
        space = room * (high - low)
        while True:
            found = np.empty(space, np.int32), np.empty(space, np.int32), np.empty(space)
            at = [column.ctypes.data for column in found]
            many = find(native.address(compare), row.ctypes.data, image.ctypes.data, low, high, at_least, space, *at)
            if many < 0:
                native.checked(native.NO_MEMORY)
            if many <= space:
                return tuple(column[:many].copy() for column in found)
            space = many

    parts = native.spread(work, _ranges(len(row)))
    detection, truth, overlap = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Overlaps(detection=detection, truth=truth, overlap=overlap, at_least=at_least)


def _ranges(rows: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, rows, max(1, min(native.cores(), rows // 20_000)) + 1).astype(int).tolist()
    return list(itertools.pairwise(edges))


def by_pairs(
    matches: Matches, truths: Truths, detections: Detections, *, sigmas: Floats | None, at_least: float
) -> Overlaps:
    """``nearby`` in numpy: for the kinds that the native library does not compare."""
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
