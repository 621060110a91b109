"""Outlines of masks, for formats that know only polygons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalnb.core import masks as rle
from evalnb.core.records import Floats

TOLERANCE_PX = 0.75
"""How far a simplified outline may lie from the mask's own border."""


def of_mask(mask: rle.Rle) -> tuple[list[Floats], int]:
    """(outer borders, how many holes): each border (k, 2) x, y along pixel edges, clockwise on the screen."""
    x, y, w, h = (int(one) for one in rle.box(mask))
    if w == 0 or h == 0:
        return [], 0
    loops = _loops(rle.decode(mask)[y : y + h, x : x + w])
    corner = np.array([x, y], dtype=np.float64)
    outer = [loop + corner for loop in loops if _signed_area(loop) > 0]
    return outer, len(loops) - len(outer)


def simplified(loop: Floats, *, tolerance_px: float = TOLERANCE_PX) -> Floats:
    """The loop with fewer points, at least three, none of the others further than ``tolerance_px`` from it.

    D. Douglas and T. Peucker, Algorithms for the reduction of the number of points, 1973.
    """
    if len(loop) <= 4:
        return loop
    # A closed line has no ends: cut it at the point furthest from the first.
    far = int(np.argmax(((loop - loop[0]) ** 2).sum(axis=1)))
    keep = np.zeros(len(loop) + 1, dtype=bool)
    closed = np.vstack([loop, loop[:1]])
    keep[[0, far, len(loop)]] = True
    stack = [(0, far), (far, len(loop))]
    while stack:
        start, end = stack.pop()
        if end - start < 2:
            continue
        away = _distance(closed[start + 1 : end], closed[start], closed[end])
        furthest = int(np.argmax(away))
        if away[furthest] > tolerance_px:
            middle = start + 1 + furthest
            keep[middle] = True
            stack += [(start, middle), (middle, end)]
    kept = closed[:-1][keep[:-1]]
    return kept if len(kept) >= 3 else loop


def joined(parts: Sequence[Floats]) -> Floats:
    """One loop of several: each next part is reached from its nearest point and left the same way.

    The bridges have no width, so that the area stays; it is how YOLO's own converter joins parts.
    """
    whole = parts[0]
    for part in parts[1:]:
        apart = ((whole[:, None] - part[None]) ** 2).sum(axis=2)
        i, j = np.unravel_index(int(np.argmin(apart)), apart.shape)
        turned = np.concatenate([part[j:], part[: j + 1]])
        whole = np.concatenate([whole[: i + 1], turned, whole[i:]])
    return whole


_STEP = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Directions: right, down, left, up."""


def _loops(mask: NDArray[np.bool_]) -> list[Floats]:
    """Closed borders of the set pixels along pixel edges, corners only; set pixels lie to the right of the way."""
    padded = np.pad(mask, 1)
    sides = (
        (0, mask & ~padded[:-2, 1:-1], 0, 0),
        (1, mask & ~padded[1:-1, 2:], 1, 0),
        (2, mask & ~padded[2:, 1:-1], 1, 1),
        (3, mask & ~padded[1:-1, :-2], 0, 1),
    )
    edges = {
        (x + dx, y + dy, direction) for direction, border, dx, dy in sides for y, x in np.argwhere(border).tolist()
    }
    left = dict.fromkeys(sorted(edges))
    loops: list[Floats] = []
    while left:
        first = edge = next(iter(left))
        corners: list[tuple[int, int]] = []
        while True:
            del left[edge]
            x, y, direction = edge
            x, y = x + _STEP[direction][0], y + _STEP[direction][1]
            # Where two pixels touch at a corner, turn right: each keeps a border of its own.
            turns = ((x, y, (direction + turn) % 4) for turn in (1, 0, 3))
            edge = next(one for one in turns if one in edges)
            if edge[2] != direction:
                corners.append((x, y))
            if edge == first:
                break
        loops.append(np.array(corners, dtype=np.float64))
    return loops


def _signed_area(loop: Floats) -> float:
    x, y = loop[:, 0], loop[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _distance(points: Floats, start: Floats, end: Floats) -> Floats:
    line = end - start
    length2 = float(line @ line)
    along = np.clip((points - start) @ line / length2, 0, 1) if length2 else np.zeros(len(points))
    out: Floats = np.hypot(*(points - start - along[:, None] * line).T)
    return out
