"""Four corners: as a file states them, and as the rotated rectangle that they are or that lies around them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalnb.core import rotated
from evalnb.core.numbers import LIST, is_number
from evalnb.core.records import Floats, Turned
from evalnb.core.rotated import convex

FIELDS = ("obb", "rbox", "poly", "segmentation")
"""Where a row's rotated box may stand; the first that is there counts. ``rbox`` and ``poly`` are Ultralytics'."""
_SHAPE = "not cx, cy, w, h, angle in radians, nor x, y of four corners"

_SLACK = 1e-3
"""How far the corners of a rectangle may be from one, in parts of its longer side: files round."""


def turned_of(corners: Floats) -> tuple[Turned, bool]:
    """(the rectangle of corners (4, 2), whether they are one).

    The first corner is the rectangle's own top left. Of four corners that are no rectangle the least one around them
    is taken; one of its sides lies on a side of theirs (H. Freeman and R. Shapira, 1975).
    """
    (around,), _ = convex(corners[None])
    side = np.roll(around, -1, axis=0) - around
    length = np.hypot(*side.T)
    slack = _SLACK * float(length.max())
    square = abs(side[0] @ side[1]) <= slack * max(length[0], length[1])
    opposite = float(np.abs(side[0] + side[2]).max()) <= slack
    if square and opposite:
        # convex turns the order round where need be; the first corner then is the last.
        if not np.array_equal(around[0], corners[0]):
            around = np.roll(around, 1, axis=0)
        x, y = around.mean(axis=0)
        along, across = around[1] - around[0] + around[2] - around[3], around[3] - around[0] + around[2] - around[1]
        size = (float(np.hypot(*along)) / 2, float(np.hypot(*across)) / 2)
        return Turned((float(x), float(y)), size, math.atan2(along[1], along[0])), True
    best: Turned | None = None
    for x, y in side[length > 0]:
        angle = math.atan2(y, x)
        cos, sin = math.cos(angle), math.sin(angle)
        straight = around @ np.array([[cos, -sin], [sin, cos]])
        low, high = straight.min(axis=0), straight.max(axis=0)
        (cx, cy), (w, h) = (low + high) / 2, high - low
        if best is None or w * h < math.prod(best.size):
            best = Turned((float(cx * cos - cy * sin), float(cx * sin + cy * cos)), (float(w), float(h)), angle)
    return best or Turned((float(around[0, 0]), float(around[0, 1])), (0.0, 0.0), 0.0), False


def stated(row: Mapping[str, Any]) -> tuple[str, Any]:
    """The field that states a row's rotated box, and what it says: flat where it was a polygon or pairs."""
    name = next((one for one in FIELDS if row.get(one) is not None), FIELDS[0])
    value = row.get(name)
    if isinstance(value, LIST) and len(value) == 1 and isinstance(value[0], LIST):
        value = value[0]
    if isinstance(value, LIST) and len(value) and all(isinstance(one, LIST) for one in value):
        value = [number for corner in value for number in corner]
    return name, value


def wrong(value: Any) -> str | None:
    """What is wrong with the numbers of a rotated box; None where nothing is."""
    if value is None:
        return "missing"
    if not isinstance(value, LIST) or len(value) not in (5, 8):
        return _SHAPE
    if what := next((said for one in value if (said := is_number(one))), None):
        return what
    if len(value) == 5 and (value[2] < 0 or value[3] < 0):
        return f"inverted: width {value[2]}, height {value[3]}"
    return None


def corners_of(value: Sequence[float]) -> Floats:
    """(4, 2) the corners of what ``wrong`` has nothing against."""
    numbers = np.asarray(value, dtype=np.float64)
    corners: Floats = rotated.corners_of(numbers[None])[0] if len(value) == 5 else numbers.reshape(4, 2)
    return corners
