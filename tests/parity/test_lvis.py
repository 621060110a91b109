"""LVIS's numbers equal the lvis package's, on generated federated problems."""

from __future__ import annotations

import copy
import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lvis import LVIS, LVISEval, LVISResults
from pycocotools import mask as coco_mask

import evalnb as ev
from evalnb.errors import Invalid
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.lvis import evaluate_lvis
from tests.parity import problems
from tests.parity.test_boundary import boundary_of

EXACT = 1e-12
few = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def old_numpy() -> Iterator[None]:
    """The package was written for a numpy that still had ``np.float``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "float", float, raising=False)
        yield


def federated(problem: problems.Problem, seed: int) -> problems.Problem:
    """The problem with LVIS's fields: some classes looked for and not there, some not labelled to the last one."""
    truth, results = copy.deepcopy(problem)
    rng = np.random.default_rng(seed)
    ids = [one["id"] for one in truth["categories"]]
    there = defaultdict(set)
    for one in truth["annotations"]:
        there[one["image_id"]].add(one["category_id"])
        if rng.random() < 0.1:
            one["ignore"] = int(rng.integers(0, 2))
        if rng.random() < 0.05:
            one["area"] = 0.0
    for image in truth["images"]:
        absent = [one for one in ids if one not in there[image["id"]]]
        image["neg_category_ids"] = [one for one in absent if rng.random() < 0.5]
        image["not_exhaustive_category_ids"] = [one for one in ids if rng.random() < 0.3]
    for place, one in enumerate(truth["categories"]):
        one["frequency"] = "rcf"[(place + seed) % 3]
    return truth, [one for one in results if one["category_id"] != 999]


class OfBoundaries(LVISEval):
    """The package with the overlap of the authors of boundary IoU."""

    def compute_iou(self, image: int, class_id: int) -> Any:
        truths, found = self._gts[image, class_id], self._dts[image, class_id]
        whole = super().compute_iou(image, class_id)
        if not truths or not found:
            return whole
        found = [found[i] for i in np.argsort([-one["score"] for one in found], kind="mergesort")]
        lines = coco_mask.iou(
            [boundary_of(one) for one in found], [boundary_of(one) for one in truths], [0] * len(truths)
        )
        return np.minimum(whole, lines)


def ask_lvis(
    problem: problems.Problem,
    kind: str,
    *,
    images: list[int] | None = None,
    classes: list[int] | None = None,
) -> LVISEval:
    truth, results = copy.deepcopy(problem)
    ours = LVIS.__new__(LVIS)
    ours.dataset = truth
    ours.logger = logging.getLogger("lvis")
    ours._create_index()
    evaluator = OfBoundaries if kind == "boundary" else LVISEval
    reference = evaluator(ours, LVISResults(ours, results), "bbox" if kind == "bbox" else "segm")
    if images is not None:
        reference.params.img_ids = images
    if classes is not None:
        reference.params.cat_ids = classes
    reference.run()
    return reference


def assert_equal(mine: Evaluation, reference: LVISEval) -> None:
    assert mine.summary() == pytest.approx(dict(reference.get_results()), abs=EXACT)
    arrays = mine.accumulated()
    np.testing.assert_allclose(arrays.precision[..., 0], reference.eval["precision"], rtol=0, atol=EXACT)
    np.testing.assert_allclose(arrays.recall[..., 0], reference.eval["recall"], rtol=0, atol=EXACT)


lvis_problems = {
    kind: st.tuples(problems.problems(kind=kind), st.integers(0, 2**16)).map(lambda one: federated(*one))
    for kind in ("bbox", "segm")
}
lvis_problems["boundary"] = lvis_problems["segm"]


@pytest.mark.parametrize("kind", ["bbox", "segm", "boundary"])
def test_all_numbers_equal_lvis_api(kind: str) -> None:
    @few
    @given(problem=lvis_problems[kind].filter(lambda one: one[1]))
    def holds(problem) -> None:
        assert_equal(evaluate_lvis(*problem, kind), ask_lvis(problem, kind))

    holds()


@few
@given(problem=lvis_problems["bbox"].filter(lambda one: one[1]), chosen=st.integers(1, 15), shown=st.integers(1, 63))
def test_slices_equal_lvis_api_run_on_them(problem, chosen: int, shown: int) -> None:
    truth = problem[0]
    some = [one for place, one in enumerate(truth["categories"]) if chosen >> place & 1] or truth["categories"][:1]
    ids = [one["id"] for place, one in enumerate(truth["images"]) if shown >> place & 1] or [truth["images"][0]["id"]]
    mine = evaluate_lvis(*problem, "bbox").where(classes=[one["name"] for one in some], images=ids)
    theirs = ask_lvis(problem, "bbox", images=ids, classes=sorted(one["id"] for one in some))
    assert mine.summary() == pytest.approx(dict(theirs.get_results()), abs=EXACT)


def test_the_best_300_of_an_image_count_whatever_their_classes() -> None:
    problem = federated(
        problems.make(seed=3, images=2, classes=3, truths=6, detections=500, score_steps=20, grid=10), 1
    )
    mine = evaluate_lvis(*problem, "bbox")
    assert len(mine.matches) <= 600
    assert_equal(mine, ask_lvis(problem, "bbox"))


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_files_say_the_same_as_what_is_parsed(tmp_path: Path, kind: str) -> None:
    truth, results = federated(problems.make(seed=9, kind=kind, images=4, classes=3, truths=5, detections=30), 2)
    for ignore in (True, False):
        if not ignore:
            for one in truth["annotations"]:
                one.pop("ignore", None)
        paths = tmp_path / "truth.json", tmp_path / "results.json"
        for path, content in zip(paths, (truth, results), strict=True):
            path.write_text(json.dumps(content))
        assert ev.evaluate_lvis(*paths, kind).summary() == evaluate_lvis(truth, results, kind).summary()


def test_a_class_nobody_looked_for_costs_nothing_and_an_incomplete_one_only_hits() -> None:
    def box(image: int, class_id: int, x: float, score: float) -> dict:
        return {"image_id": image, "category_id": class_id, "bbox": [x, 0.0, 10.0, 10.0], "score": score}

    truth = {
        "images": [{"id": 1, "neg_category_ids": [2], "not_exhaustive_category_ids": [1]}],
        "categories": [
            {"id": 1, "name": "cat", "frequency": "f"},
            {"id": 2, "name": "dog", "frequency": "c"},
            {"id": 3, "name": "eel", "frequency": "r"},
        ],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0.0, 0.0, 10.0, 10.0], "area": 100.0}],
    }
    results = [box(1, 1, 50, 0.9), box(1, 1, 0, 0.8), box(1, 2, 0, 0.7), box(1, 3, 0, 0.6)]
    mine = evaluate_lvis(truth, results, "bbox")
    # The ghost cat stands before the real one and does not lower its precision; the eel is not even in the table.
    assert mine.summary()["AP"] == mine.summary()["APf"] == pytest.approx(1.0, abs=EXACT)
    assert mine.per_class()["detections"].tolist() == [2, 1, 0]
    assert "AR@300" in mine.summary() and "(frequent)" in repr(mine) and "frequent classes" in mine._repr_html_()
    assert mine.protocol == "lvis"


def test_a_file_that_is_not_lvis_is_refused() -> None:
    truth, results = problems.make(seed=1, images=2, classes=2, truths=2, detections=3)
    with pytest.raises(Invalid, match="neg_category_ids"):
        evaluate_lvis(truth, results, "bbox")
    with pytest.raises(Invalid, match="keypoints"):
        evaluate_lvis(truth, results, "keypoints")
    truth["images"][0]["neg_category_ids"] = "all"
    with pytest.raises(Invalid, match="neg_category_ids 'all'"):
        evaluate_lvis(truth, results, "bbox")


def test_other_tools_are_not_held_against_lvis() -> None:
    truth = {
        "images": [{"id": 1, "width": 99, "height": 99, "neg_category_ids": [], "not_exhaustive_category_ids": []}],
        "categories": [{"id": 1, "name": "one", "frequency": "f"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 20, 20], "area": 400}],
    }
    results = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 20, 20], "score": 0.9}]
    with pytest.raises(Invalid, match="by the rules of lvis"):
        evaluate_lvis(truth, results, "bbox").dialects()
