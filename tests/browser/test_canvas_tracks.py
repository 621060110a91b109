"""One object over the images of a sequence, in a real JupyterLab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalnb.runs.evaluate import evaluate
from evalnb.store import Store
from tests.annotating import Annotating
from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import chosen, pictured
from tests.lab import Lab
from tests.widgets.test_sight import BOX, run_of
from tests.yard import Yard, make_yard

pytestmark = pytest.mark.browser


@pytest.fixture
def yard(store: Store, tmp_path: Path) -> Yard:
    """A sequence of nine frames."""
    return make_yard(store, tmp_path / "yard", pictures=9)


def to(canvas: Annotating, key: str, place: int) -> None:
    canvas.press(key)
    canvas.page.locator(".evalnb-name", has_text=f"yard-{place}.jpg").wait_for()


def tracked(yard: Yard) -> dict[int, Any]:
    """The one track's shape on each frame that has it."""
    found = {place: [one for one in yard.shapes(place) if one.track.id] for place in range(9)}
    assert all(len(some) <= 1 for some in found.values())
    assert len({some[0].track.id for some in found.values() if some}) == 1
    return {place: some[0] for place, some in found.items() if some}


def test_a_track_is_begun_carried_filled_in_corrected_and_ended(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(325, 70))
    canvas.press("Shift+T")
    page.locator(".evalnb-chip", has_text="key").wait_for()
    for place in range(1, 7):
        to(canvas, "f", place)
    canvas.press("r")
    canvas.shapes(1)
    canvas.drag(*canvas.at(325, 70), *canvas.at(205, 70))
    canvas.saved()
    canvas.press("Shift+R")
    page.locator(".evalnb-notice", has_text="5 shapes are filled in").wait_for()
    canvas.saved()
    until(lambda: sorted(tracked(yard)) == list(range(7)))
    filled = tracked(yard)
    assert [one.geometry.box[0] for one in filled.values()] == pytest.approx([300 - 20 * n for n in range(7)], abs=1)
    assert [one.track.keyframe for one in filled.values()] == [True, *[False] * 5, True]
    assert {one.class_id for one in filled.values()} == {1}

    # One of those between is put elsewhere: a keyframe, and both sides follow.
    for place in (5, 4, 3):
        to(canvas, "d", place)
    page.locator(".evalnb-chip", has_text="between").wait_for()
    canvas.click(*canvas.at(265, 70))
    canvas.drag(*canvas.at(265, 70), *canvas.at(265, 130))
    page.locator(".evalnb-chip", has_text="key").wait_for()
    pictured(page, "track")
    canvas.press("Shift+R")
    page.locator(".evalnb-notice", has_text="4 shapes are filled in").wait_for()
    canvas.saved()
    ys = [40, 60, 80, 100, 80, 60, 40]
    until(lambda: [one.geometry.box[1] for one in tracked(yard).values()] == pytest.approx(ys, abs=1))

    # It leaves the picture there: nothing is between that and the next keyframe.
    chosen(canvas, "leaves the picture")
    page.locator(".evalnb-chip", has_text="outside").wait_for()
    canvas.press("Shift+R")
    canvas.saved()
    until(lambda: sorted(tracked(yard)) == [0, 1, 2, 3, 6])
    assert tracked(yard)[3].track.outside
    # What is out of sight is nothing that a model could miss.
    run = run_of(yard, [(BOX, 0.9, 1)], *[[] for _ in range(8)])
    truths, _ = evaluate(yard.store, run).records()
    assert yard.image_ids[3] not in truths.image.tolist()
    assert {yard.image_ids[place] for place in (0, 1, 2, 6)} <= set(truths.image.tolist())
    page.locator(".evalnb-annotator [data-shape]").first.click()
    chosen(canvas, "Next keyframe")
    page.locator(".evalnb-name", has_text="yard-6.jpg").wait_for()
    chosen(canvas, "Previous keyframe")
    page.locator(".evalnb-name", has_text="yard-3.jpg").wait_for()
