"""Training: it learns, tells, stops, goes on, and begins where it is told to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from evalnb import imagery, models
from evalnb.errors import Cancelled, Invalid, NotFound, Unsafe
from evalnb.models import files
from evalnb.models.training import train
from evalnb.settings import Settings
from tests.detectors import make_weights

NAMES = ("disc", "blöck")


SIDE, EDGE = 96, 36
"""Of a picture, and of the disc or block in it, in pixels."""


def paint_dataset(root: Path, *, train: int, val: int) -> Path:
    """The data.yaml of pictures with one bright disc or block each, by turns."""
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("val", val)):
        for kind in ("images", "labels"):
            (root / kind / part).mkdir(parents=True)
        for n in range(count):
            picture = Image.new("RGB", (SIDE, SIDE), tuple(int(one) for one in rng.integers(0, 80, 3)))
            x, y = (int(one) for one in rng.integers(5, 50, 2))
            draw = ImageDraw.Draw(picture)
            paint = draw.rectangle if n % 2 else draw.ellipse
            paint([x, y, x + EDGE, y + EDGE], fill=(250, 200, 40) if n % 2 else (40, 200, 250))
            picture.save(root / "images" / part / f"{n}.png")
            middle = f"{(x + EDGE / 2) / SIDE} {(y + EDGE / 2) / SIDE}"
            (root / "labels" / part / f"{n}.txt").write_text(f"{n % 2} {middle} {EDGE / SIDE} {EDGE / SIDE}\n")
    place = root / "data.yaml"
    place.write_text(f"train: images/train\nval: images/val\nnames: {json.dumps(NAMES)}\n")
    return place


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures to train on and four to measure on: enough to run, too few to learn from."""
    return paint_dataset(tmp_path_factory.mktemp("data"), train=8, val=4)


@pytest.fixture
def settings(cache: Path) -> Settings:
    return Settings.from_environment({"EVALNB_HOME": str(cache), "HOME": str(cache)})


@pytest.fixture
def options(settings: Settings) -> dict[str, Any]:
    return {"image_size": 96, "batch": 4, "device": "cpu", "settings": settings}


def test_a_detector_that_begins_from_nothing_learns_to_find_what_it_was_shown(
    tmp_path: Path, options: dict[str, Any], cache: Path
) -> None:
    data = paint_dataset(tmp_path / "data", train=64, val=8)
    events: list[dict[str, Any]] = []
    options |= {"hyperparameters": {"mosaic": 0.0, "warmup_epochs": 0.5, "optimizer": "AdamW", "lr0": 0.005}}
    trained = train("yolo11n", data, tmp_path / "out", epochs=9, on_event=events.append, **options)
    assert trained.class_names == NAMES and trained.metrics["epochs"] == 9
    assert "begins from nothing" in events[0]["message"]
    epochs = [one for one in events if one["kind"] == "epoch"]
    assert [one["epoch"] for one in epochs] == list(range(1, 10))
    assert set(epochs[0]["losses"]) == {"box_loss", "cls_loss", "dfl_loss"}
    assert epochs[-1]["losses"]["cls_loss"] < epochs[0]["losses"]["cls_loss"]
    assert epochs[-1]["eta_s"] == 0
    # The result is the best epoch.
    assert trained.metrics["mAP50-95"] == pytest.approx(max(one["mAP50-95"] for one in epochs), abs=0.02)
    batches = [one for one in events if one["kind"] == "batch"]
    assert batches and all(1 <= one["batch"] <= one["batches"] == 16 for one in batches)

    header = files.read_header(trained.weights)
    assert (header.architecture, header.class_names, header.image_size) == ("yolo11n", NAMES, SIDE)
    # Eight epochs gave 0.99 on every machine, six 0.5 on one; a detector that has learnt nothing gives 0.
    assert trained.metrics["mAP50"] > 0.6
    detector = models.detector("yolo11n", trained.weights, device="cpu", home=cache)
    places = sorted((data.parent / "images" / "val").glob("*.png"))
    results = detector.detect(
        [imagery.decode(place.read_bytes()) for place in places], confidence=0.01, max_detections=10
    )
    assert sum(_found(place, result) for place, result in zip(places, results, strict=True)) >= 6


def _found(place: Path, result: Any) -> bool:
    """Whether the surest detection is of the picture's class, and where it is."""
    label = place.parents[2] / "labels" / "val" / f"{place.stem}.txt"
    index, x, y, w, h = map(float, label.read_text().split())
    truth = np.array([x - w / 2, y - h / 2, w, h]) * SIDE
    if not len(result.score) or result.class_index[0] != index:
        return False
    return bool(np.abs(result.box[0] - truth).max() < 12)


def test_a_stopped_training_goes_on_from_its_last_epoch_in_another_folder(
    data: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 7  # two batches and a validation make three questions an epoch

    with pytest.raises(Cancelled, match=r"pass resume=.*last\.pt"):
        train("yolo11n", data, tmp_path / "one", epochs=4, cancelled=stop, **options)
    assert (tmp_path / "one" / "last.pt").is_file() and asked == 8
    events: list[dict[str, Any]] = []
    checkpoint = tmp_path / "one" / "last.pt"
    trained = train("yolo11n", data, tmp_path / "two", epochs=4, resume=checkpoint, on_event=events.append, **options)
    assert [one["epoch"] for one in events if one["kind"] == "epoch"] == [3, 4]
    assert trained.weights == tmp_path / "two" / "weights.safetensors"


def test_a_checkpoint_of_the_last_epoch_is_a_result(data: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    first = train("yolo11n", data, tmp_path, epochs=2, **options)
    before = first.weights.read_bytes()
    first.weights.unlink()
    again = train("yolo11n", data, tmp_path, epochs=2, resume=tmp_path / "last.pt", **options)
    assert again.weights.read_bytes() == before and again.metrics["epochs"] == 2
    assert set(again.metrics) == set(first.metrics)


def test_training_begins_with_given_weights_of_other_classes(
    data: Path, tmp_path: Path, options: dict[str, Any], cache: Path
) -> None:
    start = make_weights(tmp_path / "start.safetensors", cache, ("person", "disc", "dog"))
    events: list[dict[str, Any]] = []
    trained = train("yolo11n", data, tmp_path / "out", epochs=1, start=start, on_event=events.append, **options)
    assert not [one for one in events if one["kind"] == "log"]
    from safetensors.torch import load_file

    before, after = load_file(start), load_file(trained.weights)
    name = "model.0.conv.weight"
    assert (before[name] - after[name].float()).abs().max() < 0.05
    assert after["model.23.cv3.0.2.bias"].shape == (2,)


@pytest.mark.parametrize("architecture", ["yolo11n", "yolo12n"])
def test_published_weights_of_80_classes_become_a_detector_of_two(
    architecture: str, data: Path, tmp_path: Path, options: dict[str, Any], cache: Path
) -> None:
    """Where so many classes make the head wider than two do, the width stays: as a detector, and as a beginning."""
    names = [f"class {n}" for n in range(80)]
    start = make_weights(tmp_path / "start.safetensors", cache, names, architecture=architecture)
    trained = train(architecture, data, tmp_path / "one", epochs=1, start=start, **options)
    assert files.shapes(trained.weights)["model.0.conv.weight"] == files.shapes(start)["model.0.conv.weight"]
    detector = models.detector(architecture, trained.weights, device="cpu", home=cache)
    (found,) = detector.detect([np.full((64, 64, 3), 90, np.uint8)], confidence=0.0001, max_detections=5)
    assert set(found.class_index) <= {0, 1}
    again = train(architecture, data, tmp_path / "two", epochs=1, start=trained.weights, **options)
    assert files.shapes(again.weights) == files.shapes(trained.weights)


def test_rtdetr_trains_too(data: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    events: list[dict[str, Any]] = []
    trained = train("rtdetr-l", data, tmp_path, epochs=1, on_event=events.append, **{**options, "image_size": 64})
    assert files.read_header(trained.weights).architecture == "rtdetr-l"
    assert "giou_loss" in next(one for one in events if one["kind"] == "epoch")["losses"]


def test_equal_seeds_make_equal_weights(data: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    made = [train("yolo11n", data, tmp_path / name, epochs=1, **options).weights.read_bytes() for name in "ab"]
    assert made[0] == made[1]


def test_what_cannot_be_trained_is_refused_before_it_begins(
    data: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(NotFound, match="cannot be read"):
        train("yolo11n", tmp_path / "no.yaml", tmp_path, epochs=1, **options)
    bad = tmp_path / "bad.yaml"
    bad.write_text("names: [a]\ntrain: images\n")
    with pytest.raises(Invalid, match=r"is no YOLO dataset .*val"):
        train("yolo11n", bad, tmp_path, epochs=1, **options)
    bad.write_text("names: [a]\ntrain: nowhere\nval: nowhere\n")
    with pytest.raises(NotFound, match=r"the train images .*nowhere are not there"):
        train("yolo11n", bad, tmp_path, epochs=1, **options)
    with pytest.raises(Invalid, match="epochs is 0"):
        train("yolo11n", data, tmp_path, epochs=0, **options)
    with pytest.raises(Invalid, match="no hyperparameter 'project'; use "):
        train("yolo11n", data, tmp_path, epochs=1, hyperparameters={"project": "/etc"}, **options)
    with pytest.raises(NotFound, match="no checkpoint"):
        train("yolo11n", data, tmp_path, epochs=1, resume=tmp_path / "none.pt", **options)
    with pytest.raises(NotFound, match="is no detector"):
        train("sam2.1-tiny", data, tmp_path, epochs=1, **options)


def test_a_malicious_checkpoint_neither_starts_nor_resumes(
    data: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    import os

    import torch

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.system, (f"touch {tmp_path / 'PWNED'}",))

    evil = tmp_path / "last.pt"
    torch.save({"epoch": 1, "model": Evil()}, evil)
    with pytest.raises(Unsafe):
        train("yolo11n", data, tmp_path / "out", epochs=2, start=evil, **options)
    with pytest.raises(Invalid, match="cannot be gone on from"):
        train("yolo11n", data, tmp_path / "out", epochs=2, resume=evil, **options)
    assert not (tmp_path / "PWNED").exists()
