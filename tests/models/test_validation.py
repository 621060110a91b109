"""An ultralytics validation, listened to: the same boxes that it writes itself, and an evaluation of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import evalnb as ev
from evalnb.errors import Invalid
from evalnb.models import _ultralytics

NAMES = {0: "cat", 1: "dog"}
SIZES = [(64, 48), (48, 64), (80, 80)]


@pytest.fixture(scope="module")
def model(cache: Path) -> Any:
    """yolo11n with seeded random weights, perturbed until it says different things of different images."""
    pytest.importorskip("ultralytics")
    _ultralytics.load(cache)
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    made = YOLO("yolo11n.yaml", task="detect")
    with torch.no_grad():
        for name, value in made.model.named_parameters():
            if "bn.weight" in name:
                value.add_(torch.rand_like(value))
            elif ".cv3." in name and value.ndim == 1:
                value.add_(torch.randn_like(value) * 2)
    return made


def dataset(folder: Path, labels: list[str]) -> Path:
    rng = np.random.default_rng(0)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for n, size in enumerate(SIZES):
        picture = rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
        Image.fromarray(picture).resize(size, Image.Resampling.NEAREST).save(folder / "images" / f"{n}.png")
        (folder / "labels" / f"{n}.txt").write_text(labels[n])
    names = "\n".join(f"  {n}: name {n}" for n in range(80))
    (folder / "data.yaml").write_text(f"path: {folder}\ntrain: images\nval: images\nnames:\n{names}\n")
    return folder / "data.yaml"


def validated(model: Any, data: Path, out: Path, **more: Any) -> Any:
    return model.val(
        data=str(data),
        imgsz=64,
        batch=2,
        workers=0,
        plots=False,
        device="cpu",
        verbose=False,
        project=str(out),
        **more,
    )


def test_a_validation_becomes_an_evaluation_of_the_very_same_boxes(model: Any, tmp_path: Path) -> None:
    collected = ev.collect_validation(model)
    with pytest.raises(Invalid, match="no validation has come"):
        _ = collected.evaluation
    labels = ["3 0.5 0.5 0.25 0.5\n7 0.25 0.5 0.25 0.25\n", "", "3 0.5 0.25 0.5 0.25\n"]
    validated(model, dataset(tmp_path / "first", labels), tmp_path / "runs", save_json=True)
    first = collected.evaluation
    truths, detections = first.records()

    by_name = {name: at for at, name in enumerate(first.images.name)}
    assert sorted(by_name) == ["0.png", "1.png", "2.png"]
    expected = sorted([(by_name["0.png"], 3), (by_name["0.png"], 7), (by_name["2.png"], 3)])
    assert sorted(zip(truths.image.tolist(), truths.class_id.tolist(), strict=True)) == expected
    row = int(np.flatnonzero((truths.image == by_name["0.png"]) & (truths.class_id == 3))[0])
    np.testing.assert_allclose(truths.box[row], [24, 12, 16, 24], atol=0.01)
    assert first.named(3) == "name 3"

    (written,) = (tmp_path / "runs").rglob("predictions.json")
    theirs = json.loads(written.read_text())
    assert len(theirs) == len(detections) > 20
    mine = sorted(zip(detections.score.round(5).tolist(), detections.box[:, 0].round(2).tolist(), strict=True))
    said = sorted((round(one["score"], 5), round(one["bbox"][0], 2)) for one in theirs)
    np.testing.assert_allclose(mine, said, atol=0.02)

    # What it says itself, taken for the truth, is found.
    best = detections.score.argsort()[::-1][:6]
    text = ["", "", ""]
    for at in best.tolist():
        n = int(first.images.name[detections.image[at]][0])
        x, y, w, h = (detections.box[at] / np.tile(SIZES[n], 2)).tolist()
        text[n] += f"{detections.class_id[at]} {x + w / 2:.6f} {y + h / 2:.6f} {w:.6f} {h:.6f}\n"
    validated(model, dataset(tmp_path / "second", text), tmp_path / "runs")
    assert collected.evaluation.summary()["AR100"] > 0.9 > first.summary()["AR100"]


def test_what_has_no_callbacks_is_refused() -> None:
    with pytest.raises(Invalid, match="a str has no callbacks"):
        ev.collect_validation("yolo11n.pt")
