"""Every number equals pycocotools', on problems made to catch whoever is almost right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import evaluate_coco
from tests.parity import problems

EXACT = 1e-12
RANGES = {"bbox": [0, 1, 2, 3], "segm": [0, 1, 2, 3], "keypoints": [0, 2, 3]}
thorough = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def assert_equal(mine: Evaluation, reference, kind: str = "bbox") -> None:
    numbers = list(mine.summary().values())
    assert numbers == pytest.approx(reference.stats[: len(numbers)].tolist(), abs=EXACT)
    arrays, theirs = mine.accumulated(), reference.eval
    np.testing.assert_allclose(arrays.precision[:, :, :, RANGES[kind]], theirs["precision"], rtol=0, atol=EXACT)
    np.testing.assert_allclose(arrays.recall[:, :, RANGES[kind]], theirs["recall"], rtol=0, atol=EXACT)
    np.testing.assert_allclose(arrays.scores[:, :, :, RANGES[kind]], theirs["scores"], rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_all_numbers_equal_pycocotools(kind: str) -> None:
    @thorough
    @given(problem=problems.problems(kind=kind))
    def holds(problem) -> None:
        assert_equal(evaluate_coco(*problem, kind), problems.ask_pycocotools(problem, kind), kind)

    holds()


@thorough
@given(problem=problems.problems(max_images=12), chosen=st.integers(0, 2**12 - 1))
def test_a_subset_of_images_equals_pycocotools_run_on_it(problem, chosen: int) -> None:
    ids = [one["id"] for place, one in enumerate(problem[0]["images"]) if chosen >> place & 1]
    ids = ids or [problem[0]["images"][0]["id"]]
    assert_equal(evaluate_coco(*problem).where(images=ids), problems.ask_pycocotools(problem, images=list(ids)))


@thorough
@given(problem=problems.problems(), chosen=st.integers(1, 15))
def test_a_group_of_classes_equals_pycocotools_run_on_it(problem, chosen: int) -> None:
    of = problem[0]["categories"]
    some = [one for place, one in enumerate(of) if chosen >> place & 1] or of[:1]
    mine = evaluate_coco(*problem).where(classes=[one["name"] for one in some])
    assert_equal(mine, problems.ask_pycocotools(problem, classes=[one["id"] for one in some]))


@thorough
@given(problem=problems.problems(), confidence=st.sampled_from([0.1, 0.3, 0.5, 0.9]))
def test_a_minimum_confidence_equals_pycocotools_on_the_filtered_results(problem, confidence: float) -> None:
    mine = evaluate_coco(*problem).where(confidence=confidence)
    assert_equal(mine, problems.ask_pycocotools(problem, confidence=confidence))


@thorough
@given(problem=problems.problems(), area=st.sampled_from(["small", "medium", "large"]))
def test_an_area_range_takes_the_numbers_over_it(problem, area: str) -> None:
    mine = evaluate_coco(*problem).where(area=area).summary()
    theirs = problems.ask_pycocotools(problem)
    a = ["all", "small", "medium", "large"].index(area)

    def mean(values) -> float:
        return float(np.mean(values[values > -1])) if (values > -1).any() else -1.0

    precision, recall = theirs.eval["precision"], theirs.eval["recall"]
    assert mine["AP"] == pytest.approx(mean(precision[:, :, :, a, 2]), abs=EXACT)
    assert mine["AP75"] == pytest.approx(mean(precision[5, :, :, a, 2]), abs=EXACT)
    assert [mine[f"AR{n}"] for n in (1, 10, 100)] == pytest.approx(
        [mean(recall[:, :, a, m]) for m in range(3)], abs=EXACT
    )
    assert mine[f"AP{area[0]}"] == mine["AP"]


def test_the_generated_problems_are_worth_solving() -> None:
    """Otherwise the tests above could agree on nothing."""
    numbers = [
        evaluate_coco(*problems.make(seed=seed, images=4, classes=3, truths=6, detections=40)).summary()
        for seed in range(20)
    ]
    for key in numbers[0]:
        values = [one[key] for one in numbers]
        assert len(set(values)) > 10, key
        assert 0 < np.mean([one for one in values if one > -1]) < 1, key


def test_more_than_a_hundred_detections_of_a_class_are_cut() -> None:
    problem = problems.make(seed=7, images=2, classes=1, truths=3, detections=300, score_steps=3)
    mine = evaluate_coco(*problem)
    assert len(mine.matches) <= 200
    assert_equal(mine, problems.ask_pycocotools(problem))


def test_annotation_id_0_is_claimed_and_never_matched() -> None:
    truth = {
        "images": [{"id": 5}],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [
            {"id": 0, "image_id": 5, "category_id": 3, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}
        ],
    }
    results = [{"image_id": 5, "category_id": 3, "bbox": [0, 0, 10, 10], "score": s} for s in (0.9, 0.8)]
    mine = evaluate_coco(truth, results)
    assert mine.summary()["AP"] == 0
    assert_equal(mine, problems.ask_pycocotools((truth, results)))


def test_segm_results_that_also_state_boxes_take_their_areas_from_the_boxes() -> None:
    for seed in range(10):
        truth, results = problems.make(seed=seed, kind="segm", images=3, classes=2, truths=5, detections=10)
        boxed = [{**one, "bbox": [0.0, 0.0, 40.0, 40.0]} for one in results]
        assert_equal(evaluate_coco(truth, boxed, "segm"), problems.ask_pycocotools((truth, boxed), "segm"), "segm")
