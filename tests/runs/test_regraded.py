"""Other rules from known overlaps give what matching everything again gives."""

from __future__ import annotations

import contextlib
import copy
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import evalnb as ev
from evalnb.core.matching import match
from evalnb.errors import Invalid, NotFound
from evalnb.runs.evaluation import Evaluation
from tests.parity import problems

KINDS = ["bbox", "segm", "keypoints"]


def made(kind: str, seed: int, **options: int) -> tuple[Any, Any, Evaluation]:
    asked = {"images": 5, "classes": 3, "truths": 7, "detections": 40} | options
    truth, results = problems.make(seed=seed, kind=kind, **asked)
    return truth, results, ev.evaluate_coco(truth, results, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_merged_classes_are_those_of_renamed_files(kind: str) -> None:
    for seed in range(8):
        truth, results, one = made(kind, seed)
        first, second, third = sorted(row["id"] for row in truth["categories"])
        now = one.merged({"both": [f"class {first}", f"class {second}"]})
        renamed, renamed_results = copy.deepcopy((truth, results))
        renamed["categories"] = [{"id": first, "name": "both"}, {"id": third, "name": f"class {third}"}]
        for row in (*renamed["annotations"], *renamed_results):
            row["category_id"] = first if row["category_id"] == second else row["category_id"]
        expected = ev.evaluate_coco(renamed, renamed_results, kind)
        assert now.summary() == expected.summary()
        assert sorted(now.per_class()["class"]) == sorted(expected.per_class()["class"])
        some = one.images.id[:3]
        assert one.where(images=some).merged({"both": [f"class {first}", f"class {second}"]}).summary() == (
            expected.where(images=some).summary()
        )


@pytest.mark.parametrize("kind", KINDS)
def test_truths_set_aside_are_ignored_by_the_matching(kind: str) -> None:
    for seed in range(8):
        _, _, one = made(kind, seed)
        truths, detections = one.records()
        aside = np.random.default_rng(seed).random(len(truths)) < 0.4
        matches = one.matches
        again = match(
            replace(truths, ignore=aside),
            detections,
            kind=matches.kind,
            images=matches.images,
            classes=matches.classes,
        )
        expected = replace(one, matches=again).summary()
        assert one.ignoring(aside).summary() == expected
        assert one.ignoring(np.unique(truths.id[aside])).summary() == expected


def test_ious_and_sizes_of_ones_own_are_pycocotools() -> None:
    sizes = {"tiny": (0, 500), "rest": (500, 1e10), "all": "all"}
    ious = (0.05, 0.3, 0.5, 0.62)
    for seed in range(6):
        truth, results, one = made("bbox", seed, images=3)
        table = one.under(iou=ious, sizes=sizes)
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO()
            coco.dataset = copy.deepcopy(truth)
            coco.createIndex()
            reference = COCOeval(coco, coco.loadRes(copy.deepcopy(results)), "bbox")
            reference.params.iouThrs = np.array(ious)
            reference.params.areaRng = [[0, 500], [500, 1e10], [0, 1e10]]
            reference.params.areaRngLbl = list(sizes)
            reference.evaluate()
            reference.accumulate()
        for row in table.itertuples():
            t, a = ious.index(row.iou), list(sizes).index(row.size)
            found = reference.eval["precision"][t, :, :, a, -1]
            expected = found[found > -1].mean() if (found > -1).any() else -1
            assert pytest.approx(expected, abs=1e-12) == row.AP


def test_bad_questions_say_what_to_ask() -> None:
    truth, _, one = made("bbox", 1)
    first, second, _ = sorted(row["name"] for row in truth["categories"])
    with pytest.raises(NotFound, match="no class 'van'"):
        one.merged({"vehicle": ["van"]})
    with pytest.raises(Invalid, match="in two groups"):
        one.merged({"a": [first], "b": [first]})
    with pytest.raises(Invalid, match="give the group another name"):
        one.merged({second: [first]})
    with pytest.raises(NotFound, match="no annotation 987654"):
        one.ignoring([987654])
    with pytest.raises(Invalid, match="one flag for each truth"):
        one.ignoring(np.zeros(3, bool))
    with pytest.raises(Invalid, match="not above 0"):
        one.under(iou=1.5)
    with pytest.raises(Invalid, match="no ranges"):
        one.under(sizes={"odd": (5, 1)})
