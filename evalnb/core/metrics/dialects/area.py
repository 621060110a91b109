"""The area under a precision–recall curve, by different rules, of detections in their final order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalnb.core.metrics.dialects.rules import Area, Recalls
from evalnb.core.metrics.tally import RECALLS
from evalnb.core.records import Floats


def recalls(rule: Recalls) -> Floats:
    """(101,) the recall steps, as float64 whatever they were made in: a recall of 7/10 is not every 0.7."""
    if rule == "hundredths":
        return np.arange(101) / 100
    if rule == "float32":
        # Made as PyTorch's linspace makes them: from both ends to the middle, each rounded once.
        place, step = np.arange(101), float(np.float32(0.01))
        return np.where(place < 50, step * place, 1 - step * (100 - place)).astype(np.float32).astype(np.float64)
    return RECALLS


def under(hit: NDArray[np.bool_], truths: int, *, area: Area, steps: Floats) -> float:
    """Average precision of (n,) detections that are hits or false, best first, where there are ``truths`` to find."""
    if not hit.any():
        return 0.0
    found = np.cumsum(hit)
    recall, precision = found / truths, found / np.arange(1, len(hit) + 1)
    # The envelope: precision never rises with recall.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if area != "steps":
        # Either the precision drops to 0 where recall ends, or a line leads from there to 0 at recall 1.
        end = [recall[-1], 1.0] if area == "trapezoid" else [1.0]
        at, value = np.concatenate(([0.0], recall, end)), np.concatenate(([1.0], envelope, np.zeros(len(end))))
        return float(np.trapezoid(np.interp(steps, at, value), steps))
    reached = np.searchsorted(recall, steps, side="left")
    return float(np.append(envelope, 0.0)[reached].mean())
