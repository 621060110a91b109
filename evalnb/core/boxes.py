"""How much shapes overlap: intersection over union of boxes and masks, and keypoint similarity, for lists of pairs.

All three take *pairs* (a detection's row, a truth's row) and not a matrix, because a dataset's images have anything
from no truth to hundreds, and padding them to one shape would cost more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.masks import Rle
from evalnb.core.records import Floats, Ints

PAIRS_AT_ONCE = 2_000_000
"""Pairs are worked on in chunks of this many: about 200 MB of scratch space at the most."""

KEYPOINT_SIGMAS = (
    np.array([0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89])
    / 10.0
)
"""COCO's per-keypoint deviations for its 17 person keypoints."""


def pair_iou(
    detection: Floats, truth: Floats, at_detection: Ints, at_truth: Ints, crowd: NDArray[np.bool_]
) -> Floats:
    """(p,) IoU of box pairs, in the very order of operations of COCO's ``bbIou``.

    ``detection`` (d, 4) and ``truth`` (t, 4) are x, y, w, h; the pair k is rows ``at_detection[k]`` and
    ``at_truth[k]``. Where the truth is a ``crowd`` (t,), the union is the detection's own area.
    """
    dx, dy, dw, dh = (np.ascontiguousarray(column)[at_detection] for column in detection.T)
    tx, ty, tw, th = (np.ascontiguousarray(column)[at_truth] for column in truth.T)
    wide = np.minimum(dw + dx, tw + tx) - np.maximum(dx, tx)
    high = np.minimum(dh + dy, th + ty) - np.maximum(dy, ty)
    both = np.where((wide > 0) & (high > 0), wide * high, 0.0)
    area = dw * dh
    union = np.where(crowd[at_truth], area, area + tw * th - both)
    iou: Floats = np.divide(both, union, out=np.zeros_like(both), where=both > 0)
    return iou


@dataclass(frozen=True, slots=True, eq=False)
class PackedMasks:
    """Many masks as one run of column-major edges, so that numpy can work on all of them at once."""

    edge: Ints
    """Cumulative runs of all masks, end to end: where in the flat image each run stops."""
    set_px: Ints
    """How many pixels of the same mask are set before each edge."""
    start: Ints
    """(n + 1,) where each mask's edges begin in ``edge``."""
    size: Ints
    """(n, 2) height, width."""
    area: Ints
    """(n,) px set."""

    @classmethod
    def of(cls, masks: Sequence[Rle]) -> PackedMasks:
        """Pack masks, in order."""
        lengths = np.array([len(one.counts) for one in masks], dtype=np.int64)
        start = np.concatenate(([0], np.cumsum(lengths)))
        runs = np.concatenate([one.counts for one in masks]).astype(np.int64) if len(masks) else np.empty(0, np.int64)
        place = np.arange(len(runs)) - np.repeat(start[:-1], lengths)
        on = np.where(place % 2 == 1, runs, 0)
        edge, set_px = _restarting_sum(runs, start, lengths), _restarting_sum(on, start, lengths)
        area = np.zeros(len(masks), np.int64)
        some = lengths > 0
        area[some] = set_px[start[1:][some] - 1]
        size = np.array([one.size for one in masks], dtype=np.int64).reshape(-1, 2)
        return cls(edge=edge, set_px=set_px, start=start, size=size, area=area)


def _restarting_sum(values: Ints, start: Ints, lengths: Ints) -> Ints:
    total: Ints = np.concatenate(([0], np.cumsum(values)))
    return total[1:] - np.repeat(total[start[:-1]], lengths)


def pair_mask_iou(
    detection: PackedMasks,
    truth: PackedMasks,
    at_detection: Ints,
    at_truth: Ints,
    crowd: NDArray[np.bool_],
    *,
    at_least: float = 0.0,
) -> Floats:
    """(p,) IoU of mask pairs, equal to COCO's ``rleIou``; 0 where the two masks have different sizes.

    Pairs whose areas alone keep them below ``at_least`` are answered 0 without looking at their runs.
    """
    out = np.zeros(len(at_detection))
    area_d, area_t = detection.area[at_detection], truth.area[at_truth]
    least = np.minimum(area_d, area_t)
    most = np.where(crowd[at_truth], area_d, np.maximum(area_d, area_t))
    same = (detection.size[at_detection] == truth.size[at_truth]).all(axis=1)
    # The bound is exact arithmetic on integers; a hair below keeps rounding from dropping a pair on the threshold.
    worth = np.flatnonzero(same & (least > 0) & (least >= most * (at_least - 1e-9)))
    for some in _chunks(worth, _runs(detection, at_detection[worth]) + 1):
        d, t = at_detection[some], at_truth[some]
        both = _intersections(detection, truth, d, t)
        union = np.where(crowd[t], detection.area[d], detection.area[d] + truth.area[t] - both)
        out[some] = both / np.maximum(union, 1)
    return out


def _runs(masks: PackedMasks, at: Ints) -> Ints:
    return (masks.start[1:] - masks.start[:-1])[at]


def _chunks(rows: Ints, weight: Ints) -> Iterator[Ints]:
    which = np.cumsum(weight) // PAIRS_AT_ONCE
    yield from np.split(rows, np.flatnonzero(np.diff(which)) + 1) if len(rows) else []


def _intersections(left: PackedMasks, right: PackedMasks, at_left: Ints, at_right: Ints) -> Ints:
    """(p,) px set in both. Each run of the left mask asks the right one how much it covers up to either end."""
    # All edges of the right-hand masks in one rising line: mask m lives at m · stride.
    stride = int(max(right.edge.max(initial=0), left.edge.max(initial=0))) + 1
    used, at_used = np.unique(at_right, return_inverse=True)
    lengths = _runs(right, used)
    inside = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    rows = np.repeat(right.start[used], lengths) + inside
    line = right.edge[rows] + np.repeat(np.arange(len(used)), lengths) * stride
    first = np.cumsum(lengths) - lengths

    asked = _runs(left, at_left)
    pair = np.repeat(np.arange(len(at_left)), asked)
    place = np.arange(int(asked.sum())) - np.repeat(np.cumsum(asked) - asked, asked)
    x = left.edge[np.repeat(left.start[at_left], asked) + place]
    mask = at_used[pair]
    at = np.searchsorted(line, x + mask * stride, side="left")
    inside_at = at - first[mask]
    # ``at`` is the run that holds pixel x: its edge less what of it lies beyond x.
    covered = right.set_px[rows[at]] - np.where(inside_at % 2 == 1, right.edge[rows[at]] - x, 0)
    sign = np.where(place % 2 == 1, 1, -1)
    # An even number of runs ends on a set run; an odd one ends on an unset run whose end must not count.
    sign = np.where((place == asked[pair] - 1) & (place % 2 == 0), 0, sign)
    return np.bincount(pair, weights=covered * sign, minlength=len(at_left)).astype(np.int64)


def pair_oks(
    detection: Floats,
    truth: Floats,
    at_detection: Ints,
    at_truth: Ints,
    *,
    area: Floats,
    box: Floats,
    sigmas: Floats,
) -> Floats:
    """(p,) object keypoint similarity, as COCO's ``computeOks``.

    ``detection`` (d, k, ≥2) and ``truth`` (t, k, 3) are x, y, visibility; ``area`` (t,) px² and ``box`` (t, 4) are
    the truths'. A truth without labelled keypoints is compared with its doubled box instead, as COCO does.
    """
    out = np.zeros(len(at_detection))
    variance = (sigmas * 2) ** 2
    order = np.argsort(at_truth, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(at_truth[order])) + 1) if len(order) else []:
        j = int(at_truth[rows[0]])
        xd, yd = detection[at_detection[rows], :, 0], detection[at_detection[rows], :, 1]
        seen = truth[j, :, 2] > 0
        if seen.any():
            dx, dy = xd - truth[j, :, 0], yd - truth[j, :, 1]
        else:
            x, y, w, h = box[j]
            dx = np.maximum(0, (x - w) - xd) + np.maximum(0, xd - (x + w * 2))
            dy = np.maximum(0, (y - h) - yd) + np.maximum(0, yd - (y + h * 2))
        apart = (dx**2 + dy**2) / variance / (area[j] + np.spacing(1)) / 2
        if seen.any():
            apart = apart[:, seen]
        # One row at a time sums in numpy's own order for that length, which is COCO's.
        out[rows] = [np.sum(row) / len(row) for row in np.ascontiguousarray(np.exp(-apart))]
    return out
