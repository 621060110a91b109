"""The canvas under a person's hands, in a real JupyterLab: what is asserted is what the database holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import nbformat
import numpy as np
import pytest

from evalnb.store.repositories import predictions
from evalnb.store.repositories.predictions import ImagePredictions
from evalnb.wire.shapes import PolygonGeometry
from tests.annotating import Annotating
from tests.lab import ANNOTATE, Lab
from tests.yard import Yard

pytestmark = pytest.mark.browser


def shown(yard: Yard, lab: Lab, page: Any, *more_cells: str) -> Annotating:
    """The yard's Annotator in a notebook."""
    lab.write("canvas.ipynb", ANNOTATE.format(dataset_id=yard.dataset_id), *more_cells)
    lab.open(page, "canvas.ipynb")
    lab.run_all(page)
    return Annotating(page).wait()


def until(true: Callable[[], bool], timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, f"not within {timeout_s} s"
        time.sleep(0.05)


def test_a_polygon_is_drawn_by_its_corners_and_reshaped(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.press("p")
    corners = [(200, 200), (300, 210), (290, 300), (210, 290)]
    for x, y in [*corners, corners[0]]:
        canvas.click(*canvas.at(x, y))
    canvas.shapes(3)
    canvas.saved()
    drawn = yard.shapes()[-1].geometry
    assert isinstance(drawn, PolygonGeometry)
    assert np.reshape(drawn.parts[0], (-1, 2)) == pytest.approx(np.array(corners), abs=1.5)

    canvas.drag(*canvas.at(300, 210), *canvas.at(340, 180))
    canvas.drag(*canvas.at(250, 295), *canvas.at(250, 340))
    canvas.saved()
    until(lambda: len(yard.history()) >= 3)
    drawn = yard.shapes()[-1].geometry
    assert isinstance(drawn, PolygonGeometry)
    expected = np.array([(200, 200), (340, 180), (290, 300), (250, 340), (210, 290)])
    assert np.reshape(drawn.parts[0], (-1, 2)) == pytest.approx(expected, abs=2.5)

    canvas.press("Delete")
    canvas.shapes(2)
    canvas.saved()
    until(lambda: len(yard.shapes()) == 2)


def test_a_box_is_resized_moved_and_given_a_class_by_number(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(325, 70))
    canvas.drag(*canvas.at(350, 100), *canvas.at(400, 160))
    canvas.drag(*canvas.at(340, 80), *canvas.at(360, 100))
    canvas.press("3")
    canvas.saved()
    until(lambda: yard.shapes()[0].class_id == 30)
    box = yard.shapes()[0].geometry.box
    assert box == pytest.approx((320, 60, 100, 120), abs=2.5)
    assert [one.action for one in yard.history()] == ["update"] * 3


def test_what_is_drawn_on_the_next_image_is_saved_there(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.press("f")
    page.locator(".evalnb-name", has_text="yard-1.jpg").wait_for()
    canvas.shapes(0)
    canvas.draw(20, 30, 60, 70)
    canvas.shapes(1)
    canvas.press("f")
    page.locator(".evalnb-name", has_text="yard-2.jpg").wait_for()
    canvas.press("f")
    canvas.press("d")
    page.locator(".evalnb-name", has_text="yard-1.jpg").wait_for()
    canvas.shapes(1)
    canvas.saved()
    until(lambda: [len(yard.shapes(place)) for place in range(3)] == [2, 1, 0])
    assert yard.shapes(1)[0].geometry.box == pytest.approx((20, 30, 60, 70), abs=1.5)


def test_the_slider_hides_predictions_without_asking_the_kernel(yard: Yard, lab: Lab, page: Any) -> None:
    boxes = np.array([[50.0, 50, 40, 40], [150, 50, 40, 40], [250, 50, 40, 40]])
    found = ImagePredictions(box=boxes, score=np.array([0.9, 0.6, 0.1]), class_id=np.array([1, 7, 30]))
    with yard.store.database.transaction() as session:
        run_id = predictions.create(session, yard.dataset_id, "night run", image_count=3)
        predictions.write(session, run_id, [(yard.image_ids[0], found)])
    canvas = shown(yard, lab, page)
    assert page.get_by_role("checkbox", name="night run").is_checked()
    count = page.locator(".evalnb-toggle", has_text="Predictions").locator("em")
    until(lambda: count.inner_text() == "2 of 3")
    page.evaluate(
        """() => {
            window.sent = 0;
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (data) {
                const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
                window.sent += text.includes('comm_msg');
                return send.call(this, data);
            };
        }"""
    )
    # The neighbours are fetched ahead first: a second without a word says that this is done.
    page.wait_for_function(
        """() => {
            if (window.sent !== window.seen) [window.seen, window.since] = [window.sent, performance.now()];
            return performance.now() - window.since > 1000;
        }"""
    )
    page.evaluate("window.sent = 0")
    slider = page.locator(".evalnb-slider input")
    for value, expected in ((0.05, "3 of 3"), (0.95, "0 of 3"), (0.7, "1 of 3")):
        slider.fill(str(value))
        assert count.inner_text() == expected
    assert page.evaluate("window.sent") == 0
    assert canvas.state() == "saved"


def test_keys_stay_in_the_widget_until_esc_gives_them_back(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page, "1 + 1")
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = page.evaluate(cells)
    canvas.click(5, 5)
    for key in ("b", "a", "n", "Escape", "d", "d", "h", "h", "0", "0", "F1", "Escape", "s", "s"):
        page.keyboard.press(key)
    assert page.evaluate(cells) == before
    # This widget has no segmenter: its key says so, once.
    page.locator(".evalnb-notice", has_text="There is no segmenter yet").wait_for(timeout=10_000)
    assert page.locator(".evalnb-notice").count() == 1
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('.evalnb-annotator') === null")
    page.keyboard.press("b")
    until(lambda: bool(page.evaluate(cells) == before + 1))


def test_ctrl_s_in_the_widget_saves_the_notebook_and_leaves_the_focus(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    file = lab.root / "canvas.ipynb"

    def outputs() -> int:
        return sum(len(cell.get("outputs", [])) for cell in nbformat.read(file, as_version=4).cells)

    assert outputs() == 0
    canvas.press("Control+s")
    until(lambda: outputs() == 1)
    assert page.evaluate("document.activeElement.matches('.evalnb-annotator')")
    assert canvas.state() == "saved"


def test_two_views_of_one_widget_keep_their_own_image_and_share_its_edits(yard: Yard, lab: Lab, page: Any) -> None:
    lab.write("canvas.ipynb", ANNOTATE.format(dataset_id=yard.dataset_id) + "\ndisplay(widget)\nwidget")
    lab.open(page, "canvas.ipynb")
    lab.run_all(page)
    views = page.locator(".evalnb-annotator")
    until(lambda: views.locator(".evalnb-save[data-state=saved]").count() == 2)
    first, second = views.nth(0), views.nth(1)
    second.focus()
    page.keyboard.press("f")
    second.locator(".evalnb-name", has_text="yard-1.jpg").wait_for()
    assert first.locator(".evalnb-name").inner_text() == "yard-0.jpg"
    assert first.locator("[data-shape]").count() == 2
    assert second.locator("[data-shape]").count() == 0


def test_the_widget_fits_its_cell_and_knows_the_theme(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    widths = """() => {
        const widget = document.querySelector('.evalnb-annotator');
        return [widget.offsetWidth, widget.parentElement.clientWidth];
    }"""
    for width in (1280, 760):
        page.set_viewport_size({"width": width, "height": 900})
        own, room = page.evaluate(widths)
        assert 0 < own <= room
    ground = "() => getComputedStyle(document.querySelector('.evalnb-annotator')).backgroundColor"
    light = page.evaluate(ground)
    lab.command(page, "apputils:change-theme", {"theme": "JupyterLab Dark"})
    until(lambda: bool(page.evaluate(ground) != light))
    assert canvas.state() == "saved"
