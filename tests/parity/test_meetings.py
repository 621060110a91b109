"""The rows behind the counts, against the counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalnb.core import metrics
from evalnb.core.matching import THRESHOLDS
from evalnb.core.metrics.meetings import Meetings, meetings, nearby_in
from evalnb.errors import Invalid
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import evaluate_coco
from tests.parity import problems

thorough = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def met(one: Evaluation, iou: float, confidence: float, same_class: bool) -> Meetings:
    return meetings(one.near, one.rows(), iou=iou, confidence=confidence, same_class=same_class)


@thorough
@given(problem=problems.problems(), iou=st.sampled_from([0.3, 0.5, 0.75]), confidence=st.sampled_from([0, 0.3, 0.5]))
def test_they_are_the_rows_of_the_confusion_matrix(problem, iou: float, confidence: float) -> None:
    one = evaluate_coco(*problem)
    rows = met(one, iou, confidence, False)
    table = metrics.confusion(one.near, iou=iou, confidence=confidence)
    k = len(table.class_id)
    class_of = np.repeat(np.arange(k), np.diff(one.matches.start))
    counts = np.zeros((k + 1, k + 1), np.int64)
    truth = np.where(rows.truth >= 0, np.append(one.matches.truth_class, -1)[rows.truth], k)
    found = np.where(rows.detection >= 0, np.append(class_of, -1)[rows.detection], k)
    np.add.at(counts, (truth, found), 1)
    np.testing.assert_array_equal(counts, table.counts)


@thorough
@given(problem=problems.problems(), t=st.sampled_from([0, 3, 5, 9]), confidence=st.sampled_from([0, 0.3, 0.5]))
def test_within_classes_they_are_the_rows_of_the_images_counts(problem, t: int, confidence: float) -> None:
    one = evaluate_coco(*problem)
    if (one.records()[0].id == 0).any():
        return  # COCO's table leaves a truth of that id unmatched; here it was found
    rows = met(one, float(THRESHOLDS[t]), confidence, True)
    table = metrics.by_image(one.matches, confidence=confidence, threshold=t)
    image = np.append(one.matches.image, -1)[rows.detection]
    many = len(one.matches.images)
    hit = (rows.truth >= 0) & (rows.detection >= 0)
    np.testing.assert_array_equal(np.bincount(image[hit], minlength=many), table.tp)
    np.testing.assert_array_equal(np.bincount(image[rows.truth < 0], minlength=many), table.fp)
    lost = rows.truth[rows.detection < 0]
    np.testing.assert_array_equal(np.bincount(one.matches.truth_image[lost], minlength=many), table.fn)


def test_overlaps_that_are_not_known_are_not_asked_for() -> None:
    one = evaluate_coco(*problems.make(seed=1, images=2, classes=2, truths=3, detections=3))
    with pytest.raises(Invalid, match=r"use an IoU of 0\.1 or more"):
        met(one, 0.05, 0.2, True)


@thorough
@given(problem=problems.problems(), seed=st.integers(0, 99))
def test_the_overlaps_of_some_images_are_those_of_all(problem, seed: int) -> None:
    one = evaluate_coco(*problem)
    places = np.flatnonzero(np.random.default_rng(seed).random(len(one.matches.images)) < 0.5)
    some, whole = nearby_in(one.matches, *one.records(), places), one.nearby
    mine = np.isin(one.matches.image[whole.detection], places)
    for name in ("detection", "truth", "overlap"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[mine])
