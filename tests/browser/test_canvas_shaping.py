"""Shapes of shapes, in a real JupyterLab: joined, cut, taken apart, drawn tight; corners drawn to corners."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import boxes, chosen, pictured
from tests.lab import Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def test_shapes_are_cut_joined_and_taken_apart(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    # The polygon of the yard: 60, 100 to 160, 200.
    canvas.click(*canvas.at(110, 150))
    canvas.press("Alt+j")
    canvas.hint("Click on one side of the shape")
    canvas.click(*canvas.at(110, 90))
    canvas.click(*canvas.at(110, 210))
    pictured(page, "slice")
    canvas.press("Enter")
    canvas.shapes(3)
    canvas.saved()
    halves = sorted(one.geometry.box for one in yard.shapes() if one.geometry.kind == "polygon")
    assert halves[0] == pytest.approx((60, 100, 50, 100), abs=1)
    assert halves[1] == pytest.approx((110, 100, 50, 100), abs=1)
    # Both sides are selected: joined they are what they were.
    canvas.press("j")
    canvas.shapes(2)
    canvas.saved()
    until(lambda: sorted(boxes(yard))[0] == pytest.approx((60, 100, 100, 100), abs=1))
    # Two that do not touch are one shape of two parts, and come apart again.
    canvas.press("Control+a")
    canvas.press("j")
    canvas.shapes(1)
    canvas.saved()
    joined = yard.shapes()[0].geometry
    assert (joined.kind, len(joined.parts)) == ("polygon", 2)
    canvas.press("Shift+J")
    canvas.shapes(2)
    canvas.press("Control+z")
    canvas.shapes(1)


def test_a_hole_is_cut_and_a_box_is_drawn_tight(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.draw(90, 130, 40, 40)
    canvas.shapes(3)
    canvas.press("Escape")
    canvas.click(*canvas.at(70, 110))
    page.keyboard.down("Shift")
    canvas.click(*canvas.at(110, 150))
    page.keyboard.up("Shift")
    canvas.hint("2 selected")
    chosen(canvas, "and delete them")
    canvas.shapes(2)
    canvas.saved()
    until(lambda: any(one.geometry.kind == "polygon" and one.geometry.holes for one in yard.shapes()))
    pictured(page, "hole")
    ring = next(one.geometry for one in yard.shapes() if one.geometry.kind == "polygon")
    assert len(ring.parts) == len(ring.holes) == 1
    canvas.draw(50, 90, 130, 125)
    canvas.shapes(3)
    chosen(canvas, "Fit boxes")
    canvas.saved()
    until(lambda: boxes(yard)[-1] == ring.box)


def test_corners_are_drawn_to_corners_while_the_magnet_is_on(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.press("x")
    assert page.locator(".evalnb-last[aria-pressed=true]").count() == 1
    canvas.draw(163, 203, 100, 60)
    canvas.shapes(3)
    canvas.saved()
    assert boxes(yard)[-1][:2] == (160, 200)
    page.keyboard.down("Control")
    canvas.draw(163, 96, 30, 30)
    page.keyboard.up("Control")
    canvas.shapes(4)
    canvas.saved()
    assert boxes(yard)[-1][:2] == pytest.approx((163, 96), abs=1)
    assert boxes(yard)[-1][0] != 160
