"""The eight kinds of object in a scene, each a function that is negative inside its outline.

All live in a square of −1 … 1 around the object's centre, y down. The values are distances near the outline, good
enough for shading; the outline itself is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Outline = Callable[[Plane, Plane], Plane]


def _ball(x: Plane, y: Plane) -> Plane:
    return np.hypot(x, y) - 0.95


def _crate(x: Plane, y: Plane) -> Plane:
    dx, dy = np.abs(x) - 0.74, np.abs(y) - 0.74
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.minimum(np.maximum(dx, dy), 0) - 0.08


def _cone(x: Plane, y: Plane) -> Plane:
    # Two flanks that meet at the tip (0, −0.95), and a foot at y = 0.85.
    flank = np.abs(x) * 0.916 - (y + 0.95) * 0.401
    return np.maximum(flank, y - 0.85)


def _ring(x: Plane, y: Plane) -> Plane:
    return np.abs(np.hypot(x, y) - 0.68) - 0.27


def _star(x: Plane, y: Plane) -> Plane:
    # In each of ten mirrored sectors the outline is the straight line from a tip to an inner corner.
    sector = np.pi / 5
    angle = np.arctan2(x, -y)
    bent = np.abs((angle + sector) % (2 * sector) - sector)
    radius = np.hypot(x, y)
    u, v = radius * np.cos(bent), radius * np.sin(bent)
    tip, inner = 0.97, 0.44
    along = np.array([inner * np.cos(sector) - tip, inner * np.sin(sector)])
    along /= np.hypot(*along)
    out: Plane = (u - tip) * along[1] - v * along[0]
    return out


def _bottle(x: Plane, y: Plane) -> Plane:
    body = np.maximum(np.abs(x) - 0.40, np.abs(y - 0.28) - 0.68)
    shoulder = np.hypot(x, (y + 0.38) * 1.3) - 0.41
    neck = np.maximum(np.abs(x) - 0.16, np.abs(y + 0.62) - 0.34)
    return np.asarray(np.minimum(np.minimum(body, shoulder), neck))


def _leaf(x: Plane, y: Plane) -> Plane:
    return np.maximum(np.hypot(x - 0.62, y), np.hypot(x + 0.62, y)) - 1.13


def _gear(x: Plane, y: Plane) -> Plane:
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    teeth = 0.82 + 0.13 * np.clip(3.0 * np.cos(9 * angle), -1, 1)
    return np.asarray(np.maximum(radius - teeth, 0.30 - radius))


OUTLINES: Mapping[str, Outline] = {
    "ball": _ball,
    "crate": _crate,
    "cone": _cone,
    "ring": _ring,
    "star": _star,
    "bottle": _bottle,
    "leaf": _leaf,
    "gear": _gear,
}
"""By class name, in the order of the demo's taxonomy."""

WITHOUT_HOLES = frozenset({"ball", "crate", "cone", "star", "bottle", "leaf"})


def traced(name: str, *, steps: int = 72) -> NDArray[np.float64]:
    """The outline as a polygon: (steps, 2) points in the unit square, one on each ray from the centre.

    Only for outlines without holes, which are all seen whole from their centre.
    """
    outline = OUTLINES[name]
    angle = np.arange(steps) * (2 * np.pi / steps) - np.pi / 2
    low, high = np.zeros(steps), np.full(steps, 1.5)
    for _ in range(40):
        middle = (low + high) / 2
        inside = outline(middle * np.cos(angle), middle * np.sin(angle)) < 0
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.stack([low * np.cos(angle), low * np.sin(angle)], axis=1)
