"""What geometry an op may write, and the enclosing box that follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalnb.core import masks, shapes
from evalnb.errors import Invalid
from evalnb.wire.shapes import (
    BoxGeometry,
    EllipseGeometry,
    Geometry,
    KeypointsGeometry,
    MaskGeometry,
    PointsGeometry,
    PolygonGeometry,
    PolylineGeometry,
    RotatedGeometry,
)

FAR_PX = 1e6
"""No coordinate is farther out than this: beyond it float32 canvases lose whole pixels."""


def sound(geometry: Geometry, *, width: int, height: int) -> Geometry:
    """The geometry with its box computed anew from its outline.

    Invalid, with the reason, for what cannot be an annotation of a ``width`` × ``height`` image.
    """
    match geometry:
        case BoxGeometry(box=box):
            _finite(box, "box")
            _extent(box, width, height)
            return geometry
        case RotatedGeometry(turned=turned) | EllipseGeometry(turned=turned):
            _finite([*turned.center, *turned.size, turned.angle], f"{geometry.kind} shape")
            if min(turned.size) <= 0:
                w, h = turned.size
                raise Invalid(f"the shape is {w:g} × {h:g} px", remedy="give it a width and a height above 0")
            box = shapes.box_around(geometry.record())
            _extent(box, width, height)
            return geometry.model_copy(update={"box": box})
        case PolygonGeometry(parts=parts, holes=holes):
            _polygon(parts, holes)
            box = shapes.box_around(geometry.record())
            _extent(box, width, height)
            return geometry.model_copy(update={"box": box})
        case PolylineGeometry(parts=parts):
            _lines(parts)
            box = shapes.box_around(geometry.record())
            _within(box, width, height)
            return geometry.model_copy(update={"box": box})
        case PointsGeometry(points=points):
            if not points:
                raise Invalid("the shape has no points", remedy="give it at least one, or delete the shape")
            _finite([value for point in points for value in point], "shape")
            box = shapes.box_around(geometry.record())
            _within(box, width, height)
            return geometry.model_copy(update={"box": box})
        case MaskGeometry(size=size, counts=counts):
            if size != (height, width):
                raise Invalid(
                    f"the mask is {size[0]} × {size[1]} and the image {height} × {width} (height × width)",
                    remedy="write the mask at the image's own size",
                )
            mask = masks.from_string(counts, size)
            if not mask.area_px:
                raise Invalid("the mask is empty", remedy="set at least one pixel, or delete the shape")
            return geometry.model_copy(update={"box": masks.box(mask)})
        case KeypointsGeometry(box=box, points=points):
            _finite([*box, *(value for point in points for value in point)], "keypoints")
            if not points or any(point[2] not in (0, 1, 2) for point in points):
                raise Invalid(
                    f"{len(points)} keypoints with visibilities {sorted({point[2] for point in points})}",
                    remedy="write at least one keypoint, each with visibility 0, 1 or 2",
                )
            _extent(box, width, height)
            return geometry


def _finite(values: Sequence[float], what: str) -> None:
    for value in values:
        if not math.isfinite(value) or abs(value) > FAR_PX:
            raise Invalid(f"the {what} has a coordinate of {value}", remedy=f"keep within ±{FAR_PX:g} px")


def _extent(box: Sequence[float], width: int, height: int) -> None:
    w, h = box[2:]
    if w <= 0 or h <= 0:
        raise Invalid(f"the shape is {w:g} × {h:g} px", remedy="give it a width and a height above 0")
    _within(box, width, height)


def _within(box: Sequence[float], width: int, height: int) -> None:
    x, y, w, h = box
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise Invalid(
            f"the shape at {x:g}, {y:g} lies outside the {width} × {height} image", remedy="draw it over the image"
        )


def _polygon(parts: Sequence[Sequence[float]], holes: Sequence[Sequence[float]]) -> None:
    if not parts:
        raise Invalid("the polygon has no parts", remedy="give it at least one part of 3 points")
    for part in (*parts, *holes):
        if len(part) < 6 or len(part) % 2:
            raise Invalid(
                f"a polygon part has {len(part)} coordinates",
                remedy="give each part at least 3 points, as x, y pairs",
            )
        _finite(part, "polygon")
    if sum(map(shapes.polygon_area, parts)) <= 0:
        raise Invalid("the polygon encloses nothing", remedy="place its points off one line")


def _lines(parts: Sequence[Sequence[float]]) -> None:
    if not parts:
        raise Invalid("the polyline has no lines", remedy="give it at least one line of 2 points")
    for part in parts:
        if len(part) < 4 or len(part) % 2:
            raise Invalid(
                f"a line of the polyline has {len(part)} coordinates",
                remedy="give each line at least 2 points, as x, y pairs",
            )
        _finite(part, "polyline")
