"""Tables in, tables and result files out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evalnb as ev
from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco
from tests.parity import problems


@pytest.fixture
def problem() -> problems.Problem:
    truth, results = problems.make(seed=4, images=6, classes=3, truths=6, detections=20, score_steps=9)
    known = {one["id"] for one in truth["categories"]}
    for one in truth["annotations"]:
        # Files have ids, tables have none; id 0 never matches.
        one["id"] += 1
    return truth, [one for one in results if one["category_id"] in known]


def columns_of(rows: list[dict[str, Any]], *, corners: bool = False) -> dict[str, Any]:
    box = np.array([one["bbox"] for one in rows])
    out: dict[str, Any] = {
        "image": [one["image_id"] for one in rows],
        "class": [one["category_id"] for one in rows],
    }
    names = ("x0", "y0", "x1", "y1") if corners else ("x", "y", "width", "height")
    if corners:
        box[:, 2:] += box[:, :2]
    out |= dict(zip(names, box.T, strict=True))
    for name, key in (("score", "score"), ("crowd", "iscrowd"), ("area", "area")):
        if key in rows[0]:
            out[name] = [one[key] for one in rows]
    return out


def made(columns: dict[str, Any], form: str) -> Any:
    if form == "dict":
        return columns
    if form == "pandas":
        return pd.DataFrame(columns)
    if form == "polars":
        return pytest.importorskip("polars").DataFrame(columns)
    table = pytest.importorskip("pyarrow").table(columns)
    if form == "arrow":
        return table

    class Stream:
        """Nothing but Arrow's stream, as a database's relation has it."""

        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            return table.__arrow_c_stream__(requested_schema)

    return Stream()


@pytest.mark.parametrize("form", ["dict", "pandas", "polars", "arrow", "stream"])
def test_every_kind_of_table_gives_the_file_s_numbers(problem: problems.Problem, form: str) -> None:
    truth, results = problem
    images = [one["id"] for one in truth["images"]]
    found = ev.evaluate_tables(
        made(columns_of(truth["annotations"]), form), made(columns_of(results), form), images=images
    )
    assert found.summary() == evaluate_coco(truth, results).summary()
    assert found.problems == ()


def test_names_and_corners_will_do(problem: problems.Problem) -> None:
    truth, results = problem
    files = {one["id"]: one["file_name"] for one in truth["images"]}
    names = {one["id"]: one["name"] for one in truth["categories"]}
    tables = [pd.DataFrame(columns_of(rows, corners=True)) for rows in (truth["annotations"], results)]
    for one in tables:
        one["image"], one["class"] = one["image"].map(files), one["class"].map(names)
    found = ev.evaluate_tables(*tables, images=files.values())
    expected = evaluate_coco(truth, results)
    # A corner less a corner is not the width to the last bit, and names sort otherwise than numbers.
    assert found.summary()["AP"] == pytest.approx(expected.summary()["AP"], abs=0.05)
    assert set(found.per_class()["class"]) <= set(names.values())
    assert sorted(found.images.name) == sorted(files.values())


def test_bad_rows_are_named_and_the_rest_is_that_without_them() -> None:
    truth = {"image": ["a", "a", "b"], "class": ["cat"] * 3, "x": [0, 50, 0], "y": [0, 0, 0], "width": [9.0] * 3}
    truth["height"] = [9.0, float("nan"), 9.0]
    good = pd.DataFrame({**truth, "score": [0.9, 0.8, 0.7]})
    bad = pd.DataFrame(
        {
            "image": ["a", "z", None, "b", "b"],
            "class": ["cat", "cat", "cat", "dog", "cat"],
            "x": [0.0, 0, 0, 0, 0],
            "y": [0.0, 0, 0, 0, 0],
            "width": [9.0, 9, 9, 9, -1],
            "height": [9.0] * 5,
            "score": [float("inf"), 0.5, 0.5, 0.5, 0.5],
        }
    )
    found = ev.evaluate_tables(truth, pd.concat([good, bad]), images=["a", "b"])
    assert [str(one) for one in found.problems] == [
        "truth[1].height: no finite number",
        "detections[1].height: no finite number",
        "detections[3].score: no finite number",
        "detections[4].image: 'z': the truth has no such image",
        "detections[5].image: missing",
        "detections[6].class: 'dog': the truth has no such category",
        "detections[7].width: inverted: width -1, height 9",
    ]
    alone = {key: [value[0], value[2]] for key, value in truth.items()}
    assert found.summary() == ev.evaluate_tables(alone, good.iloc[[0, 2]]).summary()
    with pytest.raises(Invalid, match=r"truth\[1\]\.height: no finite number and 5 more"):
        ev.evaluate_tables(truth, bad, strict=True, images=["a", "b"])


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ({"picture": [1]}, "no column 'image'; rename one of 'picture'"),
        ({"image": [1], "class": [1, 2]}, "truth.class has 2 rows, not 1"),
        (7, "the table of truth is a int"),
    ],
)
def test_what_is_no_such_table_is_refused(truth: Any, said: str) -> None:
    found = {"image": [1], "class": [1], "x": [0], "y": [0], "width": [1], "height": [1], "score": [1]}
    with pytest.raises(Invalid, match=said):
        ev.evaluate_tables(truth, found)


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_a_result_file_written_gives_the_same_numbers(kind: Any, tmp_path: Path) -> None:
    truth, results = problems.make(seed=8, kind=kind, images=4, classes=3, truths=5, detections=20, score_steps=5)
    found = evaluate_coco(truth, results, kind)
    written = found.to_coco_results(tmp_path / "out.json")
    again = evaluate_coco(truth, written, kind, strict=True)
    assert again.summary() == found.summary()
    part = found.where(confidence=0.5)
    assert evaluate_coco(truth, part.to_coco_results(written), kind).summary() == part.summary()
    assert [one.name for one in tmp_path.iterdir()] == ["out.json"]
    with pytest.raises(Invalid, match="cannot be written"):
        found.to_coco_results(tmp_path / "none" / "out.json")


def test_the_table_says_what_became_of_each_detection(problem: problems.Problem) -> None:
    truth, results = problem
    found = evaluate_coco(truth, results)
    frame = found.to_pandas()
    assert len(frame) == len(found.matches) == len(results)
    by_id = {one["id"]: one for one in truth["annotations"]}
    taken = frame[frame["truth"] >= 0]
    assert len(taken) > 10
    for row in taken.itertuples():
        assert by_id[row.truth]["image_id"] == row.image
        assert found.named(by_id[row.truth]["category_id"]) == row._3
    assert found.to_arrow().column_names == list(frame.columns)
    assert len(found.where(area="small", confidence=0.5).to_pandas()) == (frame["score"] >= 0.5).sum()
