"""Several shapes at once, copies, the palette, keys of one's own and the display, in a real JupyterLab."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.annotating import Annotating
from tests.browser.test_canvas import shown, until
from tests.lab import Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def boxes(yard: Yard, place: int = 0) -> list[tuple[float, ...]]:
    return [one.geometry.box for one in yard.shapes(place)]


def pictured(page: Any, name: str) -> None:
    if folder := os.environ.get("EVALNB_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def chosen(canvas: Annotating, text: str) -> None:
    """A command of the palette, by part of its name."""
    canvas.press("F2")
    canvas.page.get_by_role("combobox", name="Find a command").fill(text)
    pictured(canvas.page, "palette")
    canvas.page.keyboard.press("Enter")


def test_a_band_selects_moves_aligns_and_deletes_several_as_one_step(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.drag(*canvas.at(20, 20), *canvas.at(400, 250))
    canvas.hint("2 selected")
    pictured(page, "several")
    canvas.drag(*canvas.at(325, 70), *canvas.at(345, 90))
    canvas.saved()
    until(lambda: len(yard.history()) == 2)
    moved = boxes(yard)
    assert moved[0] == pytest.approx((320, 60, 50, 60), abs=1.5)
    assert moved[1] == pytest.approx((80, 120, 100, 100), abs=1.5)

    page.get_by_role("button", name="Align top edges").click()
    canvas.saved()
    until(lambda: boxes(yard)[1][1] == boxes(yard)[0][1])
    canvas.press("3")
    canvas.saved()
    until(lambda: {one.class_id for one in yard.shapes()} == {30})
    canvas.press("Delete")
    canvas.shapes(0)
    canvas.press("Control+z")
    canvas.shapes(2)
    canvas.saved()
    until(lambda: len(boxes(yard)) == 2)

    # Shift takes one out of the selection; a locked shape is out of every click's reach.
    canvas.press("Control+a")
    canvas.hint("2 selected")
    page.keyboard.down("Shift")
    canvas.click(*canvas.at(345, 90))
    page.keyboard.up("Shift")
    canvas.press("l")
    canvas.press("Escape")
    canvas.click(*canvas.at(130, 100))
    assert page.locator(".evalnb-row[aria-selected=true]").count() == 0
    canvas.press("Shift+L")
    canvas.click(*canvas.at(130, 100))
    page.locator(".evalnb-row[aria-selected=true]").wait_for()


def test_shapes_are_copied_within_an_image_to_another_and_to_the_next(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(325, 70))
    canvas.press("Control+c")
    canvas.press("Control+v")
    canvas.shapes(3)
    canvas.saved()
    assert boxes(yard)[2] == pytest.approx((310, 50, 50, 60)), "a copy on its own image lies a little aside"

    canvas.press("f")
    canvas.shapes(0)
    canvas.press("Control+v")
    canvas.shapes(1)
    canvas.saved()
    until(lambda: len(boxes(yard, 1)) == 1)
    assert boxes(yard, 1)[0] == boxes(yard)[0]

    canvas.press("f")
    canvas.shapes(0)
    canvas.press("Control+Shift+V")
    canvas.shapes(1)
    canvas.press("d")
    canvas.press("d")
    canvas.shapes(3)
    canvas.press("Control+b")
    page.get_by_role("spinbutton", name="How many images").fill("2")
    pictured(page, "propagate")
    page.keyboard.press("Enter")
    page.get_by_text("3 shapes are copied to the next 2 images").wait_for()
    canvas.saved()
    until(lambda: [len(boxes(yard, place)) for place in range(3)] == [3, 4, 4])

    # It was one step: either image takes it back on both.
    canvas.press("f")
    canvas.shapes(4)
    canvas.press("Control+z")
    canvas.shapes(1)
    canvas.saved()
    until(lambda: [len(boxes(yard, place)) for place in range(3)] == [3, 1, 1])


def test_a_polygon_becomes_a_mask_and_back_by_name(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(110, 150))
    chosen(canvas, "Convert to masks")
    canvas.saved()
    until(lambda: [one.geometry.kind for one in yard.shapes()] == ["box", "mask"])
    chosen(canvas, "Convert to polygons")
    page.get_by_text("1 mask made a polygon: within 1 px, IoU 1.000").wait_for()
    canvas.saved()
    until(lambda: [one.geometry.kind for one in yard.shapes()] == ["box", "polygon"])
    assert boxes(yard)[1] == pytest.approx((60, 100, 100, 100))


def test_any_command_is_found_by_name_and_keys_may_be_changed_for_good(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    chosen(canvas, "ellip")
    page.locator(".evalnb-tool[data-tool=ellipse][aria-pressed=true]").wait_for()
    chosen(canvas, "van")
    page.locator(".evalnb-class[aria-checked=true]", has_text="van").wait_for()
    chosen(canvas, "3")
    page.locator(".evalnb-name", has_text="yard-2").wait_for()

    canvas.press("F1")
    page.get_by_role("button", name="Change keys").click()
    page.get_by_role("dialog").get_by_role("button", name="Draw a box").click()
    page.keyboard.press(";")
    page.get_by_text(";: Draw a box").wait_for()
    pictured(page, "keys")
    page.keyboard.press("Escape")
    canvas.press(";")
    page.locator(".evalnb-tool[data-tool=box][aria-pressed=true]").wait_for()
    kept = page.evaluate("() => JSON.parse(localStorage.getItem('evalnb.preferences')).keys")
    assert kept == {"tool.box": [";"]}


def test_the_picture_is_shown_as_one_likes_and_the_labels_data_stay(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)

    def pixel(x: float, y: float) -> list[int]:
        """What the screen shows there: filters are the browser's, no canvas has them."""
        box = canvas.canvas.bounding_box()
        at = canvas.at(x, y)
        shot = page.screenshot(clip={"x": box["x"] + at[0] - 2, "y": box["y"] + at[1] - 2, "width": 4, "height": 4})
        return [int(v) for v in np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).mean((0, 1))]

    before = pixel(450, 320)
    page.get_by_role("button", name="Display", exact=True).click()
    page.get_by_role("slider", name="Brightness").fill("0.4")
    until(lambda: pixel(450, 320)[0] > before[0] + 60)
    page.get_by_label("Channel").select_option("red")
    page.locator(".evalnb-toggle", has_text="Rulers").click()
    page.locator(".evalnb-toggle", has_text="Crosshair").click()
    page.get_by_label("Colour by").select_option("instance")
    canvas.press("+")
    canvas.press("+")
    page.locator(".evalnb-minimap").wait_for()
    page.mouse.move(600, 500)
    pictured(page, "display")
    page.get_by_role("button", name="Image as it is").click()
    canvas.press("0")
    page.locator(".evalnb-minimap").wait_for(state="hidden")
    until(lambda: abs(pixel(450, 320)[0] - before[0]) < 6)
    assert len(yard.history()) == 0
