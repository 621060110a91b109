"""Undo and redo of what an earlier page did, in a real JupyterLab."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from evalnb import edits
from evalnb.wire.shapes import BoxGeometry, Op, Patch
from tests.annotating import Annotating
from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import boxes
from tests.lab import Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def test_undo_and_redo_outlive_a_reload_and_a_cell_that_is_run_again(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.draw(100, 250, 80, 60)
    canvas.shapes(3)
    canvas.press("3")
    canvas.press("Control+a")
    canvas.press("Delete")
    canvas.shapes(0)
    canvas.press("Alt+t")
    page.get_by_role("combobox", name="Find or name a tag").fill("night")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    # The last of these is undone already: it can be redone, not undone.
    canvas.press("Control+z")
    canvas.saved()
    until(lambda: [one.action for one in yard.history()][-1] == "untag")

    lab.save(page)
    lab.reload(page)
    canvas = Annotating(page).wait()
    canvas.shapes(0)
    canvas.press("Control+z")
    canvas.shapes(3)
    canvas.press("Control+z")
    canvas.saved()
    until(lambda: [one.class_id for one in yard.shapes()] == [1, 1, 1])
    canvas.press("Control+Shift+Z")
    canvas.saved()
    until(lambda: [one.class_id for one in yard.shapes()] == [1, 1, 30])

    # And again, from where that page stood: two steps were redone but one of them only there.
    lab.run_all(page)
    canvas = Annotating(page).wait()
    canvas.shapes(3)
    canvas.press("Control+Shift+Z")
    canvas.shapes(0)
    canvas.press("Control+Shift+Z")
    page.locator(".evalnb-tags [data-tag=night]").wait_for()
    for count in (0, 3, 3, 2):
        canvas.press("Control+z")
        canvas.shapes(count)
    canvas.saved()
    until(lambda: boxes(yard) == [(300.0, 40.0, 50.0, 60.0), (60.0, 100.0, 100.0, 100.0)])
    canvas.press("Control+z")
    page.locator(".evalnb-notice", has_text="Nothing that you did on this image is left").wait_for()
    page.get_by_role("button", name="Undo").and_(page.locator(":disabled")).wait_for()


def test_copies_on_several_images_are_one_step_on_any_of_them_also_after_a_reload(
    yard: Yard, lab: Lab, page: Any
) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(325, 70))
    canvas.press("Control+b")
    page.keyboard.press("Enter")
    page.locator(".evalnb-notice", has_text="copied to the next 2 images").wait_for()
    counts = lambda: [len(yard.shapes(place)) for place in range(3)]  # noqa: E731
    until(lambda: counts() == [2, 1, 1])
    # From the image that they were copied from.
    canvas.press("Control+z")
    page.locator(".evalnb-notice", has_text="Taken back on 2 images").wait_for()
    assert counts() == [2, 0, 0]
    canvas.press("Control+Shift+Z")
    page.locator(".evalnb-notice", has_text="Done again on 2 images").wait_for()
    assert counts() == [2, 1, 1]
    # Somebody else moves one of them; the page that did it is gone.
    copied = yard.shapes(2)[0]
    move = Op(
        client_op_id=uuid4(),
        shape_id=copied.id,
        base_rev=copied.rev,
        action="update",
        patch=Patch(geometry=BoxGeometry(box=(1, 1, 9, 9))),
    )
    with yard.store.database.transaction() as session:
        edits.apply(session, yard.image_ids[2], [move], author="ben")
    lab.save(page)
    lab.reload(page)
    canvas = Annotating(page).wait()
    canvas.press("f")
    canvas.shapes(1)
    canvas.press("Control+z")
    page.locator(".evalnb-notice", has_text="Taken back on 1 image; 1 shape was changed since and stays").wait_for()
    canvas.shapes(0)
    assert counts() == [2, 0, 1]
    canvas.press("Control+Shift+Z")
    canvas.shapes(1)
    until(lambda: counts() == [2, 1, 1])
