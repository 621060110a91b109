"""What is said of a whole image, in a real JupyterLab."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from evalnb import edits
from evalnb.core.slices import Slice
from evalnb.store.repositories import images
from evalnb.wire.shapes import WHOLE_IMAGE, Op, Patch
from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import pictured
from tests.lab import Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def tags(yard: Yard, place: int = 0) -> list[str]:
    with yard.store.database.transaction() as session:
        return edits.shapes(session, yard.image_ids[place]).tags


def test_tags_are_set_by_name_and_by_key_undone_and_sliced_by(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.press("Alt+t")
    field = page.get_by_role("combobox", name="Find or name a tag")
    for name in ("night", "rain", "blurred"):
        field.fill(name)
        page.keyboard.press("Enter")
        page.locator(f".evalnb-palette [data-tag={name}][aria-selected=true]").wait_for()
    pictured(page, "tags")
    # A class may hold for the whole image, too.
    field.fill("pers")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    canvas.saved()
    until(lambda: tags(yard) == ["night", "rain", "blurred", "person"])
    assert [one.action for one in yard.history()] == ["tag"] * 4

    # By their keys, on the next image; one may be taken away by its cross, and all of it undone.
    canvas.press("f")
    page.locator(".evalnb-name", has_text="yard-1.jpg").wait_for()
    canvas.press("Alt+1")
    canvas.press("Alt+3")
    canvas.saved()
    until(lambda: tags(yard, 1) == ["night", "blurred"])
    page.get_by_role("button", name="Take away night").click()
    canvas.saved()
    until(lambda: tags(yard, 1) == ["blurred"])
    canvas.press("Control+z")
    canvas.saved()
    until(lambda: set(tags(yard, 1)) == {"blurred", "night"})
    pictured(page, "tagged")
    with yard.store.database.transaction() as session:
        night = images.ids(session, yard.dataset_id, Slice().where(tag="night")).tolist()
    assert night == list(yard.image_ids[:2])


def test_somebody_elses_tag_appears(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    op = Op(client_op_id=uuid4(), shape_id=WHOLE_IMAGE, base_rev=0, action="tag", patch=Patch(tags=["night"]))
    with yard.store.database.transaction() as session:
        edits.apply(session, yard.image_ids[0], [op], author="ben")
    page.locator(".evalnb-tags [data-tag=night]").wait_for()
    canvas.press("Alt+1")
    page.locator(".evalnb-tags [data-tag=night]").wait_for(state="detached")
    canvas.saved()
    until(lambda: tags(yard) == [])
