"""``evalnb evaluate`` on two files: tables, colours, JSON, a page, and what it says of bad rows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from evalnb.cli import main
from evalnb.runs.card import coco_table
from evalnb.runs.files import evaluate_coco


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Twelve images, two classes; every object found, a third of them a little off, one row broken."""
    rng = np.random.default_rng(0)
    annotations: list[dict[str, Any]] = []
    images = []
    for n in range(12):
        images.append(
            {"id": n, "file_name": f"{n}.png", "width": 200, "height": 100, "tags": ["night" if n % 3 else "day"]}
        )
        Image.fromarray(rng.integers(0, 255, (100, 200, 3), dtype=np.uint8)).save(tmp_path / f"{n}.png")
        for _ in range(4):
            x, y, w, h = (float(v) for v in rng.integers(5, 60, 4))
            one = {"id": len(annotations) + 1, "image_id": n, "category_id": 1 + n % 2, "bbox": [x, y, w, h]}
            annotations.append({**one, "area": w * h, "iscrowd": 0})
    truth = {"images": images, "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}
    (tmp_path / "truth.json").write_text(json.dumps({**truth, "annotations": annotations}))

    def found(moved: float) -> list[dict[str, Any]]:
        return [
            {
                "image_id": one["image_id"],
                "category_id": one["category_id"],
                "bbox": [one["bbox"][0] + (moved if n % 3 == 0 else 0), *one["bbox"][1:]],
                "score": 0.1 + 0.8 * n / len(annotations),
            }
            for n, one in enumerate(annotations)
        ]

    ghost = {"image_id": 0, "category_id": 1, "bbox": [150.0, 60.0, 20.0, 20.0], "score": 0.95}
    (tmp_path / "new.json").write_text(
        json.dumps([*found(2.0), {"image_id": 3, "category_id": 1, "score": "high"}, ghost])
    )
    (tmp_path / "old.json").write_text(json.dumps(found(9.0)))
    return tmp_path


def evaluated(folder: Path, *words: str, **environment: str) -> Result:
    runner = CliRunner(env={"NO_COLOR": None, "FORCE_COLOR": None, **environment})
    names = [str(folder / "truth.json"), str(folder / "new.json")]
    return runner.invoke(main, ["evaluate", *names, "--replicates", "100", *words])


def test_it_prints_coco_s_table_and_names_the_bad_row_beside_it(files: Path) -> None:
    done = evaluated(files)
    found = evaluate_coco(files / "truth.json", files / "new.json")
    expected, printed = coco_table(found).splitlines(), done.stdout.splitlines()
    assert done.exit_code == 0
    assert [line[: len(one)] for line, one in zip(printed, expected, strict=False)] == expected
    sure = found.intervals(replicates=100).iloc[0]
    assert printed[1] == f"{expected[1]}  [{sure['low']:.3f}, {sure['high']:.3f}]"
    assert evaluated(files, "--replicates", "0").stdout.splitlines() == expected
    assert "1 row could not be used" in done.stdout
    assert done.stderr == "left out: new.json[48].score: not a number\n"


def test_strict_refuses_the_file_in_two_lines(files: Path) -> None:
    done = evaluated(files, "--strict")
    assert done.exit_code == 1 and done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first == "✗ new.json[48].score: not a number"
    assert "mend the file" in second


def test_colours_are_for_terminals_alone(files: Path) -> None:
    plain = evaluated(files).stdout
    assert "\x1b" not in plain
    coloured = evaluated(files, FORCE_COLOR="1", TERM="xterm-256color").stdout
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert "\x1b[3" not in evaluated(files, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm-256color").stdout


def test_tables_of_classes_tags_and_differences_hold_the_api_s_numbers(files: Path) -> None:
    done = evaluated(files, "--per-class", "--by", "tag", "--compare", str(files / "old.json"))
    lines = [line.split() for line in done.stdout.splitlines() if line and line[0] != " "]
    rows = {line[0]: line[1:] for line in lines}
    found = evaluate_coco(files / "truth.json", files / "new.json")
    other = evaluate_coco(files / "truth.json", files / "old.json")
    night = found.where(tag="night").summary()
    assert rows["night"][:2] == ["8", f"{night['AP']:.3f}"]
    assert rows["AP"][:3] == [
        f"{found.summary()['AP']:.3f}",
        f"{other.summary()['AP']:.3f}",
        f"{found.summary()['AP'] - other.summary()['AP']:+.3f}",
    ]
    assert set(rows) >= {"cat", "dog", "day"}


def test_json_is_one_document_with_everything(files: Path) -> None:
    words = ["--json", "--per-class", "--by", "tag", "--compare", str(files / "old.json")]
    said = json.loads(evaluated(files, *words).stdout)
    found = evaluate_coco(files / "truth.json", files / "new.json")
    assert {key: said[key] for key in found.summary()} == found.summary()
    assert said["intervals"]["AP"] == pytest.approx(found.intervals(replicates=100).iloc[0][["low", "high"]].tolist())
    assert said["problems"] == [{"source": "new.json", "index": 48, "field": "score", "what": "not a number"}]
    assert [one["tag"] for one in said["tags"]] == ["day", "night"]
    assert [one["class"] for one in said["classes"]] == ["cat", "dog"]
    assert said["compared"]["numbers"][0]["number"] == "AP"
    assert said["compared"]["numbers"][5]["difference"] is None, "no large truth: JSON knows no NaN"


def test_the_page_stands_alone_and_shows_the_images_of_a_folder(files: Path) -> None:
    out = files / "page.html"
    assert evaluated(files, "--html", str(out), "--images", str(files)).exit_code == 0
    page = out.read_text()
    assert "data:image/webp" in page
    assert not re.search(r"(?:src|href)=[\"']?https?:", page)
    assert evaluated(files, "--html", str(files / "none" / "page.html")).exit_code == 1


@pytest.mark.parametrize(
    ("words", "happened"),
    [(["missing.json", "new.json"], "missing.json"), (["truth.json"], "not a run's number")],
)
def test_what_is_not_there_is_refused(files: Path, words: list[str], happened: str) -> None:
    done = CliRunner().invoke(main, ["evaluate", *words])
    assert done.exit_code == 1 and happened in done.stderr
