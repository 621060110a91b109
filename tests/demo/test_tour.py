"""The tour, executed from its first cell to its last by a real kernel, with a real worker."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from evalnb.demo import prepare
from evalnb.project import Project

TOURS = Path(__file__).parents[2] / "notebooks" / "tour"


@pytest.mark.timeout(600)
def test_the_tour_runs_from_its_first_cell_to_its_last(
    project: Project, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    job = prepare.detector(project, epochs=1, image_size=64)
    assert job is not None
    job.wait(timeout=300)
    notebook = _executed("01-tour", project, tmp_path)

    runs = project.runs()
    assert len(runs) == 2
    assert set(runs["images"]) == {len(project.dataset("scenes").where(tag="val"))}
    assert project.model("tour-detector").number == 1
    assert [report.title for report in project.reports()] == ["Demo detector"]
    assert (tmp_path / "exported").is_dir()
    assert _widgets(notebook) >= 3


@pytest.mark.timeout(600)
def test_the_second_tour_annotates_from_its_first_cell_to_its_last(
    project: Project, painted: Path, tmp_path: Path
) -> None:
    prepare.clip(project, painted)
    notebook = _executed("02-annotate", project, tmp_path)

    assert _widgets(notebook) >= 3
    clip = project.dataset("clip")
    drawn = int(clip.summary()["annotations"].sum())
    # Four objects on 36 pictures, some of which go out of sight.
    assert 4 * len(clip) * 0.6 < drawn <= 4 * len(clip)
    assert len(project.dataset("scenes").reviews("review")) == 6
    assert (tmp_path / "clip-cvat").is_dir()


def _executed(name: str, project: Project, folder: Path) -> Any:
    """The tour's notebook after all of its cells."""
    notebook = nbformat.read(TOURS / f"{name}.ipynb", as_version=4)
    environment = {**os.environ, **project.store.settings.child_environment()}
    client = NotebookClient(notebook, timeout=400, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return notebook


def _widgets(notebook: Any) -> int:
    cards = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    return sum("application/vnd.jupyter.widget-view+json" in data for data in cards)


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


def test_the_tours_are_kept_without_outputs() -> None:
    for path in sorted(TOURS.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        ran = [cell for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
        assert ran == [], path.name
