"""How much shapes overlap: intersection over union of boxes, and keypoint similarity, for lists of pairs.

Both (and ``evalnb.core.packed.pair_mask_iou``) take *pairs* (a detection's row, a truth's row) and not a matrix,
because a dataset's images have anything from no truth to hundreds, and padding them to one shape would cost more than
the arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Floats

PAIRS_AT_ONCE = 2_000_000
"""Pairs are worked on in chunks of this many: about 200 MB of scratch space at the most."""

KEYPOINT_SIGMAS = (
    np.array([0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89])
    / 10.0
)
"""COCO's per-keypoint deviations for its 17 person keypoints."""


def pair_iou(
    detection: Floats,
    truth: Floats,
    at_detection: NDArray[np.integer[Any]],
    at_truth: NDArray[np.integer[Any]],
    crowd: NDArray[np.bool_],
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


def pair_oks(
    detection: Floats,
    truth: Floats,
    at_detection: NDArray[np.integer[Any]],
    at_truth: NDArray[np.integer[Any]],
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
