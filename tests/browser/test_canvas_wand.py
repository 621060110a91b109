"""The wand with the SAM 2 in the wheel, in a real JupyterLab: hovered, corrected, chosen, collected, accepted."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from evalnb import edits
from evalnb.core import masks
from evalnb.core.shapes import mask_of
from evalnb.demo import dataset, prepare
from evalnb.demo.scenes import scene
from evalnb.project import Project
from evalnb.store import Store
from evalnb.wire.shapes import BoxGeometry, Op, Patch, PolygonGeometry
from tests.annotating import Annotating
from tests.browser.test_canvas_hands import pictured
from tests.lab import Lab

pytestmark = pytest.mark.browser

CELL = """
import evalnb as ev
widget = ev.open().dataset("scenes").annotate(segmenter="pico")
widget
"""
BALL, OTHER = (298, 334), (437, 44)
"""A ball and a cone of the demo's first scene, in image pixels."""


def until(true: Callable[[], Any], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, f"not within {timeout_s} s"
        time.sleep(0.05)


def lit(page: Any) -> int:
    """How many pixels of the topmost layer are painted."""
    data = page.locator("canvas[data-layer=active]").evaluate("canvas => canvas.toDataURL('image/png')").split(",")[1]
    return int((np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))[..., 3] > 20).sum())


def truth_at(x: int, y: int) -> Any:
    """The true mask of the first scene's object there."""
    drawn = (masks.decode(one.mask) for one in scene(dataset.SEED, 0).objects)
    return next(whole for whole in drawn if whole[y, x])


def iou(one: Any, other: Any) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_hover_correct_choose_collect_accept_and_the_database_has_both(
    store: Store, lab: Lab, page: Any, tmp_path: Path
) -> None:
    project = Project(store)
    prepare.datasets(project, tmp_path / "demo", images=4)
    (first, second, *_) = project.dataset("scenes")

    def kinds() -> list[str]:
        with store.database.transaction() as session:
            return [shape.geometry.kind for shape in edits.shapes(session, first.id).shapes]

    def there(image: Any) -> list[Any]:
        with store.database.transaction() as session:
            return edits.shapes(session, image.id).shapes

    before = kinds()
    with store.database.transaction() as session:
        boxed = [
            Op(
                client_op_id=uuid4(),
                shape_id=shape.id,
                base_rev=shape.rev,
                action="update",
                patch=Patch(geometry=BoxGeometry(box=shape.geometry.box)),
            )
            for shape in edits.shapes(session, second.id).shapes
        ]
        edits.apply(session, second.id, boxed, author="ben")
    lab.write("wand.ipynb", CELL)
    lab.open(page, "wand.ipynb")
    lab.run_all(page)
    one = Annotating(page).wait()
    one.shapes(len(before))
    # So that only what the wand draws is on the topmost layer, and the picture shows it.
    one.press("t")
    one.tool("sam")
    bar = page.locator(".evalnb-wand")
    bar.wait_for()

    def point(at: tuple[int, int], dx: float = 0, dy: float = 0) -> None:
        box = one.canvas.bounding_box()
        x, y = one.at(at[0] + dx, at[1] + dy)
        page.mouse.move(box["x"] + x, box["y"] + y)

    def hovered() -> bool:
        point(BALL, dx=int(time.monotonic() * 10) % 5)
        return lit(page) > 500

    # The model is loaded and the image encoded with no click; then the ball lights up under the pointer.
    until(hovered, timeout_s=240)
    page.locator(".evalnb-times[data-of=hover]").wait_for()
    assert bar.locator(".evalnb-wand-mask").count() == 0
    pictured(page, "wand-hover")
    # Beside the image nothing is lit, nor once it is switched off.
    page.mouse.move(5, 5)
    until(lambda: lit(page) == 0)
    one.press("Shift+X")
    point(BALL)
    time.sleep(0.5)
    assert lit(page) == 0
    one.press("Shift+X")
    until(hovered)

    # One click has four masks, the single one and what else it may mean; the key shows them in turn.
    one.click(*one.at(*BALL))
    chosen = bar.locator(".evalnb-wand-mask")
    chosen.wait_for()
    until(lambda: bar.get_attribute("data-waiting") == "false")
    of = int(chosen.get_attribute("data-of"))
    assert of == 4
    pictured(page, "wand-candidates")
    scores = []
    for place in range(of):
        assert chosen.get_attribute("data-place") == str(place)
        scores.append(float(chosen.locator("small").inner_text().removeprefix("IoU ")))
        one.press("z")
        until(lambda place=place: chosen.get_attribute("data-place") == str((place + 1) % of))
    assert scores[1:] == sorted(scores[1:], reverse=True)
    # A second click corrects the mask before it.
    one.click(*one.at(BALL[0] + 6, BALL[1] + 4))
    until(lambda: bar.get_attribute("data-waiting") == "false")

    # With Ctrl the first is kept and another is begun.
    page.keyboard.down("Control")
    one.click(*one.at(*OTHER))
    page.keyboard.up("Control")
    until(lambda: bar.get_attribute("data-gathered") == "1" and bar.get_attribute("data-waiting") == "false")
    pictured(page, "wand-collected")
    assert kinds() == before
    one.press("Enter")
    one.press("t")
    one.shapes(len(before) + 2)
    one.saved()
    assert kinds() == [*before, "mask", "mask"]
    with store.database.transaction() as session:
        made = [shape.geometry.record().mask for shape in edits.shapes(session, first.id).shapes[-2:]]
    for runs, at in zip(made, (BALL, OTHER), strict=True):
        assert runs is not None
        assert iou(masks.decode(runs), truth_at(*at)) > 0.6

    # Both came as one step, and go as one; the third object is accepted as a polygon.
    one.press("Control+z")
    one.shapes(len(before))
    one.saved()
    assert kinds() == before
    one.press("Shift+S")
    one.click(*one.at(*BALL))
    chosen.wait_for()
    one.press("Enter")
    one.shapes(len(before) + 1)
    one.saved()
    assert kinds() == [*before, "polygon"]
    # A rough outline around the ball is refined: it keeps its id, and becomes what the model sees in it.
    one.press("Escape")
    x, y, radius = *BALL, 34
    corners = [x - radius, y - radius, x + radius, y - radius, x + radius, y + radius, x - radius, y + radius]
    around = (float(x - radius), float(y - radius), 2.0 * radius, 2.0 * radius)
    outline = PolygonGeometry(box=around, parts=[[float(at) for at in corners]], holes=[])
    rough, class_id = uuid4(), there(first)[0].class_id
    patch = Patch(class_id=class_id, geometry=outline, attributes={"seen": "roughly"})
    op = Op(client_op_id=uuid4(), shape_id=rough, base_rev=0, action="create", patch=patch)
    with store.database.transaction() as session:
        edits.apply(session, first.id, [op], author="ben")
    one.shapes(len(before) + 2)
    page.locator(f"[data-shape='{rough}']").click()
    page.locator(f"[data-shape='{rough}'][aria-selected=true]").wait_for()
    one.press("s")
    bar.get_by_role("button", name="Refine the selected shape").click()
    until(lambda: bar.get_attribute("data-waiting") == "false" and chosen.count() == 1)
    pictured(page, "wand-refine")
    one.press("Enter")
    one.saved()

    def last() -> Any:
        return there(first)[-1]

    until(lambda: last().rev == 2)
    assert (last().id, last().class_id, last().attributes) == (rough, class_id, {"seen": "roughly"})
    assert (last().geometry.kind, len(kinds())) == ("polygon", len(before) + 2)
    assert iou(masks.decode(mask_of(last().geometry.record(), truth_at(*BALL).shape)), truth_at(*BALL)) > 0.6
    one.press("Control+z")
    one.saved()
    until(lambda: last().geometry == outline)

    # Neighbours were encoded meanwhile: on the next image the first hover needs no encoding.
    one.press("f")
    one.wait()
    until(hovered)

    # The boxes there become outlines, in the wand's form, looked through first.
    one.press("Alt+b")
    sweep = page.locator(".evalnb-sweep")
    sweep.wait_for(timeout=120_000)
    assert int(sweep.get_attribute("data-left")) == len(boxed) > 1
    pictured(page, "box-masks")
    one.press("Enter")
    one.saved()
    until(lambda: {shape.geometry.kind for shape in there(second)} == {"polygon"})
    assert [shape.id for shape in there(second)] == [op.shape_id for op in boxed]
    one.press("Control+z")
    one.saved()
    until(lambda: {shape.geometry.kind for shape in there(second)} == {"box"})


def test_everything_is_looked_through_named_dropped_and_kept(
    store: Store, lab: Lab, page: Any, tmp_path: Path
) -> None:
    project = Project(store)
    prepare.datasets(project, tmp_path / "demo", images=2)
    (first, *_) = project.dataset("scenes")

    def kinds() -> list[str]:
        with store.database.transaction() as session:
            return [shape.geometry.kind for shape in edits.shapes(session, first.id).shapes]

    before = kinds()
    lab.write("everything.ipynb", CELL)
    lab.open(page, "everything.ipynb")
    lab.run_all(page)
    one = Annotating(page).wait()
    one.shapes(len(before))
    one.press("t")

    # Stopped at once, it leaves nothing; asked again it goes through.
    one.press("Shift+A")
    pill = page.locator(".evalnb-sweeping")
    pill.wait_for()
    pictured(page, "everything-progress")
    pill.get_by_role("button", name="Stop").click()
    pill.wait_for(state="detached")
    assert page.locator(".evalnb-sweep").count() == 0 and lit(page) == 0
    one.press("Enter")
    bar = page.locator(".evalnb-sweep")
    bar.wait_for(timeout=120_000)
    found = int(bar.get_attribute("data-left"))
    assert found >= 4 and kinds() == before
    until(lambda: lit(page) > 500)
    pictured(page, "everything-found")

    # The surest half, all of the second class; one of them is dropped.
    bar.get_by_label("Least predicted IoU").fill("0.7")
    until(lambda: int(bar.get_attribute("data-shown")) < found)
    shown = int(bar.get_attribute("data-shown"))
    assert shown >= 1
    one.press("Control+a")
    until(lambda: int(bar.get_attribute("data-chosen")) == shown)
    one.press("2")
    pictured(page, "everything-named")
    one.press("Enter")
    one.shapes(len(before) + shown)
    one.saved()
    assert kinds() == [*before, *["mask"] * shown]
    with store.database.transaction() as session:
        classes = {shape.class_id for shape in edits.shapes(session, first.id).shapes[-shown:]}
    assert len(classes) == 1
    # What is left can be dropped, and comes back; the shapes go as one step.
    bar.get_by_label("Least predicted IoU").fill("0")
    until(lambda: int(bar.get_attribute("data-left")) == found - shown)
    one.canvas.click(position={"x": 3, "y": 3})
    one.press("Control+a")
    one.press("Delete")
    bar.wait_for(state="detached")
    one.press("Backspace")
    bar.wait_for()
    one.press("Escape")
    one.press("Control+z")
    one.press("Control+z")
    one.shapes(len(before))
    one.saved()
