"""The verbs over data: the same functions as in a notebook, on a real store."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import Store
from tests.clips import clip

Verb = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def evalnb(settings: Settings) -> Verb:
    def run(*words: str | Path | int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "evalnb", *map(str, words)],
            env={**os.environ, **settings.to_environment()},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three images with four cats, one annotation of an image that is not there, and a result file."""
    folder = tmp_path / "source"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for number in (1, 2, 3):
        Image.fromarray(noise.integers(0, 255, (100, 200, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    places = ((1, 10), (1, 100), (2, 10), (3, 10), (9, 10))
    annotations: list[dict[str, Any]] = [
        {"id": n, "image_id": image, "category_id": 1, "bbox": [x, 10, 40, 40], "area": 1600, "iscrowd": 0}
        for n, (image, x) in enumerate(places, 1)
    ]
    images = [{"id": n, "file_name": f"{n}.png", "width": 200, "height": 100} for n in (1, 2, 3)]
    truth = {"images": images, "categories": [{"id": 1, "name": "cat"}], "annotations": annotations}
    (folder / "truth.json").write_text(json.dumps(truth))
    found = [
        {"image_id": image, "category_id": 1, "bbox": [x, 10, 40, 40], "score": score}
        for image, x, score in ((1, 10, 0.9), (1, 100, 0.8), (2, 150, 0.7), (3, 10, 0.6))
    ]
    (folder / "found.json").write_text(json.dumps(found))
    return folder


def test_a_dataset_goes_in_is_measured_is_published_and_comes_out(
    evalnb: Verb, source: Path, store: Store, tmp_path: Path
) -> None:
    imported = evalnb("import", "coco", "cats", "--images", source, "--annotations", source / "truth.json")
    assert imported.returncode == 0, imported.stderr
    assert "annotation 5" in imported.stdout, "what was refused is named"
    again = evalnb("import", "coco", "cats", "--images", source, "--annotations", source / "truth.json", "--json")
    said = json.loads(again.stdout)
    assert (said["repeated"], said["images"], said["annotations"]) == (True, 3, 4)

    film = clip(tmp_path / "film.mp4", 9)
    filmed = evalnb("import", "video", "films", film, "--every", 4, "--json")
    assert json.loads(filmed.stdout)["images"] == 3, filmed.stderr
    project = Project(store)
    more = project.import_video("films", [film], every=4)
    assert more.imported.repeated and list(more.head()["file_name"]) == [
        f"film/00000{number}.jpg" for number in (0, 4, 8)
    ]
    run = project.import_results(project.dataset("cats"), source / "found.json", name="by hand")
    numbers = json.loads(evalnb("evaluate", run.id, "--json").stdout)
    on_files = json.loads(evalnb("evaluate", source / "truth.json", source / "found.json", "--json").stdout)
    assert len(on_files.pop("problems")) == 1, "the annotation that the import refused, too"
    assert {**numbers, "id": None, "problems": []} == {**on_files, "problems": []}
    assert numbers["AR100"] == 0.75

    report = json.loads(evalnb("report", numbers["id"], "--title", "Cats", "--json").stdout)
    assert report["slug"] == "cats" and "Cats" in Path(report["html"]).read_text()

    exported = evalnb("export", "cats", "coco", tmp_path / "out")
    assert exported.returncode == 0, exported.stderr
    written = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [one["id"] for one in written["annotations"]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("words", "happened"),
    [
        (["export", "dogs", "coco", "out"], "no dataset 'dogs'"),
        (["predict", "nothing", "cats"], "no dataset 'cats'"),
        (["train", "yolo11n", "cats"], "no dataset 'cats'"),
        (["evaluate", "77"], "77"),
        (["report", "77"], "77"),
        (["import", "coco", "cats", "--images", "nowhere", "--annotations", "nowhere.json"], "nowhere"),
        (["import", "yolo", "cats", "nowhere.yaml"], "nowhere.yaml"),
        (["import", "video", "cats", "nowhere.mp4"], "nowhere.mp4"),
    ],
)
def test_a_wrong_name_is_refused_in_two_lines(evalnb: Verb, store: Store, words: list[str], happened: str) -> None:
    refused = evalnb(*words)
    assert refused.returncode == 1
    first, second = refused.stderr.strip().splitlines()[-2:]
    assert first.startswith("✗ ") and happened in first
    assert second.startswith("  ") and "Traceback" not in refused.stderr


@pytest.mark.timeout(600)
def test_a_model_is_trained_here_by_a_worker_of_the_command(evalnb: Verb, source: Path, store: Store) -> None:
    pytest.importorskip("ultralytics")
    project = Project(store)
    project.import_coco("cats", images=source, annotations=source / "truth.json")
    trained = evalnb(
        "train", "yolo11n", "cats", "--scratch", "--here", "--epochs", 1, "--image-size", 64, "--batch", 2
    )
    assert trained.returncode == 0, trained.stderr
    version = project.model("cats-yolo11n")
    assert f"model version {version.id}" in trained.stdout
