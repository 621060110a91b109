"""Open Images' rules: the official evaluator's own examples, and a plain retelling of it on generated problems.

The evaluator (TensorFlow's Object Detection API) does not install beside a current numpy; what its tests state is
taken from them: two of its cases share the boxes below, with group-of boxes worth 0 and 0.5.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evalnb as ev
from evalnb.core import metrics
from evalnb.core.open_images import Hierarchy
from evalnb.errors import Invalid, NotFound
from evalnb.runs.open_images import evaluate_open_images


def row(image: str, label: str, *box: float, **more: Any) -> dict[str, Any]:
    return {
        "ImageID": image,
        "LabelName": label,
        **dict(zip(("YMin", "XMin", "YMax", "XMax"), box, strict=True)),
        **more,
    }


BOXES = [
    row("img1", "cat", 0, 0, 1, 1, IsGroupOf=0),
    row("img1", "elephant", 0, 0, 2, 2, IsGroupOf=0),
    row("img1", "cat", 0, 0, 3, 3, IsGroupOf=1),
    row("img2", "cat", 10, 10, 11, 11, IsGroupOf=0),
    row("img2", "cat", 500, 500, 510, 510, IsGroupOf=0),
    row("img2", "elephant", 10, 10, 12, 12, IsGroupOf=1),
    row("img3", "dog", 0, 0, 1, 1),
]
LABELS = [{"ImageID": "img1", "LabelName": one, "Confidence": 1} for one in ("cat", "dog", "elephant")]
FOUND = [
    row("img1", "dog", 10, 10, 11, 11, Score=0.7),
    row("img1", "dog", 100, 100, 120, 120, Score=0.8),
    row("img2", "cat", 10, 10, 11, 11, Score=0.7),
    row("img2", "cat", 100, 100, 120, 120, Score=0.8),
    row("img2", "dog", 100, 100, 220, 220, Score=0.5),
    row("img2", "elephant", 10, 10, 11, 11, Score=0.9),
    row("img3", "dog", 0, 0, 1, 1, Score=0.5),
]


def by_class(evaluation) -> dict[str, float]:
    table = evaluation.per_class()
    return dict(zip(table["class"], table["AP50"], strict=True))


def test_the_official_example_with_groups_that_only_absorb() -> None:
    # The evaluator's tests state 1/6 for cats and 0 for elephants; nobody looked for dogs in the second image.
    mine = evaluate_open_images(BOXES, FOUND, labels=LABELS, group_of=False)
    assert by_class(mine) == pytest.approx({"cat": 1 / 6, "dog": 1 / 3, "elephant": 0.0})


def test_the_official_example_with_groups_to_be_found() -> None:
    # With a group worth w the evaluator's tests state 0.5 / (3 + w) for cats and w / (1 + w) for elephants, w = 0.5.
    mine = evaluate_open_images(BOXES, FOUND, labels=LABELS)
    assert by_class(mine) == pytest.approx({"cat": 0.5 / 4, "dog": 1 / 3, "elephant": 0.5})
    assert mine.summary()["AP50"] == pytest.approx((0.125 + 1 / 3 + 0.5) / 3)
    assert mine.protocol == "open_images"
    assert "open_images, bbox" in repr(mine)
    assert "AP50" in mine._repr_html_()
    assert mine.where(images=[2], classes=["elephant"]).summary()["AP50"] == 1.0


def test_one_group_has_one_true_positive_and_swallows_the_rest() -> None:
    boxes = [row("a", "bird", 0, 0, 10, 10, IsGroupOf=1), row("a", "bird", 20, 20, 30, 30, IsGroupOf=0)]
    inside = [row("a", "bird", 1, 1, 4, 4 + one, Score=0.9 - one / 10) for one in range(4)]
    ghost = row("a", "bird", 50, 50, 60, 60, Score=0.1)
    one = row("a", "bird", 20, 20, 30, 30, Score=0.05)
    mine = evaluate_open_images(boxes, [*inside, ghost, one])
    # Hits at ranks 1 and 3 of the three that count; two to find.
    assert mine.summary()["AP50"] == pytest.approx((1 + 2 / 3) / 2)
    assert evaluate_open_images(boxes, inside[:1]).summary()["AP50"] == pytest.approx(0.5)


def test_a_taken_truth_leaves_no_second_choice() -> None:
    boxes = [row("a", "bird", 0, 0, 10, 10), row("a", "bird", 0, 3, 10, 13)]
    found = [row("a", "bird", 0, 0, 10, 10, Score=0.9), row("a", "bird", 0, 1, 10, 11, Score=0.8)]
    # The second looks at the first truth (IoU 9/11), although the other (8/12) would do and is free: a ghost.
    assert evaluate_open_images(boxes, found).summary()["AP50"] == pytest.approx(0.5)


TREE = {
    "LabelName": "entity",
    "Subcategory": [
        {
            "LabelName": "animal",
            "Subcategory": [{"LabelName": "cat"}, {"LabelName": "bird", "Subcategory": [{"LabelName": "owl"}]}],
        },
        {"LabelName": "toy", "Subcategory": [{"LabelName": "owl"}]},
    ],
}


def test_boxes_count_for_all_that_contains_them_and_absence_for_all_that_is_contained() -> None:
    tree = Hierarchy.of(TREE)
    assert set(tree.up("owl")) == {"owl", "bird", "animal", "toy"}
    assert set(tree.down("animal")) == {"animal", "cat", "bird", "owl"}
    boxes = [row("a", "owl", 0, 0, 10, 10)]
    labels = [
        {"ImageID": "b", "LabelName": "animal", "Confidence": 0},
        {"ImageID": "c", "LabelName": "owl", "Confidence": 1},
    ]
    hit = [row("a", one, 0, 0, 10, 10, Score=0.5) for one in ("owl", "bird", "animal", "toy")]
    mine = evaluate_open_images(boxes, hit, labels=labels, hierarchy=TREE)
    assert by_class(mine) == {"animal": 1.0, "bird": 1.0, "cat": -1.0, "owl": 1.0, "toy": 1.0}
    # A ghost owl where no animal is costs the owls alone; where an owl is said to be, a ghost bird costs the birds.
    ghosts = [row("b", "owl", 0, 0, 1, 1, Score=0.9), row("c", "bird", 0, 0, 1, 1, Score=0.9)]
    ghosts += [row("b", "toy", 0, 0, 1, 1, Score=0.9), row("c", "cat", 0, 0, 1, 1, Score=0.9)]
    worse = evaluate_open_images(boxes, [*hit, *ghosts], labels=labels, hierarchy=TREE)
    assert by_class(worse) == {"animal": 1.0, "bird": 0.5, "cat": -1.0, "owl": 0.5, "toy": 1.0}
    few = evaluate_open_images(boxes, hit[:1], labels=labels, hierarchy=TREE)
    assert by_class(few) == {"animal": 0.0, "bird": 0.0, "cat": -1.0, "owl": 1.0, "toy": 0.0}
    expanded = evaluate_open_images(boxes, hit[:1], labels=labels, hierarchy=TREE, expand_detections=True)
    assert by_class(expanded) == by_class(mine)


@st.composite
def generated(draw: st.DrawFn) -> tuple[list[dict], list[dict], list[dict]]:
    """Crowded little images on a grid of dyadic numbers, so that every overlap is exact."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images, classes = [f"i{one}" for one in range(int(rng.integers(1, 4)))], ["x", "y"]

    def box() -> list[float]:
        y, x, h, w = rng.integers(0, 6), rng.integers(0, 6), rng.integers(1, 6), rng.integers(1, 6)
        return [float(one) / 8 for one in (y, x, y + h, x + w)]

    def some(many: int) -> list[tuple[str, str, list[float]]]:
        return [(str(rng.choice(images)), str(rng.choice(classes)), box()) for _ in range(many)]

    boxes = [row(i, c, *b, IsGroupOf=int(rng.random() < 0.3)) for i, c, b in some(int(rng.integers(1, 16)))]
    scores = rng.permutation(40) / 64 + 0.1
    found = [
        row(i, c, *b, Score=float(s)) for (i, c, b), s in zip(some(int(rng.integers(0, 40))), scores, strict=False)
    ]
    labels = [
        {"ImageID": i, "LabelName": c, "Confidence": int(rng.integers(0, 2))}
        for i in images
        for c in classes
        if rng.random() < 0.5
    ]
    return boxes, found, labels


def retold(boxes: list[dict], found: list[dict], labels: list[dict], weight: int) -> dict[str, float]:
    """The evaluator, told plainly: image by image, detection by detection."""

    def overlap(a: Mapping, b: Mapping, *, of_first: bool = False) -> float:
        high = min(a["YMax"], b["YMax"]) - max(a["YMin"], b["YMin"])
        wide = min(a["XMax"], b["XMax"]) - max(a["XMin"], b["XMin"])
        both = max(high, 0) * max(wide, 0)
        area = [(one["YMax"] - one["YMin"]) * (one["XMax"] - one["XMin"]) for one in (a, b)]
        return both / (area[0] if of_first else sum(area) - both)

    verified = {(one["ImageID"], one["LabelName"]) for one in [*boxes, *labels]}
    out = {}
    for label in sorted({one["LabelName"] for one in boxes} | {one["LabelName"] for one in labels}):
        marks: list[tuple[float, int]] = []
        for image in sorted({one["ImageID"] for one in [*boxes, *labels]}):
            here = [one for one in boxes if (one["ImageID"], one["LabelName"]) == (image, label)]
            single, groups = ([one for one in here if one["IsGroupOf"] == kind] for kind in (0, 1))
            mine = [one for one in found if (one["ImageID"], one["LabelName"]) == (image, label)]
            taken: set[int] = set()
            best_of: dict[int, float] = {}
            for one in sorted(mine, key=lambda one: -one["Score"]):
                if (image, label) not in verified:
                    continue
                ious = [overlap(one, truth) for truth in single]
                at = int(np.argmax(ious)) if ious else -1
                if at >= 0 and ious[at] >= 0.5 and at not in taken:
                    taken.add(at)
                    marks.append((one["Score"], 1))
                    continue
                parts = [overlap(one, truth, of_first=True) for truth in groups]
                at = int(np.argmax(parts)) if parts else -1
                if at >= 0 and parts[at] >= 0.5:
                    best_of[at] = max(best_of.get(at, 0.0), one["Score"])
                else:
                    marks.append((one["Score"], 0))
            marks += [(score, 1) for score in best_of.values() if weight]
        of_class = [one for one in boxes if one["LabelName"] == label]
        many = sum(1 if one["IsGroupOf"] == 0 else weight for one in of_class)
        hits = np.array([hit for _, hit in sorted(marks, key=lambda one: -one[0])], dtype=float)
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        fallen = np.maximum.accumulate(precision[::-1])[::-1]
        out[label] = float((fallen * hits).sum() / many) if many else -1.0
    return out


@settings(max_examples=150, deadline=None)
@given(problem=generated(), weight=st.sampled_from([0, 1]))
def test_generated_problems_come_out_as_the_evaluator_tells_them(problem, weight: int) -> None:
    boxes, found, labels = problem
    mine = evaluate_open_images(boxes, found, labels=labels, group_of=bool(weight))
    theirs = retold(boxes, found, labels, weight)
    assert by_class(mine) == pytest.approx(theirs, abs=1e-12)
    some = [one for one in theirs.values() if one > -1]
    assert mine.summary()["AP50"] == pytest.approx(np.mean(some) if some else -1.0, abs=1e-12)


def test_resampled_images_count_as_often_as_they_are_drawn() -> None:
    mine = evaluate_open_images(BOXES, FOUND, labels=LABELS)
    twice = [
        [{**one, "ImageID": f"{one['ImageID']}{copy}"} for one in rows for copy in "ab"]
        for rows in (BOXES, FOUND, LABELS)
    ]
    whole = evaluate_open_images(twice[0], twice[1], labels=twice[2])
    for weights in ([2, 2, 2], [[2, 2, 2], [1, 1, 1]]):
        drawn = metrics.replicates(mine.matches, np.array(weights)).numbers
        assert drawn[0] == pytest.approx(list(whole.summary().values()), abs=1e-12)
    assert drawn[1] == pytest.approx(list(mine.summary().values()), abs=1e-12)


def test_the_published_files_are_read(tmp_path: Path) -> None:
    paths = {}
    for name, rows in {"boxes": BOXES[:6], "found": FOUND, "labels": LABELS}.items():
        paths[name] = tmp_path / f"{name}.csv"
        with paths[name].open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    (tmp_path / "names.csv").write_text("cat,Cat\nelephant,Elephant\n")
    (tmp_path / "tree.json").write_text(json.dumps(TREE))
    mine = ev.evaluate_open_images(
        paths["boxes"],
        paths["found"],
        labels=paths["labels"],
        class_names=tmp_path / "names.csv",
        hierarchy=tmp_path / "tree.json",
    )
    assert by_class(mine) == pytest.approx({"Cat": 0.125, "Elephant": 0.5})
    assert mine.images.name == ("img1", "img2")
    assert [str(one) for one in mine.problems] == [
        "detections[0].LabelName: 'dog': the truth has no such category",
        "detections[1].LabelName: 'dog': the truth has no such category",
        "detections[4].LabelName: 'dog': the truth has no such category",
        "detections[6].ImageID: 'img3': the truth has no such image",
    ]
    with pytest.raises(Invalid, match="no column Score"):
        evaluate_open_images(paths["boxes"], paths["labels"])
    with pytest.raises(NotFound):
        evaluate_open_images(tmp_path / "nowhere.csv", FOUND)


def test_rows_that_cannot_be_used_are_named() -> None:
    bad = [
        row("a", "x", 0, 0, float("nan"), 1),
        row("a", "x", 0, 0, "tall", 1),
        row("a", "x", 5, 5, 4, 6),
        {"ImageID": "a"},
        row("a", "x", 0, 0, 1, 1),
    ]
    labels = [{"ImageID": "a", "LabelName": "x", "Confidence": 0.7}]
    mine = evaluate_open_images(bad, [row("a", "x", 0, 0, 1, 1, Score=1)], labels=labels)
    assert [str(one) for one in mine.problems] == [
        "boxes[0].YMax: nan, which is no finite number",
        "boxes[1].YMax: 'tall', which is no finite number",
        "boxes[2]: its box is inverted or empty: 5.0, 5.0 to 6.0, 4.0",
        "boxes[3].LabelName: missing",
        "labels[0].Confidence: 0.7: only 0 and 1 are verified",
    ]
    assert mine.summary()["AP50"] == 1.0
    with pytest.raises(Invalid, match="no finite number and 4 more"):
        evaluate_open_images(bad, [], labels=labels, strict=True)
    with pytest.raises(Invalid, match="below itself"):
        Hierarchy.of({"Subcategory": [{"LabelName": "a", "Subcategory": [{"LabelName": "a"}]}]})
    with pytest.raises(Invalid, match="without LabelName"):
        Hierarchy.of({"Subcategory": [{"name": "a"}]})
