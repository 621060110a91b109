"""IoU as different hands compute it: the same boxes, rounded at different places.

It matters where an IoU is exactly a threshold, which whole-pixel boxes often are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.boxes import PAIRS_AT_ONCE, pair_iou
from evalnb.core.metrics.dialects.rules import Overlap
from evalnb.core.records import Floats, Ints

_Array = NDArray[np.floating[Any]]


def overlap(
    detection: Floats, truth: Floats, at: Ints, to: Ints, crowd: NDArray[np.bool_], *, rule: Overlap, side: Ints
) -> Floats:
    """(p,) IoU of pairs of x, y, w, h boxes; for a crowd, intersection over the detection's own area.

    ``side`` (d, 2) is height and width of each detection's image, for boxes as fractions of it.
    """
    if rule == "float32 corners":
        detection, truth = _through_corners(detection, np.float32), _through_corners(truth, np.float32)
    elif rule == "float64 corners":
        detection, truth = _through_corners(detection, np.float64), _through_corners(truth, np.float64)
    out = np.empty(len(at))
    for begin in range(0, len(at), PAIRS_AT_ONCE):
        some = slice(begin, begin + PAIRS_AT_ONCE)
        d, t = at[some], to[some]
        if rule == "float32":
            out[some] = _in_float32(detection[d], truth[t], crowd[t])
        elif rule == "float64 corners":
            out[some] = _of_corners(detection[d], truth[t], crowd[t])
        elif rule == "fractions":
            whole = np.tile(np.where(side[d] > 0, side[d], 1)[:, ::-1], 2)
            each = np.arange(len(d))
            out[some] = pair_iou(detection[d] / whole, truth[t] / whole, each, each, crowd[t])
        else:
            out[some] = pair_iou(detection, truth, d, t, crowd)
    return out


def _through_corners(box: Floats, kind: type[np.floating[Any]]) -> Floats:
    """x, y, w, h of boxes that were stored as corners: x + w − x is not w."""
    low = box[:, :2].astype(kind)
    high = (box[:, :2] + box[:, 2:]).astype(kind)
    out: Floats = np.concatenate([low, high - low], axis=1).astype(np.float64)
    return out


def _of_corners(d: Floats, t: Floats, crowd: NDArray[np.bool_]) -> Floats:
    """With areas from corners x + w, and the least number added so that nothing divides by zero."""
    d_high, t_high = d[:, :2] + d[:, 2:], t[:, :2] + t[:, 2:]
    both = _area(np.minimum(d_high, t_high) - np.maximum(d[:, :2], t[:, :2]))
    mine, theirs = _area(d_high - d[:, :2]), _area(t_high - t[:, :2])
    union = np.where(crowd, mine, mine + theirs - both) + np.spacing(1)
    value: Floats = both / union
    return value


def _in_float32(d: Floats, t: Floats, crowd: NDArray[np.bool_]) -> Floats:
    """Every step in float32, 1e-7 added to the union."""
    d_low, t_low = d[:, :2].astype(np.float32), t[:, :2].astype(np.float32)
    d_high = (d[:, :2] + d[:, 2:]).astype(np.float32)
    t_high = (t[:, :2] + t[:, 2:]).astype(np.float32)
    both = _area(np.minimum(d_high, t_high) - np.maximum(d_low, t_low))
    mine = (d_high - d_low)[:, 0] * (d_high - d_low)[:, 1]
    theirs = (t_high - t_low)[:, 0] * (t_high - t_low)[:, 1]
    union = np.where(crowd, mine, mine + theirs - both) + np.float32(1e-7)
    value: Floats = (both / union).astype(np.float64)
    return value


def _area(side: _Array) -> Any:
    """(p,) of (p, 2) sides; a negative side is none. In the type of the sides."""
    side = np.maximum(side, 0)
    return side[:, 0] * side[:, 1]
