"""Does a confidence of 0.7 mean seven of ten? And does it say how well the box lies?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.metrics.outcome import Outcome, kept, outcome, overlap_of, to_find
from evalnb.core.metrics.part import Part
from evalnb.core.near import Flags, Near
from evalnb.core.records import Floats, Ints

LAECE_BINS = 25
"""The authors' number of bins for LaECE, whatever the table's."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """(b,) bins of equal width over the confidences 0 … 1; a bin holds its upper edge, the first its lower too."""

    edges: Floats
    """(b + 1,)"""
    detections: Ints
    confidence: Floats
    """Their mean; NaN where there are none, as are the next two."""
    precision: Floats
    """The share that are hits."""
    overlap: Floats
    """The mean IoU of the hits; NaN without hits."""
    d_ece: float
    """Σ share of the detections · |precision − confidence|; NaN without detections."""


def reliability(
    near: Near, part: Part | None = None, *, iou: float = 0.5, area: str = "all", bins: int = 10
) -> Reliability:
    """The bins, and D-ECE (Küppers et al., CVPR Workshops 2020), over all detections of the part that count.

    A confidence outside 0 … 1 falls into the bin at the edge.
    """
    part = part or Part()
    found = outcome(near, iou=iou, area=area)
    rows = _counting(near, part, found)
    score, hit = near.matches.score[rows], found.hit[rows]
    edges = np.linspace(0.0, 1.0, bins + 1)
    at = bin_of(score, edges)
    many = np.bincount(at, minlength=bins)
    confidence, precision = _mean(at, score, many), _mean(at, hit, many)
    gap = np.where(many > 0, np.abs(precision - confidence), 0.0)
    return Reliability(
        edges=edges,
        detections=many,
        confidence=confidence,
        precision=precision,
        overlap=_mean(at[hit], overlap_of(near, found, rows[hit]), np.bincount(at[hit], minlength=bins)),
        d_ece=float((many * gap).sum() / len(rows)) if len(rows) else float("nan"),
    )


def laece(
    near: Near, part: Part | None = None, *, iou: float = 0.5, area: str = "all", bins: int = LAECE_BINS
) -> Floats:
    """(k,) the localisation-aware error of each class (Oksuz et al., CVPR 2023): Σ share of its detections · |mean
    confidence − precision · mean IoU of the hits| over bins; NaN for a class without truths or detections."""
    part = part or Part()
    found = outcome(near, iou=iou, area=area)
    rows = _counting(near, part, found)
    classes = len(near.matches.classes)
    score, of = near.matches.score[rows], near.class_of[rows]
    # Precision times the mean IoU of the hits is the sum of their IoUs over all; so is the confidence's mean.
    cell = of * np.int64(bins) + bin_of(score, np.linspace(0.0, 1.0, bins + 1))
    hit = found.hit[rows]
    reached = np.bincount(cell[hit], weights=overlap_of(near, found, rows[hit]), minlength=classes * bins)
    gap = np.abs(np.bincount(cell, weights=score, minlength=classes * bins) - reached)
    gap = gap.reshape(classes, bins).sum(axis=1)
    many = np.bincount(of, minlength=classes)
    truths = np.bincount(near.matches.truth_class[to_find(near, part, area=area)], minlength=classes)
    out = np.divide(gap, many, out=np.full(classes, np.nan), where=(many > 0) & (truths > 0))
    mine: Floats = out[part.places(near.matches)]
    return mine


def d_ece_of(
    near: Near,
    columns: Floats,
    part: Part | None = None,
    *,
    iou: float = 0.5,
    area: str = "all",
    bins: int = 10,
    least: int = 8,
) -> float:
    """D-ECE over confidence and more: ``columns`` (d, m) in 0 … 1, such as a box's relative centre and size, are cut
    into as many bins each. Cells of fewer than ``least`` detections say nothing and are left out, as the authors do.

    NaN where no cell has enough.
    """
    part = part or Part()
    found = outcome(near, iou=iou, area=area)
    rows = _counting(near, part, found)
    score, hit = near.matches.score[rows], found.hit[rows]
    edges = np.linspace(0.0, 1.0, bins + 1)
    cell = bin_of(score, edges)
    for column in columns[rows].T:
        cell = cell * bins + bin_of(column, edges)
    _, cell = np.unique(cell, return_inverse=True)
    many = np.bincount(cell)
    enough = many >= least
    if not enough.any():
        return float("nan")
    gap = np.abs(_mean(cell, hit, many) - _mean(cell, score, many))
    return float((gap * many)[enough].sum() / many[enough].sum())


def bin_of(value: Floats, edges: Floats) -> Ints:
    """(n,) the bin of each value: ``edges[i] < value <= edges[i + 1]``; what lies outside falls to the edge."""
    out: Ints = np.searchsorted(edges[1:-1], value, side="left")
    return out


def _counting(near: Near, part: Part, found: Outcome) -> Ints:
    """The rows of the part that count."""
    wanted: Flags = np.zeros(len(near.matches.classes), bool)
    wanted[part.places(near.matches)] = True
    return np.flatnonzero(kept(near, part) & ~found.ignored & wanted[near.class_of])


def _mean(at: Ints, value: NDArray[np.float64] | Flags, many: Ints) -> Floats:
    total = np.bincount(at, weights=value.astype(np.float64), minlength=len(many))
    out: Floats = np.divide(total, many, out=np.full(len(many), np.nan), where=many > 0)
    return out
