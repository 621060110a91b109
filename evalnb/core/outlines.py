"""A mask as a polygon: the cracks between set and unset pixels, with corners left out as far as a tolerance allows.

As the canvas does it (decision 053), with the set pixels on the right hand; pixels that only touch at a corner are
apart. The simplification is that of D. Douglas and T. Peucker, 1973.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalnb.core import masks
from evalnb.core.masks import Rle
from evalnb.core.records import Geometry
from evalnb.core.shapes import polygon_area, with_box

_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Right, down, left, up."""
_AHEAD = (
    ((0, 0), (-1, 0)),
    ((0, -1), (0, 0)),
    ((-1, -1), (0, -1)),
    ((-1, 0), (-1, -1)),
)
"""For each heading the pixels ahead of a crossing, on the right hand and on the left: row and column from it."""


def polygon_of(mask: Rle, tolerance_px: float = 1.0) -> Geometry | None:
    """The polygon whose outline is nowhere farther than ``tolerance_px`` from a corner of the mask's; None for an
    empty mask. What lies within a hole, an island, is left out: a polygon is its parts less its holes."""
    x, y, w, h = (int(one) for one in masks.box(mask))
    if not w:
        return None
    grid = np.pad(masks.decode(mask)[y : y + h, x : x + w], 1)
    parts: list[tuple[float, ...]] = []
    holes: list[tuple[float, ...]] = []
    for ring, hole in _rings(grid):
        run = tuple((_simpler(ring, tolerance_px) + np.array([x - 1, y - 1])).ravel().tolist())
        (holes if hole else parts).append(run)
    if holes:
        # An island's outline is a ring like any other: it lies wholly in a hole.
        parts = [one for one in parts if not any(_within(one, hole) for hole in holes)]
    return with_box(Geometry("polygon", (0, 0, 0, 0), parts=tuple(parts), holes=tuple(holes)))


def _rings(grid: NDArray[np.bool_]) -> list[tuple[NDArray[np.float64], bool]]:
    """The (k, 2) corners of every outline, and whether it goes round a hole."""
    starts = np.argwhere(grid[1:] & ~grid[:-1]) + np.array([1, 0])
    seen: set[tuple[int, int]] = set()
    found = []
    for row, column in starts.tolist():
        if (row, column) in seen:
            continue
        corners: list[tuple[int, int]] = []
        x, y, heading = column, row, 0
        while True:
            if heading == 0:
                seen.add((y, x))
            x, y = x + _STEPS[heading][0], y + _STEPS[heading][1]
            (right_y, right_x), (left_y, left_x) = _AHEAD[heading]
            turn = 1 if not grid[y + right_y, x + right_x] else 3 if grid[y + left_y, x + left_x] else 0
            if turn:
                corners.append((x, y))
                heading = (heading + turn) % 4
            if (x, y, heading) == (column, row, 0):
                break
        ring = np.array(corners, dtype=np.float64)
        after = np.roll(ring, -1, axis=0)
        found.append((ring, bool((ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]).sum() < 0)))
    return found


def _simpler(ring: NDArray[np.float64], tolerance_px: float) -> NDArray[np.float64]:
    """The ring with fewer corners; as it is where less than a triangle would be left."""
    far = int(((ring - ring[0]) ** 2).sum(axis=1).argmax())
    closed = np.concatenate([ring, ring[:1]])
    keep = np.zeros(len(closed), dtype=bool)
    keep[[0, far, -1]] = True
    pending = [(0, far), (far, len(closed) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        between = closed[first + 1 : last] - closed[first]
        chord = closed[last] - closed[first]
        length = float(np.hypot(*chord))
        along = np.clip(between @ chord / max(length, 1e-9) ** 2, 0, 1)
        away = np.hypot(*(between - along[:, None] * chord).T)
        worst = int(away.argmax())
        if away[worst] > tolerance_px:
            keep[first + 1 + worst] = True
            pending += [(first, first + 1 + worst), (first + 1 + worst, last)]
    simple = closed[:-1][keep[:-1]]
    return simple if len(simple) >= 3 and polygon_area(simple.ravel().tolist()) > 0 else ring


def _within(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
    """Whether the box around one run lies in that around another."""
    return (
        min(outer[0::2]) <= min(inner[0::2])
        and max(inner[0::2]) <= max(outer[0::2])
        and min(outer[1::2]) <= min(inner[1::2])
        and max(inner[1::2]) <= max(outer[1::2])
    )
