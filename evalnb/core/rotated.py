"""Rotated boxes: four corners each, and the exact overlap of two.

A box is ``cx, cy, w, h, angle``: its centre and sides in pixels, and the angle in radians by which it is turned
about its centre, clockwise as an image is seen (y points down). As corners it is (4, 2), any convex quadrilateral,
as DOTA's annotations are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.records import Floats
from evalnb.errors import Invalid


def corners_of(boxes: Floats) -> Floats:
    """(n, 4, 2) the corners of (n, 5) boxes, in the order that ``convex`` wants."""
    boxes = np.asarray(boxes, dtype=np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 5:
        raise Invalid(f"rotated boxes have shape {boxes.shape}", remedy="pass (n, 5): cx, cy, w, h, angle in radians")
    centre, half = boxes[:, None, :2], boxes[:, 2:4] / 2
    cos, sin = np.cos(boxes[:, 4]), np.sin(boxes[:, 4])
    along = np.stack([half[:, 0] * cos, half[:, 0] * sin], axis=1)[:, None]
    across = np.stack([-half[:, 1] * sin, half[:, 1] * cos], axis=1)[:, None]
    out: Floats = np.concatenate([-along - across, along - across, along + across, across - along], axis=1) + centre
    return out


def convex(corners: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The quadrilaterals (n, 4, 2) with their corners in the order that makes their areas positive, and (n,) which of
    them were not convex: those stand as their convex hulls."""
    corners = np.array(corners, dtype=np.float64)
    turned = area_px(corners) < 0
    corners[turned] = corners[turned][:, ::-1]
    side = np.roll(corners, -1, axis=1) - corners
    after = np.roll(side, -1, axis=1)
    turn = side[..., 0] * after[..., 1] - side[..., 1] * after[..., 0]
    # A hair of slack: corners that a computation has put on one line are no dent.
    slack = 1e-9 * np.abs(side).max(axis=(1, 2), initial=0) ** 2
    dented = (turn < -slack[:, None]).any(axis=1)
    for row in np.flatnonzero(dented).tolist():
        corners[row] = _hull(corners[row])
    return corners, dented


def area_px(corners: Floats) -> Floats:
    """(n,) the areas of quadrilaterals (n, 4, 2), negative where their corners go round the other way."""
    from_first = corners - corners[:, :1]
    x, y = from_first[..., 0], from_first[..., 1]
    twice: Floats = x[:, 1] * y[:, 2] - x[:, 2] * y[:, 1] + x[:, 2] * y[:, 3] - x[:, 3] * y[:, 2]
    return twice / 2


def enclosing(corners: Floats) -> Floats:
    """(n, 4) the upright boxes x, y, w, h around quadrilaterals (n, 4, 2)."""
    low, high = corners.min(axis=1), corners.max(axis=1)
    return np.concatenate([low, high - low], axis=1)


def upright(boxes: Floats) -> Floats:
    """(n, 4, 2) the corners of upright boxes (n, 4) x, y, w, h, in the order that ``convex`` wants."""
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    x0, y0, x1, y1 = boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    return np.stack([x0, y0, x1, y0, x1, y1, x0, y1], axis=1).reshape(-1, 4, 2)


def pair_rotated_iou(
    detection: Floats,
    truth: Floats,
    at_detection: NDArray[np.integer[Any]],
    at_truth: NDArray[np.integer[Any]],
    crowd: NDArray[np.bool_],
) -> Floats:
    """(p,) IoU of pairs of quadrilaterals (d, 4, 2) and (t, 4, 2) that ``convex`` has put in order.

    The pair k is rows ``at_detection[k]`` and ``at_truth[k]``; over the detection's own area where the truth is a
    ``crowd`` (t,).
    """
    out = np.zeros(len(at_detection))
    left, right = native.as_array(detection, np.float64), native.as_array(truth, np.float64)
    at_left, at_right = native.as_array(at_detection, np.int64), native.as_array(at_truth, np.int64)
    crowds = native.as_array(crowd, np.uint8)
    ious = native.library().evalnb_rotated_ious

    def work(low: int, high: int) -> None:
        where = at_left.ctypes.data + 8 * low, at_right.ctypes.data + 8 * low
        boxes = native.address(left), native.address(right)
        ious(*boxes, *where, native.address(crowds), high - low, out.ctypes.data + 8 * low)

    step = max(20_000, -(-len(out) // native.cores()))
    native.spread(work, [(low, min(low + step, len(out))) for low in range(0, len(out), step)])
    return out


def _hull(corners: Floats) -> Floats:
    """The convex hull of four points as four corners; a triangle says its last one twice."""
    points = sorted(map(tuple, corners.tolist()))

    def half(line: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        out: list[tuple[float, ...]] = []
        for x, y in line:
            while len(out) > 1:
                (ax, ay), (bx, by) = out[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                out.pop()
            out.append((x, y))
        return out[:-1]

    around = half(points) + half(points[::-1])
    return np.array([*around, *[around[-1]] * (4 - len(around))])
