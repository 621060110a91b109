"""Average precision of detections that are told what they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.metrics.tally import RECALLS
from evalnb.core.records import Floats, Ints


def average_precision(
    hit: NDArray[np.bool_], counts: NDArray[np.bool_], *, start: Ints, positives: Ints, recalls: Floats = RECALLS
) -> Floats:
    """(k,) COCO's mean precision over the recalls of each class; -1 where it has nothing to find.

    ``hit`` and ``counts`` (d,) say which detections are true positives and which count at all; class k's stand at
    ``start[k] .. start[k + 1]``, the best first. ``positives`` (k,) are the truths to find; ``recalls`` (101,).
    """
    out = np.empty(len(positives))
    columns = [
        native.as_array(start, np.int64),
        native.as_array(hit, np.bool_).view(np.uint8),
        native.as_array(counts, np.bool_).view(np.uint8),
        native.as_array(positives, np.int64),
        native.as_array(recalls, np.float64),
    ]
    at = [native.address(one) for one in columns]
    native.checked(native.library().evalnb_average(*at, 0, len(positives), native.address(out)))
    return out
