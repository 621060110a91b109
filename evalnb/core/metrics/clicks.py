"""Interactive segmentation: a simulated person clicks where the mask is most wrong; how soon is it right?

The protocol is that of Xu et al. 2016 as RITM (Sofiiuk et al. 2021) runs it: the next click lies in the middle of the
largest error, by distance to the error's edge; NoC@t counts clicks up to an IoU of t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.distances import squared_distances
from evalnb.core.records import Floats, Ints

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Click:
    """One click, at a pixel."""

    x: int
    y: int
    inside: bool
    """True says the pixel belongs to the object, False that it does not."""


def next_click(truth: Mask, predicted: Mask, counts: Mask, clicked: Mask) -> Click | None:
    """Where the mask is most wrong: the pixel of an error that is farthest from the error's edge (the image's border
    is one), not clicked before; the first in reading order. Missing parts need a click inside, surplus ones outside;
    of two as large the surplus comes first. None where nothing is wrong any more.

    All masks are (h, w); ``counts`` is False where the truth does not say.
    """
    best: list[tuple[int, int]] = []
    for error in (truth & ~predicted & counts, predicted & ~truth & counts):
        rows, columns = np.flatnonzero(error.any(axis=1)), np.flatnonzero(error.any(axis=0))
        if not len(rows):
            best.append((0, 0))
            continue
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        inner = squared_distances(np.pad(error[box], 1))[1:-1, 1:-1]
        inner[clicked[box]] = 0
        y, x = divmod(int(inner.argmax()), inner.shape[1])
        best.append((int(inner[y, x]), (int(rows[0]) + y) * truth.shape[1] + int(columns[0]) + x))
    (missing, inside), (surplus, outside) = best
    if not missing and not surplus:
        return None
    y, x = divmod(inside if missing > surplus else outside, truth.shape[1])
    return Click(x=x, y=y, inside=missing > surplus)


def iou(truth: Mask, predicted: Mask, counts: Mask) -> float:
    """Intersection over union of what counts; 1 where both are empty."""
    union = np.count_nonzero((truth | predicted) & counts)
    return np.count_nonzero(truth & predicted & counts) / union if union else 1.0


def clicks_needed(ious: Floats, threshold: float) -> tuple[Ints, Mask]:
    """(n,) how many clicks first bring (n, m) IoUs, click by click, to the threshold, and (n,) whether any does; m
    where none does, as papers report it."""
    reached = ious >= threshold
    some: Mask = np.any(reached, axis=1)
    return np.where(some, reached.argmax(axis=1) + 1, ious.shape[1]), some
