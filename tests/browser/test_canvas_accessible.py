"""The canvas for everybody, in a real JupyterLab: axe-core finds nothing serious in any of its panels."""

from __future__ import annotations

from typing import Any

import pytest

from tests.axe import accessible
from tests.browser.test_canvas import shown, until
from tests.lab import Lab
from tests.widgets.test_sight import BOX, run_of
from tests.yard import Yard

pytestmark = pytest.mark.browser


def test_no_panel_shuts_anybody_out(yard: Yard, lab: Lab, page: Any) -> None:
    run_of(yard, [(BOX, 0.9, 1), ((200, 250, 80, 70), 0.6, 30)])
    run_of(yard, [(BOX, 0.8, 7)])
    canvas = shown(yard, lab, page)
    page.get_by_role("group", name="Prediction runs").get_by_role("checkbox").nth(1).check()
    page.locator(".evalnb-toggle", has_text="Colour by match").click()
    until(lambda: page.locator(".evalnb-mistakes .evalnb-row").count() >= 2)
    for fold in ("History", "Display"):
        page.get_by_role("button", name=fold, exact=True).click()
    canvas.press("Alt+c")
    canvas.click(*canvas.at(250, 280))
    page.get_by_label("Comment", exact=True).fill("what is it?")
    accessible(page, ".evalnb-annotator")
    page.get_by_label("Comment", exact=True).press("Enter")
    page.locator(".evalnb-pin[aria-pressed]").wait_for()
    canvas.press("e")
    page.locator(".evalnb-row[data-mistake][aria-pressed=true]").first.wait_for()
    accessible(page, ".evalnb-annotator")
    canvas.press("Control+a")
    accessible(page, ".evalnb-annotator")
    page.get_by_role("button", name="History", exact=True).click()
    canvas.press("Escape")
    canvas.click(*canvas.at(110, 150))
    canvas.press("Shift+T")
    canvas.press("q")
    page.get_by_role("region", name="Track").wait_for()
    canvas.press("Shift+C")
    page.get_by_role("toolbar", name="Convert", exact=True).wait_for()
    accessible(page, ".evalnb-annotator")
    canvas.press("Escape")
    for key in ("F1", "F2", "Alt+t"):
        canvas.press(key)
        page.get_by_role("dialog").wait_for()
        accessible(page, ".evalnb-annotator")
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")
