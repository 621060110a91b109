"""The review of an image, in a real JupyterLab: status, a pinned comment, and the way back to what was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from evalnb.store.repositories import reviews
from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import boxes, pictured
from tests.lab import Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def reviewed(yard: Yard, place: int = 0) -> reviews.Review:
    with yard.store.database.transaction() as session:
        return reviews.get(session, yard.image_ids[place])


def test_an_image_is_reviewed_and_commented_on(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    status = page.locator(".evalnb-annotator select[data-status]")
    assert status.input_value() == "todo"
    canvas.press("Alt+r")
    until(lambda: status.input_value() == "rejected")
    assert reviewed(yard).status == "rejected"
    page.get_by_label("Assigned to").fill("ben")
    page.get_by_label("Assigned to").press("Tab")
    until(lambda: reviewed(yard).assignee == "ben")
    canvas.press("Alt+c")
    page.get_by_text("Click the place on the image").wait_for()
    canvas.click(*canvas.at(330, 90))
    page.get_by_label("Comment", exact=True).fill("is this one a bag?")
    page.get_by_label("Comment", exact=True).press("Enter")
    pin = page.locator(".evalnb-pin[aria-pressed]")
    pin.wait_for()
    until(lambda: len(reviewed(yard).comments) == 1)
    remark = reviewed(yard).comments[0]
    assert (remark.x, remark.y) == pytest.approx((330, 90), abs=1.5)
    assert remark.text == "is this one a bag?"
    pictured(page, "review")
    # The pin stays at its place of the image; the comment is resolved where it stands.
    before, zoom = pin.bounding_box(), canvas.zoom()
    canvas.press("+")
    until(lambda: canvas.zoom() > zoom)
    assert pin.bounding_box() != before
    page.get_by_role("button", name="Resolve").click()
    until(lambda: reviewed(yard).comments[0].resolved_by != "")
    page.locator(".evalnb-pin[data-done]").wait_for()
    # Another image has a review of its own; back here it is as it was left.
    canvas.press("f")
    page.locator(".evalnb-name", has_text="yard-1.jpg").wait_for()
    until(lambda: status.input_value() == "todo")
    assert page.locator(".evalnb-pin").count() == 0
    canvas.press("d")
    until(lambda: status.input_value() == "rejected")
    page.locator(".evalnb-pin[data-done]").wait_for()


def test_what_a_shape_was_comes_back_and_so_does_what_was_deleted(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(325, 70))
    page.get_by_role("button", name="History").click()
    page.get_by_text("nobody has changed it").wait_for()
    canvas.drag(*canvas.at(325, 70), *canvas.at(385, 70))
    canvas.press("3")
    canvas.saved()
    page.locator(".evalnb-past li").nth(2).wait_for()
    told = page.locator(".evalnb-changes").all_inner_texts()
    assert " ".join(told[0].split()) == "class person → van"
    assert " ".join(told[1].split()).startswith("outline box 50 × 60 at 300, 40 → box 50 × 60 at 36")
    pictured(page, "history")
    assert boxes(yard)[0][0] == pytest.approx(360, abs=1.5)
    page.locator(".evalnb-past li").last.get_by_role("button", name="As it was then").click()
    until(lambda: boxes(yard)[0] == (300, 40, 50, 60))
    assert yard.shapes()[0].class_id == 1
    canvas.press("Delete")
    canvas.shapes(1)
    canvas.saved()
    page.get_by_role("button", name="Bring back").click()
    canvas.shapes(2)
    until(lambda: len(yard.shapes()) == 2)
    assert boxes(yard)[0] == (300, 40, 50, 60)
    assert [one.action for one in yard.history()] == ["update", "update", "update", "delete", "restore"]


@contextmanager
def without(yard: Yard, table: str) -> Iterator[None]:
    """Nothing can be saved in that table."""
    for names in (f"{table} RENAME TO {table}_away", f"{table}_away RENAME TO {table}"):
        with yard.store.database.transaction() as session:
            session.execute(text(f"ALTER TABLE {names}"))
        if names.endswith("_away"):
            yield


def test_what_cannot_be_saved_is_not_lost_and_does_not_look_saved(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    status = page.locator(".evalnb-annotator select[data-status]")
    field = page.get_by_label("Comment", exact=True)
    with without(yard, "image_review"):
        canvas.press("Alt+a")
        page.locator(".evalnb-notice", has_text="The review was not saved").wait_for()
        status.select_option("rejected")
        page.locator(".evalnb-notice", has_text="The review was not saved").nth(1).wait_for()
        until(lambda: status.input_value() == "todo")
    canvas.press("Alt+c")
    canvas.click(*canvas.at(450, 60))
    pictured(page, "draft")
    field.fill("half a sentence")
    with without(yard, "comment"):
        field.press("Enter")
        page.locator(".evalnb-notice", has_text="The comment was not saved").wait_for()
        assert field.input_value() == "half a sentence"
    # It waits for its image, and is sent under its own id.
    canvas.press("f")
    page.locator(".evalnb-name", has_text="yard-1.jpg").wait_for()
    field.wait_for(state="detached")
    canvas.press("d")
    field.wait_for()
    assert field.input_value() == "half a sentence"
    field.press("Enter")
    page.locator(".evalnb-pin[aria-pressed]").wait_for()
    assert field.count() == 0
    assert [one.text for one in reviewed(yard).comments] == ["half a sentence"]
