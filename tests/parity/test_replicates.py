"""A resampled dataset's numbers are those of the dataset that it stands for, copies of images and all."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalnb.core import metrics
from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco
from tests.parity import problems

quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def copied(problem: problems.Problem, weights: list[int]) -> problems.Problem:
    """The files that somebody would write who really copied the images: new ids for the copies, in image order."""
    truth, results = problem
    ids = sorted(one["id"] for one in truth["images"])
    new: dict[int, list[int]] = {}
    after = 0
    for image, times in zip(ids, weights, strict=True):
        new[image] = list(range(after, after + times))
        after += times

    def spread(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
        return [{**copy.deepcopy(row), key: to} for row in rows for to in new[row[key]]]

    out = {**truth, "images": spread(truth["images"], "id"), "annotations": spread(truth["annotations"], "image_id")}
    for number, one in enumerate(out["annotations"]):
        # Id 0 never matches in COCO; whether it is there must not depend on the copying.
        one["id"] = 0 if one["id"] == 0 else number + 1
    return out, spread(results, "image_id")


@quick
@given(problem=problems.problems(max_images=5), seed=st.integers(0, 2**32 - 1))
def test_weights_are_copies_of_images_to_pycocotools(problem, seed: int) -> None:
    # pycocotools finds truths by id: several of id 0 would be one to it.
    for one in problem[0]["annotations"]:
        one["id"] += 1
    mine = evaluate_coco(*problem)
    weights = np.random.default_rng(seed).integers(0, 4, (2, len(mine.images.id)))
    weights[:, 0] = np.maximum(weights[:, 0], 1)
    found = metrics.replicates(mine.matches, weights, classes=True)
    for row, one in zip(found.numbers, weights, strict=True):
        reference = problems.ask_pycocotools(copied(problem, one.tolist()))
        assert row.tolist() == pytest.approx(reference.stats.tolist(), abs=1e-12)


@pytest.mark.parametrize("kind", ["bbox", "keypoints"])
def test_each_replicate_is_the_summary_under_its_weights(kind: str) -> None:
    @quick
    @given(problem=problems.problems(kind=kind, max_images=30), seed=st.integers(0, 2**32 - 1))
    def holds(problem, seed: int) -> None:
        matches = evaluate_coco(*problem, kind).matches
        rng = np.random.default_rng(seed)
        weights = rng.poisson(1, (5, len(matches.images)))
        some = metrics.Part(
            images=rng.random(len(matches.images)) < rng.choice([0.1, 0.7]),
            classes=np.flatnonzero(rng.random(len(matches.classes)) < 0.7),
            confidence=float(rng.choice([-np.inf, 0.4])),
        )
        for part in (metrics.Part(), some):
            area = str(rng.choice(["all", "medium"]))
            found = metrics.replicates(matches, weights, part, area=area, classes=True)
            for at, one in enumerate(weights):
                alone = metrics.Part(part.images, part.classes, part.confidence, one.astype(np.int32))
                assert found.numbers[at].tolist() == list(metrics.summary(matches, alone, area=area).values())
                assert found.class_ap is not None
                assert found.class_ap[at].tolist() == metrics.per_class(matches, alone, area=area).ap.tolist()

    holds()


def test_weights_of_other_images_are_refused() -> None:
    matches = evaluate_coco(*problems.make(seed=1, images=3, classes=2, truths=4, detections=5)).matches
    with pytest.raises(Invalid, match="of 2 images, the evaluation has 3"):
        metrics.replicates(matches, np.ones((4, 2), int))
    with pytest.raises(Invalid, match="-1"):
        metrics.replicates(matches, np.array([[1, -1, 1]]))
    assert metrics.replicates(matches, np.empty((0, 3), int)).numbers.shape == (0, 12)
