"""Every tool of the canvas under a hand, in a real JupyterLab: what is asserted is what the database holds."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from evalnb.core import masks, shapes
from evalnb.dataset import Dataset
from evalnb.store.repositories import datasets
from evalnb.wire.shapes import (
    EllipseGeometry,
    KeypointsGeometry,
    MaskGeometry,
    PointsGeometry,
    PolylineGeometry,
    RotatedGeometry,
)
from tests.annotating import Annotating
from tests.browser.test_canvas import shown, until
from tests.lab import Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def clicked(canvas: Annotating, *places: tuple[float, float]) -> None:
    for x, y in places:
        canvas.click(*canvas.at(x, y))


def test_every_tool_leaves_its_kind_in_the_database(yard: Yard, lab: Lab, page: Any, tmp_path: Path) -> None:
    with yard.store.database.transaction() as session:
        dataset = Dataset(yard.store, datasets.get(session, yard.dataset_id))
    first = dataset.taxonomy.classes[0]
    dataset.define_class(
        first.name,
        keypoints=["nose", "left eye", "right eye"],
        skeleton=[("nose", "left eye"), ("nose", "right eye")],
    )
    canvas = shown(yard, lab, page)
    canvas.press("1")

    canvas.press("o")
    clicked(canvas, (40, 200), (100, 260), (60, 300))
    canvas.shapes(3)
    canvas.press("i")
    canvas.drag(*canvas.at(150, 200), *canvas.at(230, 240))
    canvas.shapes(4)
    canvas.press("y")
    clicked(canvas, (20, 340), (120, 350), (200, 330))
    canvas.press("Enter")
    canvas.shapes(5)
    canvas.press("u")
    clicked(canvas, (260, 340), (290, 350))
    canvas.press("Enter")
    canvas.shapes(6)
    canvas.press("k")
    canvas.hint("nose (1 of 3)")
    clicked(canvas, (400, 200), (390, 190))
    page.keyboard.down("Shift")
    clicked(canvas, (410, 190))
    page.keyboard.up("Shift")
    canvas.shapes(7)
    canvas.press("m")
    canvas.drag(*canvas.at(300, 250), *canvas.at(350, 250))
    canvas.shapes(8)
    canvas.drag(*canvas.at(350, 250), *canvas.at(350, 290))
    canvas.saved()
    if folder := os.environ.get("EVALNB_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "kinds.png")

    until(lambda: len(yard.shapes()) == 8 and len(yard.history()) == 7)
    rotated, ellipse, line, points, pose, mask = (one.geometry for one in yard.shapes()[2:])
    assert isinstance(rotated, RotatedGeometry)
    assert rotated.turned.angle == pytest.approx(math.pi / 4, abs=0.03)
    assert rotated.turned.size == pytest.approx((60 * math.sqrt(2), 40 * math.sqrt(2)), abs=3)
    assert isinstance(ellipse, EllipseGeometry)
    assert ellipse.turned.center == pytest.approx((190, 220), abs=2)
    assert ellipse.turned.size == pytest.approx((80, 40), abs=3)
    assert isinstance(line, PolylineGeometry) and len(line.parts[0]) == 6
    assert line.box == pytest.approx((20, 330, 180, 20), abs=3)
    assert isinstance(points, PointsGeometry) and len(points.points) == 2
    assert isinstance(pose, KeypointsGeometry)
    assert [one[2] for one in pose.points] == [2, 2, 1]
    assert isinstance(mask, MaskGeometry)
    assert shapes.area_of(mask.record()) > 24 * 80 * 0.8, "two strokes of the brush are one mask"
    assert masks.box(mask.record().mask) == pytest.approx((288, 238, 74, 64), abs=4)  # type: ignore[arg-type]

    # A reload paints them from the database, and undo of a stroke is one edit more.
    canvas.press("Control+z")
    canvas.saved()
    until(lambda: len(yard.history()) == 8)
    undone = yard.shapes()[-1].geometry.record()
    assert undone.mask is not None and masks.box(undone.mask)[3] < 40


def test_a_rotated_box_is_turned_by_its_knob_and_a_stroke_is_wiped(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.press("o")
    clicked(canvas, (200, 200), (300, 200), (250, 240))
    canvas.saved()
    until(lambda: len(yard.shapes()) == 3)
    box = yard.shapes()[-1].geometry
    assert isinstance(box, RotatedGeometry)
    x, y = canvas.at(250, 200)
    # The knob stands 22 px above the upper side.
    canvas.drag(x, y - 22, *canvas.at(330, 220))
    canvas.saved()
    until(lambda: len(yard.history()) == 2)
    turned = yard.shapes()[-1].geometry
    assert isinstance(turned, RotatedGeometry)
    assert turned.turned.angle == pytest.approx(math.pi / 2, abs=0.05)
    assert turned.turned.size == box.turned.size

    canvas.press("m")
    canvas.drag(*canvas.at(100, 300), *canvas.at(160, 300))
    canvas.shapes(4)
    canvas.press("w")
    canvas.drag(*canvas.at(130, 280), *canvas.at(130, 320))
    canvas.saved()
    until(lambda: len(yard.history()) == 4)
    mask = yard.shapes()[-1].geometry.record().mask
    assert mask is not None
    pixels = masks.decode(mask)
    assert pixels[300, 105] and not pixels[300, 130] and pixels[300, 155]
