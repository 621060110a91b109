"""Where ids stand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Ints

_DENSE = 1_000_000
"""Ids that lie within four times their number, and this, are looked up in a list."""
_TABLE = 1 << 28
"""Cells of a table of two ids, at a byte each, that it may have; beyond, keys are searched."""


def place_of(ids: NDArray[np.integer[Any]], wanted: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """(n,) the place of each wanted id among the distinct ids, which stand in any order; -1 where it is not there."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int32)
    low, high = int(ids.min()), int(ids.max())
    if high - low < 4 * len(ids) + _DENSE:
        # One look in a list beats a search; ids are mostly small and dense.
        line = np.full(high - low + 2, -1, np.int32)
        line[ids - low] = np.arange(len(ids))
        inside = (wanted >= low) & (wanted <= high)
        return line[np.where(inside, wanted - low, len(line) - 1)]
    order = np.argsort(ids, kind="stable")
    at = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return np.where(ids[at] == wanted, at, -1).astype(np.int32)


def among(
    left: NDArray[np.integer[Any]],
    right: NDArray[np.integer[Any]],
    known_left: NDArray[np.integer[Any]],
    known_right: NDArray[np.integer[Any]],
) -> NDArray[np.bool_]:
    """(n,) which pairs of places are among the known pairs; a pair with a place below 0 is not."""
    if not len(left) or not len(known_left):
        return np.zeros(len(left), bool)
    width = 1 + max(int(right.max()), int(known_right.max()), 0)
    there, known_there = (left >= 0) & (right >= 0), (known_left >= 0) & (known_right >= 0)
    key: Ints = np.where(there, left.astype(np.int64) * width + right, 0)
    known: Ints = (known_left.astype(np.int64) * width + known_right)[known_there]
    cells = 1 + max(int(key.max()), int(known.max(initial=0)))
    if cells <= _TABLE:
        table = np.zeros(cells, bool)
        table[known] = True
        return table[key] & there
    found: NDArray[np.bool_] = np.isin(key, known) & there
    return found
