"""Average precision over every recall that is reached, as PASCAL VOC has it since 2010 and Open Images has it."""

from __future__ import annotations

import numpy as np

from evalnb.core.matching import THRESHOLDS, Matches
from evalnb.core.metrics.part import Part
from evalnb.core.records import Floats, Ints

PROTOCOLS = ("open_images",)
"""Protocols whose precision is this one, and not the mean over COCO's 101 recalls."""


def every_point(matches: Matches, part: Part, truths: Ints) -> Floats:
    """(k, 10 IoUs) the area under each class's precision–recall steps, precision made to fall; -1 without truths.

    ``truths`` (k,) is how many each class of the part has to find.
    """
    rows, start = part.detections(matches)
    matched, ignored = matches.matched[rows], matches.ignored[rows]
    out = np.full((len(truths), len(THRESHOLDS)), -1.0)
    some = np.flatnonzero(truths > 0)
    for threshold in range(len(THRESHOLDS)):
        bit = np.uint64(1 << threshold)
        counts = (ignored & bit) == 0
        hits = np.flatnonzero(counts & ((matched & bit) != 0))
        seen = np.concatenate(([0], np.cumsum(counts)))
        bounds = np.searchsorted(hits, start)
        for one in some.tolist():
            mine = hits[bounds[one] : bounds[one + 1]]
            precision = np.arange(1, len(mine) + 1) / (seen[mine + 1] - seen[start[one]])
            falling = np.maximum.accumulate(precision[::-1])
            out[one, threshold] = falling.sum() / truths[one]
    return out
