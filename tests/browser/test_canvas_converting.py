"""One kind of label into another, with a look first, and holes by a tool of their own, in a real JupyterLab."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import pictured
from tests.lab import Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def kinds(yard: Yard) -> list[str]:
    return [one.geometry.kind for one in yard.shapes()]


def test_a_conversion_is_looked_at_with_its_tolerance_and_then_made(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.tool("ellipse")
    canvas.drag(*canvas.at(220, 180), *canvas.at(420, 330))
    canvas.shapes(3)
    canvas.press("Shift+C")
    bar = page.get_by_role("toolbar", name="Convert", exact=True)
    told = bar.get_by_role("status")
    closely = int(told.get_attribute("data-corners"))
    bar.get_by_role("spinbutton", name="Tolerance in pixels").fill("8")
    page.wait_for_function("n => Number(document.querySelector('[data-corners]').dataset.corners) < n", arg=closely)
    pictured(page, "convert")
    assert kinds(yard)[-1] == "ellipse", "nothing is changed by a look"
    bar.get_by_role("button", name="Mask", exact=True).click()
    bar.get_by_role("button", name="Convert", exact=True).click()
    canvas.saved()
    until(lambda: kinds(yard)[-1] == "mask")
    # Back to an ellipse, by keys alone; one that is no closer than a look is left.
    canvas.press("Shift+C")
    bar.get_by_role("button", name="Rotated box").click()
    canvas.press("Escape")
    bar.wait_for(state="detached")
    canvas.press("Shift+C")
    bar.get_by_role("button", name="Ellipse").click()
    page.locator(".evalnb-annotator").focus()
    canvas.press("Enter")
    page.locator(".evalnb-notice", has_text="1 mask made an ellipse: IoU 0.99").wait_for()
    canvas.saved()
    until(lambda: kinds(yard)[-1] == "ellipse")
    assert yard.shapes()[-1].geometry.box == pytest.approx((220, 180, 200, 150), abs=2)
    canvas.press("Control+z")
    canvas.saved()
    until(lambda: kinds(yard)[-1] == "mask")


def test_a_hole_is_cut_by_its_own_tool(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(110, 150))
    canvas.press("Alt+h")
    canvas.hint("Click the corners of the hole")
    for x, y in ((90, 130), (130, 130), (130, 170)):
        canvas.click(*canvas.at(x, y))
    pictured(page, "hole-tool")
    canvas.click(*canvas.at(90, 170))
    canvas.press("Enter")
    canvas.saved()
    until(lambda: len(getattr(yard.shapes()[-1].geometry, "holes", [])) == 1)
    ring = yard.shapes()[-1].geometry
    assert (len(ring.parts), ring.box) == (1, (60.0, 100.0, 100.0, 100.0))
    # Where nothing is, nothing is cut, and that is said.
    canvas.press("Alt+h")
    for x, y in ((400, 300), (420, 300), (420, 320)):
        canvas.click(*canvas.at(x, y))
    canvas.press("Enter")
    page.locator(".evalnb-notice", has_text="nothing to cut out").wait_for()
    assert len(yard.shapes()) == 2
