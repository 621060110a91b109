"""The Annotator in a real JupyterLab; what is asserted is what the database holds."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
import pytest

from evalnb import edits
from evalnb.wire.shapes import BoxGeometry, MaskGeometry, Op, Patch
from tests.annotating import Annotating
from tests.lab import ANNOTATE, Lab, voila, write_notebook
from tests.yard import Yard

pytestmark = pytest.mark.browser

SEGMENTER = """
import numpy as np
class Colours:
    name = "colours"
    images = {}
    def encode(self, key, image): self.images[key] = image.astype(int)
    def encoded(self, key): return key in self.images
    def segment(self, key, *, points, labels, box=None):
        x, y = points[0].astype(int)
        return np.abs(self.images[key] - self.images[key][y, x]).max(axis=2) < 60, 0.9
"""


def annotate(yard: Yard, lab: Lab, page: Any, *more_cells: str, name: str = "yard.ipynb") -> Annotating:
    """A notebook with the Annotator of the yard, run and shown."""
    lab.write(name, ANNOTATE.format(dataset_id=yard.dataset_id), *more_cells)
    lab.open(page, name)
    lab.run_all(page)
    return Annotating(page).wait()


def run_cell(page: Any, place: int, *, wait: bool = True) -> None:
    """Run one cell of the shown notebook."""
    page.evaluate(
        """async ([place, wait]) => {
            const app = window.jupyterapp;
            app.shell.currentWidget.content.activeCellIndex = place;
            const done = app.commands.execute('notebook:run-cell');
            if (wait) await done;
        }""",
        [place, wait],
    )


def set_source(page: Any, place: int, source: str) -> None:
    """Write a cell anew."""
    page.evaluate(
        """([place, source]) => window.jupyterapp.shell.currentWidget.content.model.cells
            .get(place).sharedModel.setSource(source)""",
        [place, source],
    )


def text_of(page: Any, cell: int) -> str:
    """What a cell printed."""
    return page.locator(".jp-Cell").nth(cell).locator(".jp-OutputArea-output").all_inner_texts()[-1]


def until(true: Any, timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, f"not within {timeout_s} s"
        time.sleep(0.05)


def test_what_is_drawn_undone_and_drawn_again_is_in_the_database(yard: Yard, lab: Lab, page: Any) -> None:
    one = annotate(yard, lab, page)
    one.draw(100, 220, 80, 60)
    one.shapes(3)
    one.saved()
    drawn = yard.shapes()[-1]
    assert drawn.geometry.box == pytest.approx((100, 220, 80, 60), abs=1.5)
    assert yard.history()[-1].author == "tester"

    one.press("Control+z")
    one.shapes(2)
    until(lambda: len(yard.shapes()) == 2)

    one.draw(200, 250, 50, 50)
    one.shapes(3)
    one.press("2")
    one.saved()
    until(lambda: yard.shapes()[-1].class_id == 7)

    lab.save(page)
    lab.reload(page)
    again = Annotating(page).wait()
    again.shapes(3)
    assert [one.class_id for one in yard.shapes()] == [1, 1, 7]
    assert [one.action for one in yard.history()] == ["create", "delete", "create", "update"]

    # It goes on working in the reloaded page, with the same kernel.
    again.draw(300, 250, 40, 40)
    again.shapes(4)
    until(lambda: len(yard.shapes()) == 4)


def test_edits_are_saved_while_a_cell_runs(yard: Yard, lab: Lab, page: Any) -> None:
    one = annotate(yard, lab, page, "import time")
    # Moving the canvas from the cell must not move its answers to the cell's own thread.
    set_source(page, 1, "import time; widget.goto(1); time.sleep(30); print('cell', 'ended')")
    run_cell(page, 1, wait=False)
    page.get_by_text("yard-1.jpg").first.wait_for()
    one.draw(100, 220, 80, 60)
    one.shapes(1)
    one.saved()
    assert len(yard.shapes(1)) == 1
    assert "cell ended" not in page.locator(".jp-Cell").nth(1).inner_text()


def test_python_and_canvas_follow_each_other(yard: Yard, lab: Lab, page: Any) -> None:
    one = annotate(yard, lab, page, "widget.goto(2)", "print(widget.image_id, len(widget.shapes()))")
    page.get_by_text("yard-2.jpg").first.wait_for()
    one.press("d")
    page.get_by_text("yard-1.jpg").first.wait_for()
    one.press("d")
    page.get_by_text("yard-0.jpg").first.wait_for()
    one.shapes(2)
    page.wait_for_timeout(500)
    run_cell(page, 2)
    until(lambda: text_of(page, 2).split() == [str(yard.image_ids[0]), "2"])


def test_somebody_elses_edit_appears(yard: Yard, lab: Lab, page: Any) -> None:
    one = annotate(yard, lab, page)
    op = Op(
        client_op_id=uuid4(),
        shape_id=uuid4(),
        base_rev=0,
        action="create",
        patch=Patch(class_id=30, geometry=BoxGeometry(box=(10, 10, 40, 40))),
    )
    with yard.store.database.transaction() as session:
        edits.apply(session, yard.image_ids[0], [op], author="ben")
    one.shapes(3)


def test_a_restarted_kernel_is_said_so_and_running_the_cell_repaints(yard: Yard, lab: Lab, page: Any) -> None:
    one = annotate(yard, lab, page)
    one.draw(100, 220, 80, 60)
    one.shapes(3)
    one.saved()
    lab.kill_kernel()
    page.locator(".evalnb-card").wait_for(timeout=30_000)
    # JupyterLab offers a word about the restart; the notebook is under it.
    dialog = page.locator(".jp-Dialog button.jp-mod-accept")
    if dialog.count():
        dialog.first.click()
    lab.wait_for_kernel(page)
    lab.run_all(page)
    again = Annotating(page).wait()
    again.shapes(3)
    assert len(yard.shapes()) == 3


def test_a_click_becomes_a_mask_annotation(yard: Yard, lab: Lab, page: Any) -> None:
    cell = ANNOTATE.replace("author=settings.author", "author=settings.author, segmenter=Colours()")
    lab.write("yard.ipynb", SEGMENTER, cell.format(dataset_id=yard.dataset_id))
    lab.open(page, "yard.ipynb")
    lab.run_all(page)
    one = Annotating(page).wait()
    one.tool("sam")
    one.click(*one.at(150, 190))
    page.locator(".evalnb-times[data-of=mask]").wait_for()
    one.press("Enter")
    one.shapes(3)
    one.saved()
    mask = yard.shapes()[-1].geometry
    assert isinstance(mask, MaskGeometry)
    assert mask.box == pytest.approx((60, 100, 100, 100), abs=3)


def test_a_saved_notebook_stays_small_whatever_was_annotated(yard: Yard, lab: Lab, page: Any) -> None:
    path = lab.write("yard.ipynb", ANNOTATE.format(dataset_id=yard.dataset_id))
    before = path.stat().st_size
    lab.open(page, "yard.ipynb")
    # Ask JupyterLab to keep the widgets' state in the notebook, the worst case.
    lab.command(page, "@jupyter-widgets/jupyterlab-manager:saveWidgetState")
    lab.run_all(page)
    one = Annotating(page).wait()
    for n in range(8):
        one.draw(20 + 60 * n, 320, 40, 30)
        one.shapes(3 + n)
    one.saved()
    lab.save(page)
    saved = nbformat.read(path, as_version=4)
    assert "application/vnd.jupyter.widget-view+json" in str(saved.cells[0].outputs)
    grown = path.stat().st_size - before
    print(f"the saved notebook grew by {grown / 1e3:.0f} kB")
    assert "widgets" in saved.metadata
    assert grown < 200_000
    assert len(yard.shapes()) == 10


def test_voila_annotates_too(yard: Yard, page: Any, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "yard.ipynb", ANNOTATE.format(dataset_id=yard.dataset_id))
    with voila(notebook, tmp_path, yard.store.settings.to_environment()) as address:
        page.goto(address)
        one = Annotating(page).wait()
        one.draw(100, 220, 80, 60)
        one.shapes(3)
        one.saved()
        assert len(yard.shapes()) == 3


def test_the_server_extension_is_on(lab: Lab) -> None:
    assert "kernel messages leave at once" in Path(lab.log).read_text()


def test_the_image_comes_while_the_cells_below_run(yard: Yard, lab: Lab, page: Any) -> None:
    lab.write("yard.ipynb", ANNOTATE.format(dataset_id=yard.dataset_id), "import time; time.sleep(12)")
    lab.open(page, "yard.ipynb")
    page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.wait_for_function(PAINTED, timeout=60_000)
    below = page.locator(".jp-InputPrompt").nth(1)
    assert below.inner_text() == "[*]:"
    below.filter(has_text="[2]:").wait_for(timeout=60_000)


def test_many_edits_at_once_come_compressed_and_whole(yard: Yard, lab: Lab, page: Any) -> None:
    one = annotate(yard, lab, page)
    kernel = lab.kernel_process()
    kernel.suspend()
    one.click(*one.at(325, 70))
    for _ in range(28):
        one.press("Control+d")
    # What waits goes as one message, of some 8 KB else.
    kernel.resume()
    until(lambda: len(yard.shapes()) == 30)
    one.saved()
    assert len({json.dumps(shape.model_dump(mode="json")["geometry"]) for shape in yard.shapes()}) == 30


PAINTED = """() => {
    const canvas = document.querySelector('.evalnb-annotator canvas[data-layer=image]');
    if (!canvas || !canvas.width) return false;
    return canvas.getContext('2d').getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data[3] === 255;
}"""
FILL = """() => {
    for (let size = 2 ** 20; size >= 1; size = Math.floor(size / 2)) {
        for (let n = 0; ; n++) {
            try { localStorage.setItem(`filler-${size}-${n}`, 'x'.repeat(size)); } catch { break; }
        }
    }
}"""
EMPTY = """() => {
    for (const key of Object.keys(localStorage)) if (key.startsWith('filler-')) localStorage.removeItem(key);
}"""
ABOVE = """() => new Promise((resolve, reject) => {
    const opening = indexedDB.open('evalnb', 1);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
        const asked = opening.result.transaction('ops').objectStore('ops').count();
        asked.onsuccess = () => { opening.result.close(); resolve(asked.result); };
    };
})"""
DELETE = """() => new Promise((resolve, reject) => {
    const deleting = indexedDB.deleteDatabase('evalnb');
    deleting.onsuccess = () => resolve(true);
    deleting.onblocked = () => reject(new Error('a page holds it'));
})"""


def test_edits_that_the_quick_storage_has_no_room_for_outlive_the_page(yard: Yard, lab: Lab, page: Any) -> None:
    one = annotate(yard, lab, page)
    # It is let go where somebody else deletes it, and found again.
    assert page.evaluate(DELETE)
    lab.kernel_process().suspend()
    page.evaluate(FILL)
    one.draw(100, 220, 80, 60)
    one.draw(200, 250, 50, 50)
    one.shapes(4)
    until(lambda: page.evaluate(ABOVE) == 2)
    page.evaluate(EMPTY)
    assert len(yard.shapes()) == 2
    lab.kill_kernel()
    lab.reload(page)
    lab.wait_for_kernel(page)
    lab.run_all(page)
    again = Annotating(page).wait()
    again.shapes(4)
    again.saved()
    until(lambda: len(yard.shapes()) == 4)
    until(lambda: page.evaluate(ABOVE) == 0)
