"""How far pixels are from a mask: exact Euclidean distances, squared, hence whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.records import Ints


def squared_distances(mask: NDArray[np.bool_]) -> Ints:
    """(h, w) the squared distance in px² of each set pixel to the nearest that is not; 0 where not set.

    (h + w)² or more where every pixel is set. Source: Meijster, Roerdink and Hesselink 2000.
    """
    out = np.empty(mask.shape, np.int64)
    if mask.size:
        held = native.as_array(mask, np.uint8)
        native.checked(native.library().evalnb_distances(native.address(held), *mask.shape, native.address(out)))
    return out
