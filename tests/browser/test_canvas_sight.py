"""An evaluation in sight, in a real JupyterLab: colours by match, from mistake to mistake, predictions taken over."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evalnb.runs.evaluate import evaluate
from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import chosen, pictured
from tests.lab import Lab
from tests.widgets.test_sight import BOX, OUTLINE, run_of
from tests.yard import Yard

pytestmark = pytest.mark.browser

HIT, GHOST, MISS = (0, 158, 115), (213, 94, 0), (86, 180, 233)


def seen(page: Any, color: tuple[int, int, int]) -> int:
    """How many pixels of the shapes' layer have that colour, nearly."""
    canvas = page.locator("canvas[data-layer=statics]")
    data = canvas.evaluate("canvas => canvas.toDataURL('image/png')").split(",")[1]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")).astype(int)
    near = (np.abs(pixels[..., :3] - color).max(axis=2) < 12) & (pixels[..., 3] > 200)
    return int(near.sum())


def tally(page: Any) -> dict[str, str]:
    return {
        one.get_attribute("data-outcome"): one.locator("b").inner_text()
        for one in page.locator(".evalnb-tally > span").all()
    }


def test_shapes_and_predictions_are_coloured_by_what_became_of_them(yard: Yard, lab: Lab, page: Any) -> None:
    run_of(
        yard, [(BOX, 0.9, 1), ((62, 100, 100, 100), 0.8, 7), ((200, 250, 80, 70), 0.6, 30), ((5, 5, 40, 40), 0.1, 1)]
    )
    canvas = shown(yard, lab, page)
    assert page.locator(".evalnb-tally").count() == 0
    page.locator(".evalnb-toggle", has_text="Colour by match").click()
    until(lambda: tally(page) == {"TP": "1", "FP": "2", "FN": "1"})
    assert all(seen(page, color) > 150 for color in (HIT, GHOST, MISS))
    names = page.locator(".evalnb-mistakes .evalnb-row").all_inner_texts()
    assert [one.split("\n") for one in names] == [
        ["bag 80%", "classification"],
        ["van 60%", "background"],
        ["person", "missed"],
    ]
    pictured(page, "sight-match")
    # The label was wrong: mended, its colour follows, and so does the number.
    canvas.click(*canvas.at(110, 150))
    canvas.press("2")
    until(lambda: tally(page) == {"TP": "2", "FP": "1", "FN": "0"})
    assert seen(page, MISS) == 0
    canvas.saved()
    assert evaluate(yard.store, 1).pairs(confidence=0.25)["outcome"].tolist().count("TP") == 2
    # A stricter IoU, asked of the kernel; a higher confidence, without it.
    page.get_by_label("Least IoU of a hit").fill("0.95")
    until(lambda: tally(page)["TP"] == "2")
    page.get_by_label("Least confidence shown").fill("0.85")
    until(lambda: tally(page) == {"TP": "1", "FP": "0", "FN": "1"})


def test_from_mistake_to_mistake_and_a_prediction_kept_as_truth(yard: Yard, lab: Lab, page: Any) -> None:
    run_of(
        yard,
        [(BOX, 0.9, 1), (OUTLINE, 0.8, 1)],
        [((40, 60, 90, 80), 0.7, 30), ((300, 200, 60, 60), 0.5, 7)],
        [],
        masked=True,
    )
    canvas = shown(yard, lab, page)
    # The first image is right: the nearest mistake is on the second, and the surest comes first.
    canvas.press("e")
    page.locator(".evalnb-name", has_text="yard-1.jpg").wait_for()
    canvas.hint("Enter keeps it as a shape")
    page.locator(".evalnb-row[data-mistake=ghost][aria-pressed=true]", has_text="van 70%").wait_for()
    pictured(page, "sight-focus")
    canvas.press("Enter")
    canvas.shapes(1)
    canvas.saved()
    kept = yard.shapes(1)[0]
    assert (kept.class_id, kept.geometry.kind) == (30, "mask")
    assert kept.geometry.box == (40, 60, 90, 80)
    # What stood there is no mistake any more; the next press goes on from there.
    until(lambda: tally(page) == {"TP": "1", "FP": "1", "FN": "0"})
    canvas.press("e")
    page.locator(".evalnb-row[aria-pressed=true]", has_text="bag 50%").wait_for()
    canvas.press("e")
    page.locator(".evalnb-notice", has_text="No mistake after this one").wait_for()
    canvas.press("Escape")
    assert page.locator(".evalnb-row[data-mistake=ghost][aria-pressed=true]").count() == 0
    # Undo takes the kept shape back, and the prediction is a mistake again.
    canvas.press("Control+z")
    canvas.shapes(0)
    until(lambda: tally(page)["FP"] == "2")
    # A click on a prediction, where no shape is.
    canvas.click(*canvas.at(330, 230))
    page.locator(".evalnb-row[aria-pressed=true]", has_text="bag 50%").wait_for()
    # All that lie on nothing, at once.
    chosen(canvas, "lies on no shape")
    canvas.shapes(2)
    canvas.saved()
    until(lambda: len(yard.shapes(1)) == 2)
    canvas.press("Shift+E")
    page.locator(".evalnb-notice", has_text="No mistake before this one").wait_for()


def test_two_runs_lie_over_one_image_and_either_is_judged(yard: Yard, lab: Lab, page: Any) -> None:
    run_of(yard, [(BOX, 0.9, 1)])
    run_of(yard, [(OUTLINE, 0.8, 1), ((200, 250, 80, 70), 0.6, 30)])
    shown(yard, lab, page)
    runs = page.get_by_role("group", name="Prediction runs").get_by_role("checkbox")
    assert [one.is_checked() for one in runs.all()] == [True, False]
    runs.nth(1).check()
    count = page.locator(".evalnb-toggle", has_text="Predictions").locator("em")
    until(lambda: count.inner_text() == "3 of 3")
    page.locator(".evalnb-toggle", has_text="Colour by match").click()
    until(lambda: tally(page) == {"TP": "1", "FP": "1", "FN": "1"})
    pictured(page, "sight-two")
    page.get_by_role("button", name="Judge").click()
    until(lambda: tally(page) == {"TP": "1", "FP": "0", "FN": "1"})
    runs.nth(0).uncheck()
    until(lambda: page.locator(".evalnb-run .evalnb-chip").count() == 0)
