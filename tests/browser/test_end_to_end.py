"""The whole house at one address, as a person goes through it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest

from evalnb.demo.dataset import write
from tests.annotating import Annotating
from tests.exploring import results
from tests.house import House, standing_house
from tests.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

PATIENCE_MS = 120_000

ANNOTATE = """
import evalnb as ev
project = ev.open()
scenes = project.dataset("scenes")
scenes.annotate()
"""
# One epoch of a dozen pictures: that the parts fit together is what is tested, not what the model has learnt.
TRAIN = """
job = project.submit.train("yolo11n", scenes, epochs=1, image_size=64, batch=4, pretrained=False, name="tiny")
model = job.wait()
"""
EVALUATE = """
first = project.submit.predict(model, scenes).wait()
other = project.import_results(scenes, "other.json", name="other")
evaluations = [project.submit.evaluate(run).wait() for run in (first, other)]
"""
PUBLISH = """
report = project.publish(evaluations[0], title="End to end", compare_to=evaluations[1])
print(report.url)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with standing_house(tmp_path_factory.mktemp("house")) as found:
        yield found


def zipped(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """A dozen scenes with their annotations in COCO's format, in one zip; and what another detector found there."""
    written = write(folder / "scenes", images=12, processes=1)
    path = folder / "scenes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(written.annotations, "annotations.json")
        for image in sorted(written.images.iterdir()):
            archive.write(image, f"images/{image.name}")
    return path, results(json.loads(written.annotations.read_bytes()))


def run_cell(lab: Lab, page: Any, place: int) -> None:
    """Run one cell to its end; what it raised fails the test."""
    page.evaluate(
        """async place => {
            const app = window.jupyterapp;
            app.shell.currentWidget.content.activeCellIndex = place;
            await app.commands.execute('notebook:run-cell');
        }""",
        place,
    )
    errors = page.evaluate(
        """place => window.jupyterapp.shell.currentWidget.content.model.cells.get(place).outputs.toJSON()
            .filter(one => one.output_type === 'error').map(one => one.evalue)""",
        place,
    )
    assert errors == []


def test_from_a_zip_to_a_report_in_the_portal(house: House, browser: Any, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    portal, notebook = context.new_page(), context.new_page()
    try:
        _sign_in(house, portal)
        project = _project(house)
        archive, detections = zipped(tmp_path)
        dataset = _upload(house, portal, project, archive)
        _annotate(house, portal, notebook, project, dataset, detections)
        _train(house, portal, notebook, project)
        _compare(house, portal, notebook, project)
        _report(house, portal, notebook, project)
    except BaseException:
        for name, page in (("portal", portal), ("notebook", notebook)):
            page.screenshot(path=tmp_path / f"{name}.png")
        raise
    finally:
        context.close()


def _sign_in(house: House, portal: Any) -> None:
    portal.goto(f"{house.address}/projects")
    portal.goto(f"{house.address}/?token={house.token}")
    assert portal.url == f"{house.address}/"
    portal.get_by_role("heading", name="Projects").wait_for()
    (cookie,) = [one for one in portal.context.cookies() if one["name"] == "evalnb_session"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"


def _project(house: House) -> int:
    made = httpx.post(
        f"{house.address}/api/projects", json={"name": "default"}, headers=house.proof, timeout=60, trust_env=False
    )
    assert made.status_code == 201, made.text
    number: int = made.json()["id"]
    return number


def _upload(house: House, portal: Any, project: int, file: Path) -> int:
    portal.goto(f"{house.address}/projects/{project}/upload")
    portal.get_by_label("Files").set_input_files(str(file))
    portal.locator("[data-upload='scenes.zip'][data-state=done]").wait_for()
    (found,) = house.api(f"/projects/{project}/datasets")["items"]
    assert (found["name"], found["images"]) == ("scenes", 12)
    number: int = found["id"]
    return number


def _annotate(
    house: House, portal: Any, notebook: Any, project: int, dataset: int, detections: list[dict[str, Any]]
) -> None:
    (house.lab.root / "other.json").write_text(json.dumps(detections))
    house.lab.write("work.ipynb", ANNOTATE, TRAIN, EVALUATE, PUBLISH)
    house.lab.open(notebook, "work.ipynb")
    run_cell(house.lab, notebook, 0)
    here = Annotating(notebook).wait()
    image = house.api(f"/datasets/{dataset}/images?limit=1")["items"][0]["id"]
    portal.goto(f"{house.address}/projects/{project}/images/{image}")
    there = Annotating(portal).wait()
    before = len(house.api(f"/images/{image}/annotations")["shapes"])
    here.shapes(before)
    there.shapes(before)

    here.draw(40, 40, 60, 50)
    here.saved()
    there.shapes(before + 1)
    there.draw(300, 200, 70, 60)
    there.saved()
    here.shapes(before + 2)
    assert len(house.api(f"/images/{image}/annotations")["shapes"]) == before + 2


def _train(house: House, portal: Any, notebook: Any, project: int) -> None:
    portal.goto(f"{house.address}/projects/{project}/jobs")
    run_cell(house.lab, notebook, 1)
    (job,) = [one for one in house.api(f"/projects/{project}/jobs")["items"] if one["kind"] == "train"]
    assert job["state"] == "succeeded"
    portal.goto(f"{house.address}/projects/{project}/models")
    portal.get_by_text("tiny").first.wait_for()


def _compare(house: House, portal: Any, notebook: Any, project: int) -> None:
    run_cell(house.lab, notebook, 2)
    second, first = [one["id"] for one in house.api(f"/projects/{project}/evaluations")["items"]]
    portal.goto(f"{house.address}/projects/{project}/evaluations/{first}")
    # Without its interval first, and with it when that has been computed: for a moment there are two.
    portal.locator("[data-number=AP]").first.wait_for()
    portal.goto(f"{house.address}/projects/{project}/evaluations/{first}/compare/{second}")
    portal.get_by_role("table").first.wait_for()


def _report(house: House, portal: Any, notebook: Any, project: int) -> None:
    run_cell(house.lab, notebook, 3)
    (report,) = house.api(f"/projects/{project}/reports")["items"]
    assert report["live_url"].startswith(f"{house.address}/voila/") and house.token not in report["live_url"]
    portal.goto(f"{house.address}/projects/{project}/reports/{report['slug']}")
    # Voila's page inside the portal's, with what a kernel of its own has read from the database.
    shown = portal.frame_locator("iframe[data-report=live]")
    shown.get_by_role("heading", name="End to end").first.wait_for()
    portal.get_by_role("button", name="Static twin").click()
    portal.frame_locator("iframe[data-report=static]").get_by_role("heading", name="End to end").first.wait_for()


def test_the_notebook_that_was_saved_holds_no_token(house: House) -> None:
    for path in house.lab.root.glob("*.ipynb"):
        text = nbformat.writes(nbformat.read(path, as_version=4))
        assert house.token not in text


def test_a_terminal_works_behind_the_front(house: House, page: Any) -> None:
    page.goto(f"{house.lab.url}/lab?token={house.token}&reset")
    page.wait_for_function("() => window.jupyterapp?.started", timeout=PATIENCE_MS)
    house.lab.command(page, "terminal:create-new")
    page.locator(".jp-Terminal .xterm-screen").wait_for(timeout=PATIENCE_MS)
    page.locator(".jp-Terminal").click()
    # A terminal stands in the folder of the notebooks. Its shell may not ask for anything yet; what is typed waits.
    said = house.lab.root / "said.txt"
    page.keyboard.type(f"echo front-$((40+2)) > {said.name}\n")
    for _ in range(600):
        if said.exists() and said.read_text() == "front-42\n":
            return
        page.wait_for_timeout(100)
    raise AssertionError("the terminal did not answer")
