"""The tour, executed from its first cell to its last by a real kernel, with a real worker."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from evalnb.demo import prepare
from evalnb.project import Project

TOUR = Path(__file__).parents[2] / "notebooks" / "tour" / "01-tour.ipynb"


@pytest.mark.timeout(600)
def test_the_tour_runs_from_its_first_cell_to_its_last(
    project: Project, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    job = prepare.detector(project, epochs=1, image_size=64)
    assert job is not None
    job.wait(timeout=300)
    notebook = nbformat.read(TOUR, as_version=4)
    environment = {**os.environ, **project.store.settings.child_environment()}
    client = NotebookClient(notebook, timeout=400, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)

    runs = project.runs()
    assert len(runs) == 2
    assert set(runs["images"]) == {len(project.dataset("scenes").where(tag="val"))}
    assert project.model("tour-detector").number == 1
    assert [report.title for report in project.reports()] == ["Demo detector"]
    assert (tmp_path / "exported").is_dir()
    cards = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("application/vnd.jupyter.widget-view+json" in data for data in cards) >= 3


def test_preparing_twice_keeps_what_is_there(project: Project, painted: Path) -> None:
    before = project.datasets()
    prepare.datasets(project, painted, images=30)
    assert project.datasets().equals(before)


def test_a_demo_that_was_ended_while_it_trained_goes_on_with_that_training(project: Project) -> None:
    first = prepare.detector(project, epochs=3)
    again = prepare.detector(project, epochs=3)
    assert first is not None and again is not None
    assert again.id == first.id
    first.cancel()
    anew = prepare.detector(project, epochs=3)
    assert anew is not None and anew.id != first.id


def test_the_tour_is_kept_without_outputs() -> None:
    notebook = nbformat.read(TOUR, as_version=4)
    assert [
        cell for cell in notebook.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)
    ] == []
