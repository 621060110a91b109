"""The tour's own cells in a real JupyterLab, down to the Annotator: drawn, undone, segmented, reloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from evalnb import edits
from evalnb.core import masks
from evalnb.demo import dataset, prepare
from evalnb.demo.scenes import scene
from evalnb.project import Project
from evalnb.store import Store
from tests.annotating import Annotating
from tests.lab import Lab

pytestmark = pytest.mark.browser

TOUR = Path(__file__).parents[2] / "notebooks" / "tour" / "01-tour.ipynb"
# A ball, where the demo's first scene has one.
BALL = (298, 334)


def test_draw_undo_segment_accept_reload_and_the_database_has_it(
    store: Store, lab: Lab, page: Any, tmp_path: Path
) -> None:
    project = Project(store)
    prepare.datasets(project, tmp_path / "demo", images=4)
    (first, *_) = project.dataset("scenes")
    cells = [cell.source for cell in nbformat.read(TOUR, as_version=4).cells if cell.cell_type == "code"]
    until = next(place for place, source in enumerate(cells) if "annotate()" in source)
    lab.write("tour.ipynb", *cells[: until + 1])

    def kinds() -> list[str]:
        with store.database.transaction() as session:
            return [shape.geometry.kind for shape in edits.shapes(session, first.id).shapes]

    before = kinds()
    lab.open(page, "tour.ipynb")
    lab.run_all(page)
    one = Annotating(page).wait()
    one.shapes(len(before))

    one.draw(30, 300, 60, 50)
    one.shapes(len(before) + 1)
    one.press("Control+z")
    one.shapes(len(before))
    one.saved()
    assert kinds() == before

    one.draw(30, 300, 60, 50)
    one.shapes(len(before) + 1)
    one.tool("sam")
    one.click(*one.at(*BALL))
    # The first click loads torch, which on a busy machine takes its time.
    page.locator(".evalnb-times[data-of=mask]").wait_for(timeout=240_000)
    one.press("Enter")
    one.shapes(len(before) + 2)
    one.saved()
    assert kinds() == [*before, "box", "mask"]
    with store.database.transaction() as session:
        geometry = edits.shapes(session, first.id).shapes[-1].geometry
    runs = geometry.record().mask
    assert runs is not None
    drawn = masks.decode(runs)
    ball = next(
        whole
        for whole in (masks.decode(found.mask) for found in scene(dataset.SEED, 0).objects)
        if whole[BALL[1], BALL[0]]
    )
    # The wand is the SAM 2 in the wheel: nobody downloaded anything, and the mask is the ball's.
    assert (drawn & ball).sum() / (drawn | ball).sum() > 0.7

    # As the tour says, and with the keys still in the canvas.
    one.press("Control+s")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    lab.reload(page)
    Annotating(page).wait().shapes(len(before) + 2)
    with store.database.transaction() as session:
        actions = [edit.action for edit in edits.history(session, image_id=first.id)]
    assert actions == ["create", "delete", "create", "create"]
