"""What an edit changed, in words."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from evalnb.annotating.telling import told
from evalnb.core import masks
from evalnb.wire.shapes import (
    EllipseGeometry,
    KeypointsGeometry,
    MaskGeometry,
    Patch,
    PolygonGeometry,
    Track,
    Turned,
)

NAMES = {1: "person", 7: "bag"}


def last(canvas: Any, op: Any) -> list[tuple[str, str, str]]:
    """What is told of this op's edit."""
    result = canvas.apply(op).results[0]
    assert result.status == "applied", result.reason
    return [(one.name, one.before, one.after) for one in told(canvas.history()[-1], NAMES)]


def test_class_and_outline_are_told_before_and_after(canvas: Any) -> None:
    op = canvas.create(10, 20, 30, 40)
    assert last(canvas, op) == [("class", "–", "person"), ("outline", "–", "box 30 × 40 at 10, 20")]
    polygon = PolygonGeometry(
        box=(0, 0, 1, 1), parts=[[0, 0, 60, 0, 60, 50, 0, 50]], holes=[[10, 10, 20, 10, 20, 20]]
    )
    assert last(canvas, canvas.update(op.shape_id, 1, class_id=7, geometry=polygon)) == [
        ("class", "person", "bag"),
        ("outline", "box 30 × 40 at 10, 20", "polygon of 7 corners, 60 × 50 at 0, 0"),
    ]
    assert last(canvas, canvas.update(op.shape_id, 2, class_id=30)) == [("class", "bag", "class 30")]
    assert last(canvas, canvas.delete(op.shape_id, 3)) == []


def test_attributes_are_told_one_by_one_where_they_differ(canvas: Any) -> None:
    shape = canvas.draw()
    first = {"coat": "red", "age": 3, "moving": True, "plate": "x" * 200}
    assert last(canvas, canvas.update(shape.id, 1, attributes=first)) == [
        ("age", "–", "3"),
        ("coat", "–", "red"),
        ("moving", "–", "yes"),
        ("plate", "–", "x" * 79 + "…"),
    ]
    assert last(canvas, canvas.update(shape.id, 2, attributes={**first, "age": 3.5, "coat": "blue"})) == [
        ("age", "3", "3.5"),
        ("coat", "red", "blue"),
    ]
    del first["moving"]
    assert ("moving", "yes", "–") in last(canvas, canvas.update(shape.id, 3, attributes=first))


def test_crowd_order_tags_and_track_are_told(canvas: Any) -> None:
    shape = canvas.draw()
    id = UUID("abcd0000-0000-4000-8000-000000000000")
    change = {"crowd": True, "z": 4, "tags": ["hard"], "track": Track(id=id)}
    assert last(canvas, canvas.update(shape.id, 1, **change)) == [
        ("crowd", "no", "yes"),
        ("order", "0", "4"),
        ("tags", "–", "hard"),
        ("track", "–", "keyframe (abcd)"),
    ]
    assert last(canvas, canvas.update(shape.id, 2, track=Track(id=id, outside=True))) == [
        ("track", "keyframe (abcd)", "out of sight (abcd)")
    ]


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        (
            EllipseGeometry(box=(0, 0, 1, 1), turned=Turned(center=(50, 50), size=(40, 20), angle=0)),
            "ellipse 40 × 20 at 30, 40",
        ),
        (KeypointsGeometry(box=(5, 5, 20, 20), points=[(6, 6, 2), (20, 20, 1)]), "2 keypoints, 20 × 20 at 5, 5"),
    ],
)
def test_every_kind_is_named(canvas: Any, geometry: Any, said: str) -> None:
    op = canvas.create()
    op = op.model_copy(update={"patch": Patch(class_id=1, geometry=geometry)})
    assert last(canvas, op)[1] == ("outline", "–", said)


def test_a_mask_is_told_with_its_pixels(canvas: Any) -> None:
    pixels = np.zeros((480, 640), dtype=bool)
    pixels[10:60, 20:60] = True
    rle = masks.encode(pixels)
    mask = MaskGeometry(box=(0, 0, 1, 1), size=rle.size, counts=masks.to_string(rle))
    op = canvas.create().model_copy(update={"shape_id": uuid4(), "patch": Patch(class_id=1, geometry=mask)})
    assert last(canvas, op)[1] == ("outline", "–", "mask of 2,000 px, 40 × 50 at 20, 10")
