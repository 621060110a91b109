"""DOTA's text files, read as the rotated boxes that they state."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco

SHIP = "10 10 30 10 30 20 10 20"
FAR = "50 50 70 60 65 70 45 60"


def written(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_labels_and_results_are_read_and_difficult_ones_cost_nothing(tmp_path: Path) -> None:
    labels = written(
        tmp_path / "labelTxt",
        {
            "P1.txt": f"imagesource:GoogleEarth\ngsd:0.1\n{SHIP} ship 0\n{FAR} ship 1\n\n",
            "P2.txt": f"{FAR} plane 0\nten 10 30 10 30 20 10 20 ship 0\n1 2 3 ship\n",
            "P3.txt": "",
        },
    )
    results = written(
        tmp_path / "Task1",
        {
            "Task1_ship.txt": f"P1 0.9 {FAR}\nP1 0.8 {SHIP}\nP9 0.7 {SHIP}\nP1 high {SHIP}\nP3 nan {SHIP}\n",
            "Task1_plane.txt": f"P2 0.5 {FAR}\n",
            "Task1_boat.txt": f"P2 0.5 {FAR}\n",
        },
    )
    mine = evaluate_coco(labels, results, "obb")
    assert mine.images.name == ("P1", "P2", "P3")
    assert mine.summary()["AP"] == pytest.approx(1.0)
    assert mine.per_class()["truths"].tolist() == [1, 1]
    assert [str(one) for one in mine.problems] == [
        "P2.txt[1].poly: 'ten 10 30 10 30 20 10 20': not eight numbers",
        "P2.txt[2]: not eight numbers, a class and 0 or 1",
        "Task1_boat.txt: 'boat': the truth has no such category",
        "Task1_ship.txt[2].image: 'P9': the truth has no such image",
        "Task1_ship.txt[3]: not an image, a score and eight numbers",
        "detections[3].score: nan, which is not finite",
    ]
    (labels / "P2.txt").write_bytes(b"\xff\xfe")
    assert "P2.txt: it cannot be read" in str(evaluate_coco(labels, results, "obb").problems[0])


def test_a_folder_without_such_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="has no files"):
        evaluate_coco(tmp_path, tmp_path, "obb")
