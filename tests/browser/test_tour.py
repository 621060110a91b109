"""The tour's own cells in a real JupyterLab, down to the Annotator: drawn, undone, segmented, reloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from evalnb import edits
from evalnb.demo import prepare
from evalnb.project import Project
from evalnb.store import Store
from tests.annotating import Annotating
from tests.lab import Lab

pytestmark = pytest.mark.browser

TOUR = Path(__file__).parents[2] / "notebooks" / "tour" / "01-tour.ipynb"
# No published weights can be had in a test: a small, real SAM 2 with random ones takes their place.
WAND = 'scenes.annotate(segmenter="sam2-random")'


def test_draw_undo_segment_accept_reload_and_the_database_has_it(
    store: Store, lab: Lab, page: Any, tmp_path: Path
) -> None:
    project = Project(store)
    prepare.datasets(project, tmp_path / "demo", images=4)
    (first, *_) = project.dataset("scenes")
    cells = [cell.source for cell in nbformat.read(TOUR, as_version=4).cells if cell.cell_type == "code"]
    until = next(place for place, source in enumerate(cells) if "annotate()" in source)
    lab.write("tour.ipynb", *cells[:until], cells[until].replace("scenes.annotate()", WAND))

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
    one.click(*one.at(180, 120))
    page.locator(".evalnb-times").wait_for(timeout=60_000)
    one.press("Enter")
    one.shapes(len(before) + 2)
    one.saved()
    assert kinds() == [*before, "box", "mask"]

    lab.save(page)
    lab.reload(page)
    Annotating(page).wait().shapes(len(before) + 2)
    with store.database.transaction() as session:
        actions = [edit.action for edit in edits.history(session, image_id=first.id)]
    assert actions == ["create", "delete", "create", "create"]
