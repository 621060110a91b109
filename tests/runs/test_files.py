"""evaluate_coco on files: what it refuses, what it leaves out, and what it shows."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalnb.core.records import Detections, Truths
from evalnb.errors import Invalid, NotFound
from evalnb.runs.columns import read_results, read_truth
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import evaluate_coco


def truth_of(boxes: list[list[float]], **more: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 1, "file_name": "day.jpg", "width": 200, "height": 100, "tags": ["day"]},
            {"id": 2, "file_name": "night.jpg", "width": 200, "height": 100, "tags": ["night", "rain"]},
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}],
        "annotations": [
            {"id": n, "image_id": 1 + n % 2, "category_id": 7 if n < 3 else 9, "bbox": box, "area": box[2] * box[3]}
            for n, box in enumerate(boxes, 1)
        ],
        **more,
    }


BOXES = [[0.0, 0.0, 20.0, 20.0], [50.0, 10.0, 40.0, 40.0], [10.0, 50.0, 30.0, 30.0], [120.0, 20.0, 60.0, 60.0]]


def results_of(truth: dict[str, Any], score: float = 0.9) -> list[dict[str, Any]]:
    return [
        {"image_id": one["image_id"], "category_id": one["category_id"], "bbox": list(one["bbox"]), "score": score}
        for one in truth["annotations"]
    ]


@pytest.fixture
def truth() -> dict[str, Any]:
    return truth_of(BOXES)


@pytest.fixture
def perfect(truth: dict[str, Any]) -> Evaluation:
    return evaluate_coco(truth, results_of(truth))


def test_perfect_detections_score_one(perfect: Evaluation) -> None:
    numbers = perfect.summary()
    assert numbers["AP"] == pytest.approx(1)
    assert numbers["AR100"] == 1
    assert numbers["APl"] == -1  # there is no large truth


def test_paths_and_parsed_json_are_the_same(truth: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps(results_of(truth)))
    from_files = evaluate_coco(tmp_path / "truth.json", str(tmp_path / "results.json"))
    assert from_files.summary() == evaluate_coco(truth, results_of(truth)).summary()


def test_an_array_of_detections_is_read_as_pycocotools_reads_it(truth: dict[str, Any]) -> None:
    rows = [[one["image_id"], *one["bbox"], one["score"], one["category_id"]] for one in results_of(truth)]
    assert evaluate_coco(truth, np.array(rows)).summary() == evaluate_coco(truth, results_of(truth)).summary()


def test_core_records_are_evaluated_as_they_are(truth: dict[str, Any]) -> None:
    rows = truth["annotations"]
    box = np.array(BOXES)
    image = np.array([one["image_id"] for one in rows])
    class_id = np.array([one["category_id"] for one in rows])
    truths = Truths(np.arange(1, 5), image, class_id, box, box[:, 2] * box[:, 3], np.zeros(4, bool))
    found = evaluate_coco(truths, Detections(image, class_id, box, np.full(4, 0.9)))
    assert found.summary() == evaluate_coco(truth, results_of(truth)).summary()


MISTAKES: list[tuple[str, Any, str]] = [
    ("bbox", [1, 2, 3], "not [x, y, width, height]"),
    ("bbox", [1, 2, math.nan, 4], "not finite"),
    ("bbox", [1, 2, -3, 4], "inverted"),
    ("bbox", None, "missing"),
    ("score", "high", "not a number"),
    ("score", math.inf, "not finite"),
    ("image_id", 99, "no such image"),
    ("image_id", "1", "not an integer"),
    ("category_id", 3, "no such category"),
    ("category_id", None, "missing"),
]


@pytest.mark.parametrize(("field", "value", "what"), MISTAKES)
def test_a_bad_detection_is_left_out_and_named(truth: dict[str, Any], field: str, value: Any, what: str) -> None:
    results = [*results_of(truth), results_of(truth)[0] | {field: value}]
    found = evaluate_coco(truth, results)
    assert found.summary() == evaluate_coco(truth, results_of(truth)).summary()
    (problem,) = found.problems
    assert (problem.source, problem.index, problem.field) == ("detections", 4, field)
    assert what in problem.what
    with pytest.raises(Invalid, match=re.escape(f"detections[4].{field}")):
        evaluate_coco(truth, results, strict=True)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [one for one in MISTAKES if one[0] != "score"]
    + [("id", 1, "only the first counts"), ("id", 1.5, "not an integer")],
)
def test_a_bad_truth_is_left_out_and_named(truth: dict[str, Any], field: str, value: Any, what: str) -> None:
    extra = truth["annotations"][0] | {"id": 50, field: value}
    found = evaluate_coco(truth | {"annotations": [*truth["annotations"], extra]}, results_of(truth))
    assert found.summary()["AP"] == pytest.approx(1)
    (problem,) = found.problems
    assert (problem.source, problem.index, problem.field) == ("truth.annotations", 4, field)
    assert what in problem.what


def test_sound_rows_are_read_alike_all_at_once_and_one_by_one(truth: dict[str, Any]) -> None:
    file = read_truth(truth, kind="bbox")
    rows = [*results_of(truth), results_of(truth)[0] | {"bbox": [1, 2, 3, 4], "score": 1}]
    at_once = read_results(rows, kind="bbox", images=file.images, class_names=file.class_names)
    singly = read_results([*rows, {}], kind="bbox", images=file.images, class_names=file.class_names)
    assert (len(at_once.problems), len(singly.problems)) == (0, 1)
    assert np.array_equal(at_once.area, singly.area)
    for name in ("image", "class_id", "box", "score"):
        mine, theirs = getattr(at_once.detections, name), getattr(singly.detections, name)
        assert mine.dtype == theirs.dtype and np.array_equal(mine, theirs)


def test_numpy_numbers_and_boxes_count_as_numbers_and_boxes(truth: dict[str, Any]) -> None:
    expected = evaluate_coco(truth, results_of(truth)).summary()
    rows = [
        {
            "image_id": np.int64(one["image_id"]),
            "category_id": np.int32(one["category_id"]),
            "bbox": np.array(one["bbox"], dtype=np.float32),
            "score": np.float32(one["score"]),
        }
        for one in results_of(truth)
    ]
    assert evaluate_coco(truth, rows).summary() == expected
    found = evaluate_coco(truth, [*rows, {"image_id": 99}])
    assert found.summary() == expected
    assert len(found.problems) == 1


def test_a_truth_without_area_gets_its_shapes_and_says_so(truth: dict[str, Any]) -> None:
    expected = evaluate_coco(truth, results_of(truth)).summary()
    results = results_of(truth)
    del truth["annotations"][0]["area"]
    found = evaluate_coco(truth, results)
    assert found.summary() == expected
    assert [one.field for one in found.problems] == ["area"]


def test_a_mask_that_does_not_fill_its_image_is_named(truth: dict[str, Any]) -> None:
    for one in truth["annotations"]:
        x, y, w, h = one["bbox"]
        one["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    good = {"image_id": 1, "category_id": 7, "score": 0.5, "segmentation": [[0, 0, 9, 0, 9, 9, 0, 9]]}
    results = [good, good | {"segmentation": {"size": [100, 200], "counts": [7]}}, good | {"segmentation": [[1, 2]]}]
    found = evaluate_coco(truth, results, "segm")
    assert [(one.index, one.field) for one in found.problems] == [(1, "segmentation"), (2, "segmentation")]
    assert "7 pixels" in found.problems[0].what


def test_files_that_are_no_coco_are_refused_by_name(tmp_path: Path, truth: dict[str, Any]) -> None:
    cut = tmp_path / "cut.json"
    cut.write_text(json.dumps(truth)[:100])
    with pytest.raises(Invalid, match=r"cut\.json is not JSON"):
        evaluate_coco(cut, [])
    with pytest.raises(NotFound, match="there is no file"):
        evaluate_coco(tmp_path / "nowhere.json", [])
    with pytest.raises(Invalid, match="no list 'categories'"):
        evaluate_coco({"images": [], "annotations": []}, [])
    with pytest.raises(Invalid, match="not a list of results"):
        evaluate_coco(truth, {"annotations": []})  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="no kind 'box'"):
        evaluate_coco(truth, [], "box")  # type: ignore[arg-type]


def test_nan_in_a_file_is_a_row_s_problem_not_the_file_s(tmp_path: Path, truth: dict[str, Any]) -> None:
    results = results_of(truth)
    results[2]["score"] = math.nan
    (tmp_path / "results.json").write_text(json.dumps(results))
    found = evaluate_coco(truth, tmp_path / "results.json")
    assert [str(one) for one in found.problems] == ["results.json[2].score: nan, which is not finite"]


def test_where_narrows_by_tag_class_and_name(truth: dict[str, Any]) -> None:
    results = [one for one in results_of(truth) if one["image_id"] == 2]
    found = evaluate_coco(truth, results)
    assert 0 < found.summary()["AP"] < 1
    assert found.where(tag="night").summary()["AP"] == pytest.approx(1)
    assert found.where(tag=["night", "rain"]).image_count() == 1
    assert found.where(tag=["night", "day"]).image_count() == 0
    assert found.where(text="day").summary()["AP"] == 0
    assert found.where(tag="night").where(classes=["dog"]).per_class()["class"].tolist() == ["dog"]
    with pytest.raises(NotFound, match="no class 'bird'"):
        found.where(classes=["bird"])
    with pytest.raises(Invalid, match="one area range"):
        found.where(area=["small", "large"])
    with pytest.raises(Invalid, match="one area range"):
        found.where(area="small").where(area="large")


def test_confidence_leaves_out_what_is_below(truth: dict[str, Any]) -> None:
    results = results_of(truth)
    results[0]["score"] = 0.1
    found = evaluate_coco(truth, results)
    assert found.where(confidence=0.5).summary()["AR100"] < found.summary()["AR100"] == 1
    assert found.where(confidence=0.1).summary() == found.summary()
    assert found.where(confidence=0.5).where(confidence=0.2).confidence == 0.5


def test_per_image_counts_hits_ghosts_and_misses_worst_first(truth: dict[str, Any]) -> None:
    results = results_of(truth)[1:]  # one miss, in image 2
    results.append({"image_id": 2, "category_id": 9, "bbox": [150, 80, 20, 20], "score": 0.6})
    results.append({"image_id": 1, "category_id": 9, "bbox": [150, 80, 20, 20], "score": 0.1})
    frame = evaluate_coco(truth, results).per_image(confidence=0.25)
    assert frame[["file_name", "TP", "FP", "FN"]].to_numpy().tolist() == [
        ["night.jpg", 1, 1, 1],
        ["day.jpg", 2, 0, 0],
    ]
    assert frame["F1"].tolist() == [0.5, 1.0]


def test_confusion_counts_which_class_met_which(truth: dict[str, Any]) -> None:
    results = results_of(truth)
    results[0]["category_id"] = 9  # a cat taken for a dog
    del results[3]  # a dog missed
    results.append({"image_id": 1, "category_id": 7, "bbox": [150, 80, 20, 20], "score": 0.6})  # a ghost
    matrix = evaluate_coco(truth, results).confusion()
    assert matrix.loc["cat"].tolist() == [1, 1, 0]
    assert matrix.loc["dog"].tolist() == [0, 1, 1]
    assert matrix.loc["background"].tolist() == [1, 0, 0]


def test_a_detection_on_a_crowd_is_no_ghost(truth: dict[str, Any]) -> None:
    truth["annotations"].append(
        {"id": 60, "image_id": 1, "category_id": 7, "bbox": [100, 0, 100, 20], "area": 2000, "iscrowd": 1}
    )
    results = [{"image_id": 1, "category_id": 7, "bbox": [100, 0, 9, 9], "score": s} for s in (0.9, 0.8)]
    matrix = evaluate_coco(truth, results).confusion()
    assert matrix.loc["background"].sum() == 0
    assert matrix["background"].sum() == 4


def test_operating_points_follow_the_counts(truth: dict[str, Any]) -> None:
    results = results_of(truth)
    results[0]["score"] = 0.3
    results.append({"image_id": 1, "category_id": 7, "bbox": [150, 80, 20, 20], "score": 0.5})
    rows = evaluate_coco(truth, results).confidence_data().set_index("confidence")
    assert rows.loc[0.0, ["precision", "recall"]].tolist() == [0.8, 1.0]
    assert rows.loc[0.4, ["precision", "recall"]].tolist() == [0.75, 0.75]
    assert rows.loc[1.0, ["recall", "F1"]].tolist() == [0.0, 0.0]
    assert math.isnan(rows.loc[1.0, "precision"])


def test_comparing_gives_differences_by_number_and_class(truth: dict[str, Any], perfect: Evaluation) -> None:
    worse = evaluate_coco(truth, results_of(truth)[:2])
    one = perfect.compare(worse)
    ap = one.numbers.set_index("number").loc["AP"]
    assert ap["difference"] == pytest.approx(ap["this"] - ap["other"]) and ap["difference"] > 0
    assert math.isnan(one.numbers.set_index("number").loc["APl", "difference"])
    assert one.classes.set_index("class").loc["dog", "difference"] == pytest.approx(1)
    assert "<table>" in one._repr_html_()


def test_an_evaluation_of_nothing_is_all_minus_one(truth: dict[str, Any]) -> None:
    empty = evaluate_coco(truth | {"annotations": []}, [])
    assert set(empty.summary().values()) == {-1.0}
    assert empty.confusion().to_numpy().sum() == 0
    assert empty.per_image()["F1"].tolist() == [1.0, 1.0]
    assert "–" in empty._repr_html_()
    assert empty.curves()._repr_svg_().startswith("<svg")


def test_it_prints_coco_s_table_and_shows_a_card(perfect: Evaluation) -> None:
    lines = repr(perfect).splitlines()
    assert lines[0] == "Evaluation (bbox): 2 images · 2 classes"
    assert lines[1] == " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 1.000"
    assert lines[7] == " Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 1.000"
    card = perfect._repr_html_()
    assert card.count("<strong>") == 12 and "<svg" in card
    assert perfect.curves()._repr_svg_().startswith("<svg")


def test_names_cannot_smuggle_html_into_the_card(truth: dict[str, Any]) -> None:
    truth["categories"][0]["name"] = "<script>alert(1)</script>"
    found = evaluate_coco(truth, [*results_of(truth), {"image_id": "<img src=x>"}])
    shown = found.where(classes=["<script>alert(1)</script>"])._repr_html_()
    assert "<script" not in shown and "<img" not in shown
    assert "<script" not in found.compare(found)._repr_html_()
