"""How far two annotators agree on the objects of the same images.

Their shapes are matched as detections are to truths, whatever the class, best overlap first, at an IoU; what is left
over of either is an object that the other did not see. F1 counts a pair of one class as agreement. Krippendorff's
alpha takes each pair and each shape left over for a unit, and *nothing* for the label of whoever did not see it:
α = 1 − D_o / D_e over the coincidence matrix with the nominal difference (Krippendorff, Content Analysis, 2004,
chapter 11; Hayes and Krippendorff 2007). 1 is agreement, 0 what chance alone would give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.kinds import overlaps
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import Invalid


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Rows of one annotator's shapes and of the other's that mean the same object, and those that are alone."""

    left: Ints
    right: Ints
    overlap: Floats
    """(n,) IoU of each pair."""
    only_left: Ints
    only_right: Ints


def paired(left: Truths, right: Truths, *, masks: bool = False, iou: float = 0.5) -> Pairs:
    """Each shape with at most one of the other's on its image: the best overlaps first, of equals the earlier rows.

    ``masks`` compares masks, which both must have then; boxes otherwise. Invalid unless 0 < ``iou`` ≤ 1.
    """
    if not 0 < iou <= 1:
        raise Invalid(f"an IoU of {iou:g} matches nothing or everything", remedy="use one above 0, up to 1")
    at, to = _of_one_image(left.image, right.image)
    plain = np.zeros(len(right), bool)
    compared = Detections(left.image, left.class_id, left.box, np.ones(len(left)), masks=left.masks)
    theirs = Truths(right.id, right.image, right.class_id, right.box, right.area, plain, masks=right.masks)
    value = overlaps(theirs, compared, at, to, kind="segm" if masks else "bbox", sigmas=None, at_least=iou)
    near = np.flatnonzero(value >= iou)
    order = near[np.lexsort((to[near], at[near], -value[near]))]
    mine: NDArray[np.bool_] = np.zeros(len(left), bool)
    other: NDArray[np.bool_] = np.zeros(len(right), bool)
    chosen = []
    for one in order.tolist():
        if not (mine[at[one]] or other[to[one]]):
            mine[at[one]] = other[to[one]] = True
            chosen.append(one)
    rows = np.array(chosen, dtype=np.int64)
    return Pairs(at[rows], to[rows], value[rows], np.flatnonzero(~mine), np.flatnonzero(~other))


def _of_one_image(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Every pair of a row of the one and a row of the other with the same image."""
    order = np.argsort(right, kind="stable")
    low, high = np.searchsorted(right[order], left, "left"), np.searchsorted(right[order], left, "right")
    many = high - low
    at = np.repeat(np.arange(len(left)), many)
    step = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    return at.astype(np.int64), order[np.repeat(low, many) + step].astype(np.int64)


def f1(agreed: int, left: int, right: int) -> float:
    """F1 of ``agreed`` pairs among so many shapes of either: 2a / (l + r); NaN where neither has any."""
    return 2 * agreed / (left + right) if left + right else float("nan")


def krippendorff(units: Sequence[Sequence[Hashable | None]]) -> float:
    """Nominal alpha of units that several people labelled; None is no label. NaN where nobody could disagree.

    Units with fewer than two labels say nothing of agreement.
    """
    pairable = [labels for unit in units if len(labels := [one for one in unit if one is not None]) > 1]
    total = Counter(label for labels in pairable for label in labels)
    n = sum(total.values())
    expected = n * n - sum(many * many for many in total.values())
    if not expected:
        return float("nan")
    observed = sum(
        (len(labels) ** 2 - sum(many * many for many in Counter(labels).values())) / (len(labels) - 1)
        for labels in pairable
    )
    return 1 - (n - 1) * observed / expected
