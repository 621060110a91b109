"""Groups and even gaps, in a real JupyterLab."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import boxes, pictured
from tests.lab import Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def groups(yard: Yard) -> list[Any]:
    return [one.attributes.get("group_id") for one in yard.shapes()]


def unevenness(yard: Yard) -> float:
    """The widest less the narrowest gap between neighbours from left to right, in pixels."""
    spread = sorted((x, w) for x, _, w, _ in boxes(yard))
    gaps = [b[0] - a[0] - a[1] for a, b in pairwise(spread)]
    return max(gaps) - min(gaps)


def test_a_group_is_made_selected_by_one_click_copied_spread_and_undone(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.press("Control+a")
    canvas.press("g")
    canvas.saved()
    until(lambda: groups(yard) == [1, 1])
    page.get_by_role("button", name="Display", exact=True).click()
    page.get_by_label("Colour by").select_option("group")
    canvas.press("Escape")
    canvas.click(*canvas.at(110, 150))
    canvas.hint("2 selected")
    pictured(page, "group")
    # A copy is a group of its own, a little aside.
    canvas.press("Control+d")
    canvas.shapes(4)
    canvas.saved()
    until(lambda: groups(yard) == [1, 1, 2, 2])
    canvas.press("Control+a")
    assert unevenness(yard) > 1
    page.get_by_role("button", name="Even gaps from left to right").click()
    canvas.saved()
    until(lambda: unevenness(yard) < 0.1)
    canvas.press("Control+z")
    canvas.press("Control+a")
    canvas.press("Shift+G")
    canvas.saved()
    until(lambda: groups(yard) == [None] * 4)
    canvas.press("Control+z")
    canvas.saved()
    until(lambda: groups(yard) == [1, 1, 2, 2])
