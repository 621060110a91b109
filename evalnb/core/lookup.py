"""Where ids stand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def place_of(ids: NDArray[np.integer[Any]], wanted: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """(n,) the place of each wanted id among distinct ids in any order; -1 where it is not there."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(ids, kind="stable")
    at = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return np.where(ids[at] == wanted, at, -1).astype(np.int64)
