"""What follows from a geometry: the box around it, its area, its outline as polygons, its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalnb.core import masks
from evalnb.core.records import Geometry, Turned

REGIONS = ("box", "rotated", "polygon", "ellipse", "mask", "keypoints")
"""The kinds that enclose pixels and can be found by a detector; polylines and points do not."""

_ELLIPSE_STEP_PX = 0.05
"""How far an ellipse drawn as a polygon may depart from the curve."""


def corners(turned: Turned) -> tuple[float, ...]:
    """x0, y0, … x3, y3 of the rectangle's corners, from what was its top left one on, clockwise."""
    # As ``rotated.corners_of`` does for many; arrays of one row would take twenty times as long.
    (x, y), (w, h) = turned.center, turned.size
    cos, sin = math.cos(turned.angle), math.sin(turned.angle)
    ax, ay, bx, by = w / 2 * cos, w / 2 * sin, -h / 2 * sin, h / 2 * cos
    return (-ax - bx + x, -ay - by + y, ax - bx + x, ay - by + y, ax + bx + x, ay + by + y, bx - ax + x, by - ay + y)


def box_around(geometry: Geometry) -> tuple[float, float, float, float]:
    """x, y, w, h of the upright box that encloses the geometry; a box and keypoints state their own."""
    match geometry.kind:
        case "rotated":
            return _around([corners(_turned(geometry))])
        case "ellipse":
            turned = _turned(geometry)
            cos, sin = math.cos(turned.angle), math.sin(turned.angle)
            half_w = math.hypot(turned.size[0] / 2 * cos, turned.size[1] / 2 * sin)
            half_h = math.hypot(turned.size[0] / 2 * sin, turned.size[1] / 2 * cos)
            x, y = turned.center
            return (x - half_w, y - half_h, 2 * half_w, 2 * half_h)
        case "polygon" | "polyline" | "points":
            return _around(geometry.parts)
        case "mask":
            return masks.box(_mask(geometry))
        case "box" | "keypoints":
            return geometry.box


def with_box(geometry: Geometry) -> Geometry:
    """The geometry with the box around it in place of the one that it states."""
    return replace(geometry, box=box_around(geometry))


def area_of(geometry: Geometry) -> float:
    """px²: a mask's pixels, a polygon's shoelace area less its holes, an ellipse's, a box's sides multiplied.

    Polylines and points enclose nothing: 0.
    """
    match geometry.kind:
        case "mask":
            return float(_mask(geometry).area_px)
        case "polygon":
            return max(sum(map(polygon_area, geometry.parts)) - sum(map(polygon_area, geometry.holes)), 0.0)
        case "rotated":
            return math.prod(_turned(geometry).size)
        case "ellipse":
            return math.pi / 4 * math.prod(_turned(geometry).size)
        case "polyline" | "points":
            return 0.0
        case "box" | "keypoints":
            return geometry.box[2] * geometry.box[3]


def outline(geometry: Geometry) -> tuple[tuple[float, ...], ...]:
    """The parts of a polygon that encloses what the geometry does, without a polygon's holes; () for masks, polylines
    and points. An ellipse becomes as many corners as keep within 0.05 px of it."""
    match geometry.kind:
        case "polygon":
            return geometry.parts
        case "rotated":
            return (corners(_turned(geometry)),)
        case "ellipse":
            return (_ellipse(_turned(geometry)),)
        case "box" | "keypoints":
            x, y, w, h = geometry.box
            return ((x, y, x, y + h, x + w, y + h, x + w, y),)
        case "mask" | "polyline" | "points":
            return ()


def mask_of(geometry: Geometry, size: tuple[int, int]) -> masks.Rle:
    """The pixels of a geometry in an image of ``size`` (height, width), rasterised as COCO does; a polygon without
    its holes. Empty for polylines and points."""
    if geometry.kind == "mask":
        return _mask(geometry)
    whole = masks.from_polygons(outline(geometry), size)
    if not geometry.holes:
        return whole
    return masks.encode(masks.decode(whole) & ~masks.decode(masks.from_polygons(geometry.holes, size)))


def polygon_area(flat: Sequence[float]) -> float:
    """The shoelace area of x0, y0, x1, y1, …, px²."""
    x, y = flat[0::2], flat[1::2]
    twice = sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(len(x)))
    return abs(twice) / 2


def _ellipse(turned: Turned) -> tuple[float, ...]:
    a, b = turned.size[0] / 2, turned.size[1] / 2
    # A chord over the angle 2t leaves the circle of radius r by r (1 - cos t).
    least = math.acos(max(1 - _ELLIPSE_STEP_PX / max(a, b, _ELLIPSE_STEP_PX), -1))
    count = max(12, math.ceil(math.pi / max(least, 1e-3)))
    t = np.linspace(0, 2 * math.pi, count, endpoint=False)
    cos, sin = math.cos(turned.angle), math.sin(turned.angle)
    along, across = a * np.cos(t), b * np.sin(t)
    x, y = turned.center
    points = np.stack([x + along * cos - across * sin, y + along * sin + across * cos], axis=1)
    return tuple(points.ravel().tolist())


def _around(parts: Sequence[Sequence[float]]) -> tuple[float, float, float, float]:
    x0, y0 = min(min(part[0::2]) for part in parts), min(min(part[1::2]) for part in parts)
    x1, y1 = max(max(part[0::2]) for part in parts), max(max(part[1::2]) for part in parts)
    return (x0, y0, x1 - x0, y1 - y0)


def _turned(geometry: Geometry) -> Turned:
    if geometry.turned is None:
        raise ValueError(f"a geometry of kind {geometry.kind} without its turned rectangle")
    return geometry.turned


def _mask(geometry: Geometry) -> masks.Rle:
    if geometry.mask is None:
        raise ValueError("a mask geometry without its mask")
    return geometry.mask
