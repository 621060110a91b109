"""Every kind of geometry: stored and read back equal, its box computed, and refused where it cannot be."""

from __future__ import annotations

import math
from uuid import uuid4

import pytest

from evalnb.core import masks, shapes
from evalnb.core.records import Geometry, Turned
from evalnb.wire.shapes import (
    EllipseGeometry,
    KeypointsGeometry,
    Op,
    Patch,
    PointsGeometry,
    PolygonGeometry,
    PolylineGeometry,
    RotatedGeometry,
    Track,
)
from evalnb.wire.shapes import Geometry as WireGeometry
from evalnb.wire.shapes import Turned as WireTurned
from tests.edits.conftest import Canvas

_NONE = (0.0, 0.0, 0.0, 0.0)
_TURNED = WireTurned(center=(100.0, 80.0), size=(60.0, 20.0), angle=math.pi / 2)

KINDS: list[tuple[WireGeometry, tuple[float, float, float, float]]] = [
    (RotatedGeometry(box=_NONE, turned=_TURNED), (90, 50, 20, 60)),
    (EllipseGeometry(box=_NONE, turned=_TURNED), (90, 50, 20, 60)),
    (
        PolygonGeometry(box=_NONE, parts=[[0, 0, 40, 0, 40, 40, 0, 40]], holes=[[10, 10, 20, 10, 20, 20]]),
        (0, 0, 40, 40),
    ),
    (PolylineGeometry(box=_NONE, parts=[[5, 7, 50, 7]]), (5, 7, 45, 0)),
    (PointsGeometry(box=_NONE, points=[(3, 4), (9, 1)]), (3, 1, 6, 3)),
    (KeypointsGeometry(box=(1, 1, 9, 9), points=[(2, 2, 2), (0, 0, 0)]), (1, 1, 9, 9)),
]


@pytest.mark.parametrize(("geometry", "box"), KINDS, ids=lambda one: getattr(one, "kind", ""))
def test_comes_back_equal_with_its_box(
    canvas: Canvas, geometry: WireGeometry, box: tuple[float, float, float, float]
) -> None:
    op = Op(
        client_op_id=uuid4(),
        shape_id=uuid4(),
        base_rev=0,
        action="create",
        patch=Patch(class_id=1, geometry=geometry, z=3, track=Track(id=uuid4(), keyframe=False)),
    )
    assert canvas.apply(op).results[0].status == "applied"
    (shape,) = canvas.shapes()
    assert shape.geometry.box == pytest.approx(box, abs=1e-9)
    assert shape.geometry.model_copy(update={"box": geometry.box}) == geometry
    assert (shape.z, shape.track) == (3, op.patch.track)


REFUSED: list[tuple[WireGeometry, str]] = [
    (RotatedGeometry(box=_NONE, turned=WireTurned(center=(1, 1), size=(0, 4), angle=0)), "0 × 4"),
    (EllipseGeometry(box=_NONE, turned=WireTurned(center=(1, 1), size=(4, 4), angle=math.inf)), "inf"),
    (PolygonGeometry(box=_NONE, parts=[[0, 0, 9, 0, 9, 9]], holes=[[1, 1, 2, 2]]), "4 coordinates"),
    (PolylineGeometry(box=_NONE, parts=[[1, 1]]), "2 coordinates"),
    (PolylineGeometry(box=_NONE, parts=[[900, 10, 990, 10]]), "outside"),
    (PointsGeometry(box=_NONE, points=[]), "no points"),
]


@pytest.mark.parametrize(("geometry", "why"), REFUSED, ids=lambda one: getattr(one, "kind", ""))
def test_refused_with_its_reason(canvas: Canvas, geometry: WireGeometry, why: str) -> None:
    op = Op(
        client_op_id=uuid4(),
        shape_id=uuid4(),
        base_rev=0,
        action="create",
        patch=Patch(class_id=1, geometry=geometry),
    )
    result = canvas.apply(op).results[0]
    assert result.status == "refused" and why in result.reason
    assert canvas.shapes() == []


def test_an_ellipse_covers_its_area() -> None:
    ellipse = Geometry("ellipse", _NONE, turned=Turned((50.0, 40.0), (60.0, 30.0), 0.4))
    mask = shapes.mask_of(ellipse, (80, 100))
    assert mask.area_px == pytest.approx(shapes.area_of(ellipse), rel=0.01)
    x, y, w, h = shapes.box_around(ellipse)
    assert masks.box(mask) == pytest.approx((x, y, w, h), abs=1.5)


def test_holes_are_cut_out() -> None:
    square = (0.0, 0.0, 40.0, 0.0, 40.0, 40.0, 0.0, 40.0)
    hole = (10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0)
    ring = Geometry("polygon", _NONE, parts=(square,), holes=(hole,))
    assert shapes.area_of(ring) == 1500
    assert shapes.mask_of(ring, (50, 50)).area_px == 1500
