"""A track as a whole, in a real JupyterLab: keyframes, class and attributes, split and joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalnb.store import Store
from tests.annotating import Annotating
from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import chosen, pictured
from tests.browser.test_canvas_tracks import to
from tests.lab import Lab
from tests.yard import Yard, make_yard

pytestmark = pytest.mark.browser


@pytest.fixture
def yard(store: Store, tmp_path: Path) -> Yard:
    """A sequence of nine frames."""
    return make_yard(store, tmp_path / "yard", pictures=9)


def tracks(yard: Yard) -> dict[int, Any]:
    """The shape of a track on each frame that has one."""
    found = {place: [one for one in yard.shapes(place) if one.track.id] for place in range(9)}
    return {place: some[0] for place, some in found.items() if len(some) == 1}


def first(canvas: Annotating) -> None:
    """Select the first shape of the list."""
    canvas.page.locator(".evalnb-annotator [data-shape]").first.click()


def at(canvas: Annotating, place: int) -> None:
    canvas.page.locator(".evalnb-name", has_text=f"yard-{place}.jpg").wait_for()


def test_keyframes_class_and_attributes_of_a_whole_track_split_and_joined(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(325, 70))
    canvas.press("Shift+T")
    for place in range(1, 5):
        to(canvas, "f", place)
    canvas.press("r")
    canvas.shapes(1)
    canvas.drag(*canvas.at(325, 70), *canvas.at(245, 70))
    canvas.press("Shift+R")
    canvas.saved()
    until(lambda: len(tracks(yard)) == 5)

    # From key to key; one of those between is made one, moved, and is none again.
    canvas.press("<")
    at(canvas, 0)
    canvas.press(">")
    at(canvas, 4)
    to(canvas, "d", 3)
    to(canvas, "d", 2)
    first(canvas)
    canvas.press("Shift+K")
    page.locator(".evalnb-chip", has_text="key").wait_for()
    canvas.drag(*canvas.at(285, 70), *canvas.at(285, 130))
    canvas.press("Shift+R")
    canvas.saved()
    ys = lambda: [one.geometry.box[1] for one in tracks(yard).values()]  # noqa: E731
    until(lambda: ys() == pytest.approx([40, 70, 100, 70, 40], abs=1))
    pictured(page, "whole-track")
    canvas.press("<")
    at(canvas, 0)
    canvas.press(">")
    at(canvas, 2)
    canvas.press("Shift+K")
    page.locator(".evalnb-chip", has_text="between").wait_for()
    canvas.saved()
    until(lambda: ys() == pytest.approx([40] * 5, abs=1))
    assert [one.track.keyframe for one in tracks(yard).values()] == [True, False, False, False, True]

    # Its class, on one image and then on all; that it is partly hidden here stays here.
    canvas.press("3")
    canvas.press("q")
    page.get_by_role("button", name="Class to all").click()
    page.locator(".evalnb-notice", has_text="4 shapes of the track have its class").wait_for()
    canvas.saved()
    until(lambda: [one.class_id for one in tracks(yard).values()] == [30] * 5)
    assert [one.attributes.get("occluded", False) for one in tracks(yard).values()] == [
        False,
        False,
        True,
        False,
        False,
    ]

    # Two objects were taken for one: from here on it is another track, and both end in keyframes.
    page.get_by_role("button", name="Split here").click()
    page.locator(".evalnb-notice", has_text="Another track begins here").wait_for()
    canvas.saved()
    ids = lambda: [one.track.id for one in tracks(yard).values()]  # noqa: E731
    until(lambda: len(set(ids())) == 2)
    assert ids()[0] == ids()[1] != ids()[2] == ids()[3] == ids()[4]
    assert [one.track.keyframe for one in tracks(yard).values()] == [True, True, True, False, True]

    # They were one after all: selected there, then here.
    to(canvas, "d", 1)
    first(canvas)
    to(canvas, "f", 2)
    first(canvas)
    chosen(canvas, "Join this track")
    page.locator(".evalnb-notice", has_text="the track is on 5 images now").wait_for()
    canvas.saved()
    until(lambda: len(set(ids())) == 1)
    # One step: undone at once, wherever it was done.
    canvas.press("Control+z")
    canvas.saved()
    until(lambda: len(set(ids())) == 2)


def test_what_cannot_be_joined_or_split_is_said(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.press("Control+a")
    canvas.press("Shift+T")
    to(canvas, "f", 1)
    canvas.press("r")
    canvas.shapes(2)
    canvas.saved()
    first(canvas)
    chosen(canvas, "Split the track")
    page.locator(".evalnb-notice", has_text="Another track begins here").wait_for()
    canvas.saved()
    to(canvas, "d", 0)
    first(canvas)
    chosen(canvas, "Split the track")
    page.locator(".evalnb-notice", has_text="begins on this image").wait_for()
    page.locator(".evalnb-annotator [data-shape]").last.click()
    to(canvas, "f", 1)
    first(canvas)
    # The other one of the first image stands here, too.
    chosen(canvas, "Join this track")
    page.locator(".evalnb-notice", has_text="Both are on image").wait_for()
