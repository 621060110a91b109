"""The drop-in COCOeval says what pycocotools says, whatever is asked of it."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import coco as their_coco
from pycocotools import cocoeval as their_cocoeval

from evalnb import COCO, COCOeval
from evalnb.errors import Invalid
from tests.parity import problems

KINDS = ["bbox", "segm", "keypoints"]
EXACT = 1e-12
some = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def theirs_of(problem: problems.Problem) -> tuple[Any, Any]:
    truth, results = copy.deepcopy(problem)
    coco = their_coco.COCO()
    coco.dataset = truth
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        if results:
            return coco, coco.loadRes(results)
        # loadRes looks at the first result without asking whether there is one.
        answers = their_coco.COCO()
        answers.dataset = {"images": truth["images"], "categories": truth["categories"], "annotations": []}
        answers.createIndex()
    return coco, answers


def run(evaluator: Any, change: dict[str, Any]) -> str:
    for name, value in change.items():
        setattr(evaluator.params, name, copy.deepcopy(value))
    evaluator.evaluate()
    evaluator.accumulate()
    printed = io.StringIO()
    if evaluator.params.iouType == "keypoints" or len(evaluator.params.maxDets) >= 3:
        with contextlib.redirect_stdout(printed):
            evaluator.summarize()
    return printed.getvalue()


def ask_both(problem: problems.Problem, kind: str, change: dict[str, Any], *, own: bool = False) -> tuple[Any, Any]:
    """Both evaluators, run; their printed tables are the same."""
    truth, answers = theirs_of(problem)
    reference = their_cocoeval.COCOeval(truth, answers, kind)
    with contextlib.redirect_stdout(io.StringIO()):
        reference.params.__dict__.update(copy.deepcopy(change))
        reference.evaluate()
        reference.accumulate()
    printed = io.StringIO()
    if kind == "keypoints" or len(reference.params.maxDets) >= 3:
        with contextlib.redirect_stdout(printed):
            reference.summarize()
    if own:
        truth = COCO(copy.deepcopy(problem[0]))
        answers = truth.loadRes(copy.deepcopy(problem[1]))
    else:
        truth, answers = theirs_of(problem)
    mine = COCOeval(truth, answers, kind)
    assert run(mine, change) == printed.getvalue()
    return mine, reference


def assert_same(mine: Any, reference: Any) -> None:
    for name in ("precision", "recall", "scores"):
        np.testing.assert_allclose(mine.eval[name], reference.eval[name], rtol=0, atol=EXACT, err_msg=name)
    assert mine.eval["counts"] == reference.eval["counts"]
    if len(reference.stats):
        np.testing.assert_allclose(mine.stats, reference.stats, rtol=0, atol=EXACT)


def assert_same_images(mine: Any, reference: Any) -> None:
    assert len(mine.evalImgs) == len(reference.evalImgs)
    for one, other in zip(mine.evalImgs, reference.evalImgs, strict=True):
        assert (one is None) == (other is None)
        if one is None:
            continue
        assert set(one) == set(other)
        for key, value in other.items():
            np.testing.assert_array_equal(np.asarray(one[key]).reshape(np.shape(value)), value, err_msg=key)


@pytest.mark.parametrize("kind", KINDS)
def test_plain_params_give_pycocotools_arrays_table_and_images(kind: str) -> None:
    @some
    @given(problem=problems.problems(kind=kind, max_images=4), own=st.booleans())
    def holds(problem, own: bool) -> None:
        mine, reference = ask_both(problem, kind, {}, own=own)
        assert_same(mine, reference)
        assert_same_images(mine, reference)

    holds()


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "iouThrs": st.sampled_from(
            [
                np.array([0.5]),
                np.array([0.3, 0.75]),
                np.array([0.75, 0.5]),
                np.array([0.0, 1.0]),
                np.linspace(0.05, 0.95, 19),
            ]
        ),
        "recThrs": st.sampled_from([np.linspace(0, 1, 11), np.array([0.1, 0.5]), np.linspace(0, 1, 301)]),
        "maxDets": st.sampled_from([[1, 10, 300], [100, 3, 7], [5], [1, 10, 100, 260, 400]]),
        "areaRng": st.sampled_from(
            [
                [[0, 1e10]],
                [[0, 400], [400, 1024], [1024, 2000], [2000, 4000], [4000, 1e10], [0, 1e10]],
            ]
        ),
        "useCats": st.sampled_from([0]),
    },
)


@pytest.mark.parametrize("kind", KINDS)
def test_params_of_one_s_own_give_pycocotools_arrays(kind: str) -> None:
    @settings(some, max_examples=25)
    @given(problem=problems.problems(kind=kind, max_images=3), change=CHANGES, chosen=st.integers(0, 255))
    def holds(problem, change: dict[str, Any], chosen: int) -> None:
        if kind == "keypoints":
            # pycocotools finds no similarity at all without classes, and prints limits of 20 alone.
            change = {key: value for key, value in change.items() if key not in ("useCats", "maxDets")}
            change["kpt_oks_sigmas"] = np.linspace(0.02, 0.12, 17)
        images = [one["id"] for place, one in enumerate(problem[0]["images"]) if chosen >> place & 1]
        if "areaRng" in change:
            change["areaRngLbl"] = ["all", "small", "medium", "large", "vast", "any"][: len(change["areaRng"])]
        if images:
            change = {**change, "imgIds": images}
        mine, reference = ask_both(problem, kind, change)
        assert_same(mine, reference)
        assert_same_images(mine, reference)

    holds()


def test_accumulate_takes_params_of_its_own() -> None:
    problem = problems.make(seed=3, images=4, classes=3, truths=6, detections=40)
    mine, reference = ask_both(problem, "bbox", {})
    for evaluator in (mine, reference):
        p = copy.deepcopy(evaluator.params)
        p.recThrs, p.maxDets = np.linspace(0, 1, 11), [1, 10]
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator.accumulate(p)
    assert_same(mine, reference)


def test_fewer_classes_and_images_are_taken_by_their_ids() -> None:
    """Where pycocotools takes them by their place in the list, and so answers for others than were asked."""
    problem = problems.make(seed=5, images=4, classes=4, truths=6, detections=40)
    whole, _ = ask_both(problem, "bbox", {})
    full = whole.eval
    p = copy.deepcopy(whole.params)
    p.catIds = [p.catIds[2], 77_777]
    whole.accumulate(p)
    np.testing.assert_array_equal(whole.eval["precision"][:, :, 0], full["precision"][:, :, 2])
    assert (whole.eval["recall"][:, 1] == -1).all()


def test_it_becomes_an_evaluation_and_leaves_the_rows_as_they_were() -> None:
    problem = problems.make(seed=9, kind="segm", images=4, classes=3, truths=5, detections=12)
    truth = COCO(problem[0])
    answers = truth.loadRes(problem[1])
    before = copy.deepcopy((truth.dataset, answers.dataset))
    mine = COCOeval(truth, answers, "segm")
    run(mine, {})
    assert (truth.dataset, answers.dataset) == before
    assert list(mine.evaluation().summary().values()) == pytest.approx(mine.stats.tolist(), abs=EXACT)
    mine.params.iouThrs = [0.5]
    mine.evaluate()
    with pytest.raises(Invalid, match="COCO's own IoUs"):
        mine.evaluation()


def test_the_index_answers_as_pycocotools_does() -> None:
    problem = problems.make(seed=2, kind="segm", images=4, classes=3, truths=5, detections=12)
    theirs, found = theirs_of(problem)
    mine = COCO(copy.deepcopy(problem[0]))
    images, classes = mine.getImgIds(), mine.getCatIds()
    assert (images, classes) == (theirs.getImgIds(), theirs.getCatIds())
    for asked in ({}, {"imgIds": images[:2]}, {"catIds": classes[0]}, {"iscrowd": True}, {"areaRng": [50, 1024]}):
        assert mine.getAnnIds(**asked) == theirs.getAnnIds(**asked)
    assert sorted(mine.getImgIds(catIds=classes[:2])) == sorted(theirs.getImgIds(catIds=classes[:2]))
    assert mine.getCatIds(catNms=mine.loadCats(classes[1])[0]["name"]) == [classes[1]]
    assert mine.loadImgs(images[0]) == theirs.loadImgs([images[0]])
    for one in mine.loadAnns(mine.getAnnIds()):
        np.testing.assert_array_equal(mine.annToMask(one), theirs.annToMask(one))
        np.testing.assert_array_equal(
            theirs.annToMask({**one, "segmentation": mine.annToRLE(one)}), theirs.annToMask(one)
        )
    for one, other in zip(mine.loadRes(problem[1]).loadAnns(range(1, 9)), found.loadAnns(range(1, 9)), strict=True):
        assert one["area"] == other["area"]
        np.testing.assert_allclose(one["bbox"], other["bbox"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.summarize(), "call accumulate"),
        (lambda e: e.accumulate(), "call evaluate"),
        (lambda e: COCOeval(None, None, "boxes"), "no iouType 'boxes'"),
        (lambda e: e.cocoDt.anns[1].update(score=float("nan")) or e.evaluate(), "detection 1 is not finite"),
        (lambda e: e.cocoDt.anns[1].pop("bbox") and e.evaluate(), "KeyError: 'bbox'"),
        (lambda e: setattr(e.params, "iouThrs", []) or e.evaluate(), "name no IoU"),
    ],
)
def test_what_cannot_be_is_refused(change, said: str) -> None:
    truth, results = problems.make(seed=1, images=2, classes=1, truths=3, detections=4)
    coco = COCO(truth)
    with pytest.raises(Invalid, match=said):
        change(COCOeval(coco, coco.loadRes(results), "bbox"))
