"""TIDE's error types equal tidecv's where the rules agree."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tidecv import TIDE, Data

from evalnb.core.metrics.errors import ERRORS, errors
from evalnb.runs.files import evaluate_coco
from tests.parity import problems

NAMES = dict(zip(("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss", "FalsePos", "FalseNeg"), ERRORS, strict=True))
SPACING = np.arange(101) / 100


def make(seed: int, *, images: int, classes: int, truths: int, detections: int) -> problems.Problem:
    """None of what tidecv treats otherwise: crowds, ties, classes without truths, 100 detections of an image."""
    truth, results = problems.make(
        seed=seed, images=images, classes=classes, truths=truths, detections=detections, crowd=0.0
    )
    rng = np.random.default_rng(seed)
    seen = {one["category_id"] for one in truth["annotations"]}
    results = [one for one in results if one["category_id"] in seen]
    scores = rng.permutation(len(results)) / max(len(results), 1)
    for number, one in enumerate(truth["annotations"], 1):
        one["id"] = number
        one["bbox"] = [float(v) for v in np.array(one["bbox"]) + rng.random(4)]
    for one, score in zip(results, scores.tolist(), strict=True):
        one["score"] = 0.01 + 0.9 * score
        one["bbox"] = [float(v) for v in np.array(one["bbox"]) + rng.random(4)]
    return truth, results


def ask_tidecv(problem: problems.Problem, *, iou: float, background: float) -> tuple[dict, dict, float]:
    """What each error costs and counts, by our names, and the AP; a detector's 100 best of an image are no limit."""
    truth, results = copy.deepcopy(problem)
    gt, found = Data("gt", max_dets=10**6), Data("found", max_dets=10**6)
    for image in sorted(truth["images"], key=lambda one: one["id"]):
        gt.add_image(image["id"], "")
    for one in truth["annotations"]:
        gt.add_ground_truth(one["image_id"], one["category_id"], one["bbox"])
    for one in results:
        found.add_detection(one["image_id"], one["category_id"], one["score"], one["bbox"])
    tide = TIDE(pos_threshold=iou, background_threshold=background)
    run = tide.evaluate(gt, found, name="run")
    costs = {**tide.get_main_errors()["run"], **tide.get_special_errors()["run"]}
    counts = {NAMES[kind.short_name]: many for kind, many in run.count_errors().items()}
    return {NAMES[name]: cost / 100 for name, cost in costs.items()}, counts, run.ap / 100


def assert_equal(problem: problems.Problem, *, iou: float = 0.5, background: float = 0.1) -> None:
    evaluation = evaluate_coco(*problem)
    costs, counts, ap = ask_tidecv(problem, iou=iou, background=background)
    mine = errors(evaluation.near, iou=iou, background=background, recalls=SPACING)
    assert mine.ap[mine.ap > -1].mean() == pytest.approx(ap, abs=1e-9)
    assert dict(zip(ERRORS, mine.count.sum(axis=1).tolist(), strict=True)) | counts == dict(
        zip(ERRORS, mine.count.sum(axis=1).tolist(), strict=True)
    )
    for name, gain in zip(ERRORS, mine.dap.tolist(), strict=True):
        assert gain == pytest.approx(costs[name], abs=1e-6), name


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    images=st.integers(1, 6),
    classes=st.integers(1, 5),
    truths=st.integers(1, 8),
    detections=st.integers(1, 16),
    thresholds=st.sampled_from([(0.5, 0.1), (0.75, 0.1), (0.6, 0.3)]),
)
def test_errors_equal_tidecv_s(seed, images, classes, truths, detections, thresholds) -> None:
    problem = make(seed, images=images, classes=classes, truths=truths, detections=detections)
    if problem[1]:
        assert_equal(problem, iou=thresholds[0], background=thresholds[1])


def test_the_problems_have_errors_of_every_kind() -> None:
    """Otherwise the test above could agree on nothing."""
    total = np.zeros(len(ERRORS), np.int64)
    for seed in range(12):
        total += errors(evaluate_coco(*make(seed, images=4, classes=4, truths=6, detections=15)).near).count.sum(1)
    assert (total > 10).all(), total
