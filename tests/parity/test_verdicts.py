"""What a canvas colours is what pycocotools matched, image by image; and a confidence needs no second matching."""

from __future__ import annotations

import contextlib
import copy
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evalnb as ev
from evalnb.core.metrics.errors import KINDS
from evalnb.core.metrics.verdicts import FALSE_POSITIVE, IGNORED, TRUE_POSITIVE, UNCOUNTED, Verdicts, judge
from evalnb.core.records import Detections, Truths
from evalnb.errors import Invalid
from tests.parity import problems

some = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def judged(problem: problems.Problem, kind: str, iou: float) -> tuple[Verdicts, Truths, Detections]:
    one = ev.evaluate_coco(*copy.deepcopy(problem), kind=kind)
    truths, detections = one.records()
    found = judge(truths, detections, kind=kind, images=one.matches.images, classes=one.matches.classes, iou=iou)
    return found, truths, detections


def theirs(problem: problems.Problem, kind: str, iou: float) -> dict[int, tuple[int, int]]:
    """The outcome and the truth's id (0: none) of each detection that counts, by its place in the results."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, results = copy.deepcopy(problem)
    coco: Any = COCO()
    coco.dataset = truth
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluator = COCOeval(coco, coco.loadRes(results), kind)
        evaluator.params.iouThrs = np.array([iou])
        evaluator.evaluate()
    out = {}
    for part in evaluator.evalImgs:
        if part is None or part["aRng"] != evaluator.params.areaRng[0]:
            continue
        for id, took, ignored in zip(part["dtIds"], part["dtMatches"][0], part["dtIgnore"][0], strict=True):
            outcome = IGNORED if ignored else TRUE_POSITIVE if took else FALSE_POSITIVE
            out[id - 1] = (int(outcome), int(took))
    return out


@pytest.mark.parametrize("kind", ["bbox", "segm"])
@given(data=st.data())
@some
def test_the_verdicts_are_pycocotools_own(kind: str, data: st.DataObject) -> None:
    problem = data.draw(problems.problems(kind=kind))
    if not problem[1]:
        return
    iou = data.draw(st.sampled_from([0.2, 0.5, 0.75, 0.9]))
    found, truths, _ = judged(problem, kind, iou)
    # Results of classes that the file does not have are no rows of ours.
    known = {one["id"] for one in problem[0]["categories"]}
    place = [n for n, one in enumerate(problem[1]) if one["category_id"] in known]
    assert len(place) == len(found.outcome)
    expected = theirs(problem, kind, iou)
    mine = {
        place[row]: (int(outcome), int(truths.id[found.truth[row]]) if outcome in (TRUE_POSITIVE, IGNORED) else 0)
        for row, outcome in enumerate(found.outcome)
        if outcome != UNCOUNTED
    }
    assert {row: one for row, one in mine.items() if one[0] != FALSE_POSITIVE} == {
        row: one for row, one in expected.items() if one[0] != FALSE_POSITIVE
    }
    assert mine.keys() == expected.keys()
    for at, row in enumerate(found.finder.tolist()):
        assert row < 0 or (found.outcome[row] == TRUE_POSITIVE and found.truth[row] == at)


@given(problem=problems.problems(), confidence=st.sampled_from([0.2, 0.5, 0.8]))
@some
def test_a_confidence_cuts_and_changes_nothing_above_it(problem: problems.Problem, confidence: float) -> None:
    whole, truths, detections = judged(problem, "bbox", 0.5)
    sure = [one for one in problem[1] if one["score"] >= confidence]
    cut, _, few = judged((problem[0], sure), "bbox", 0.5)
    kept = np.flatnonzero(detections.score >= confidence)
    # What stood beyond the limit of 100 stays beyond it.
    assert np.array_equal(whole.outcome[kept], cut.outcome)
    assert np.array_equal(whole.error[kept], cut.error)
    expected = np.union1d(few.image[cut.outcome == FALSE_POSITIVE], truths.image[cut.counts & (cut.finder < 0)])
    assert np.array_equal(whole.mistakes(detections, truths, confidence), expected)


def test_an_error_names_the_truth_that_it_lies_on() -> None:
    truths = Truths(
        id=np.array([1, 2, 3]),
        image=np.array([5, 5, 5]),
        class_id=np.array([1, 1, 2]),
        box=np.array([[0.0, 0, 10, 10], [50, 50, 10, 10], [80, 80, 10, 10]]),
        area=np.full(3, 100.0),
        crowd=np.zeros(3, bool),
    )
    detections = Detections(
        image=np.full(5, 5),
        class_id=np.full(5, 1),
        box=np.array([[0.0, 0, 10, 9], [0, 0, 9, 9], [52, 52, 10, 10], [80, 80, 10, 10], [30, 0, 5, 5]]),
        score=np.array([0.9, 0.8, 0.7, 0.95, 0.4]),
    )
    classes, image = np.array([1, 2]), np.array([5])
    found = judge(truths, detections, kind="bbox", images=image, classes=classes)
    assert [KINDS[one] if one < len(KINDS) else None for one in found.error] == [
        None,
        "duplicate",
        "localization",
        "classification",
        "background",
    ]
    assert found.truth.tolist() == [0, 0, 1, 2, -1]
    assert found.overlap.tolist() == pytest.approx([0.9, 0.81, 64 / 136, 1, 0])
    assert found.finder.tolist() == [0, -1, -1]
    crowd = replace(truths, crowd=np.array([False, True, True]))
    found = judge(crowd, detections, kind="bbox", images=image, classes=classes)
    assert found.counts.tolist() == [True, False, False]
    assert found.mistakes(detections, crowd, 0.99).tolist() == [5]
    with pytest.raises(Invalid, match="tells no hit from a miss"):
        judge(truths, detections, kind="bbox", images=image, classes=classes, iou=0.1)
