"""An evaluation in sight: verdicts follow the edits, and the nearest mistake is found in both directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evalnb.core import masks
from evalnb.runs.evaluate import evaluate
from evalnb.store.repositories import datasets, predictions
from evalnb.store.repositories.predictions import ImagePredictions
from evalnb.wire.annotator import VerdictsReply
from tests.widgets.test_annotator import create
from tests.yard import HEIGHT, WIDTH, Yard

BOX, OUTLINE = (300.0, 40.0, 50.0, 60.0), (60.0, 100.0, 100.0, 100.0)
"""The two shapes of the yard's first picture; both are persons."""


def run_of(yard: Yard, *images: list[tuple[tuple[float, ...], float, int]], masked: bool = False) -> int:
    """A result file's run with these predictions (box, score, class) on the yard's first pictures."""
    with yard.store.database.transaction() as session:
        run = predictions.create(session, yard.dataset_id, "detector", image_count=len(yard.image_ids))
        found = []
        for image_id, some in zip(yard.image_ids, images, strict=False):
            rles = [masks.to_string(masks.from_polygon(corners(box), (HEIGHT, WIDTH))) for box, _, _ in some]
            packed = ImagePredictions(
                np.array([box for box, _, _ in some], np.float64).reshape(-1, 4),
                np.array([score for _, score, _ in some], np.float64),
                np.array([class_id for _, _, class_id in some], np.int64),
                rles if masked else None,
            )
            found.append((image_id, packed))
        predictions.write(session, run, found)
        predictions.finish(session, run)
    return run


def corners(box: tuple[float, ...]) -> list[float]:
    x, y, w, h = box
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def verdicts(browser: Any, image_id: int, run: int, iou: float = 0.5) -> tuple[dict[str, Any], list[Any]]:
    message, buffers = browser.answer(browser.tell(ask="verdicts", image_id=image_id, run_id=run, iou=iou))
    assert "ok" in message, message
    kinds = ["u1", "u1", "<i4", "<f4", "<i4", "u1"]
    return message["ok"], [np.frombuffer(one, kind).tolist() for one, kind in zip(buffers, kinds, strict=True)]


def test_hits_ghosts_and_misses(make: Any, yard: Yard) -> None:
    run = run_of(yard, [(BOX, 0.9, 1), (OUTLINE, 0.8, 7), ((5, 5, 20, 20), 0.3, 30)])
    browser = make()
    reply, (outcome, error, shape, overlap, finder, counts) = verdicts(browser, yard.image_ids[0], run)
    VerdictsReply.model_validate(reply)
    assert (reply["kind"], reply["covered"], reply["seq"]) == ("bbox", True, 0)
    assert reply["shapes"] == [str(one.id) for one in yard.shapes()]
    assert outcome == [1, 2, 2]
    assert [reply["errors"][one] if one < 255 else None for one in error] == [None, "classification", "background"]
    assert shape == [0, 1, -1]
    assert overlap == [1, 1, 0]
    assert (finder, counts) == ([0, -1], [1, 1])


def test_a_box_that_lies_poorly_is_a_hit_at_a_lower_iou_alone(make: Any, yard: Yard) -> None:
    run = run_of(yard, [((300, 40, 50, 36), 0.9, 1)])
    browser = make()
    assert verdicts(browser, yard.image_ids[0], run, 0.55)[1][0] == [1]
    reply, (outcome, error, *_) = verdicts(browser, yard.image_ids[0], run, 0.65)
    assert (outcome, reply["errors"][error[0]]) == ([2], "localization")
    assert "above 0.1" in browser.refused(ask="verdicts", image_id=yard.image_ids[0], run_id=run, iou=0.0)["remedy"]


def test_masks_are_compared_where_the_run_has_masks(make: Any, yard: Yard) -> None:
    run = run_of(yard, [(BOX, 0.9, 1), ((60, 100, 100, 55), 0.8, 1)], masked=True)
    reply, (outcome, _, shape, overlap, *_) = verdicts(make(), yard.image_ids[0], run)
    assert (reply["kind"], outcome, shape) == ("segm", [1, 1], [0, 1])
    assert overlap == pytest.approx([1, 0.55], abs=0.01)


def test_verdicts_follow_an_edit_and_agree_with_the_evaluation(make: Any, yard: Yard) -> None:
    run = run_of(yard, [((10, 20, 30, 40), 0.9, 7)])
    browser = make()
    assert verdicts(browser, yard.image_ids[0], run)[1][0] == [2]
    browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[create(class_id=7)])
    reply, (outcome, _, shape, *_) = verdicts(browser, yard.image_ids[0], run)
    assert (outcome, shape, reply["seq"]) == ([1], [2], 1)
    assert evaluate(yard.store, run).pairs()["outcome"].tolist() == ["TP"]


def test_an_image_that_the_run_has_not_seen_is_no_miss(make: Any, yard: Yard) -> None:
    from evalnb.store.tables import ModelRow, ModelVersionRow

    with yard.store.database.transaction() as session:
        model = ModelRow(project_id=datasets.get(session, yard.dataset_id).project_id, name="m")
        session.add(model)
        session.flush()
        version = ModelVersionRow(
            model_id=model.id,
            number=1,
            architecture="yolo11n",
            sha256="0" * 64,
            class_names=[],
            metrics={},
            extra={},
        )
        session.add(version)
        session.flush()
        run = predictions.create(session, yard.dataset_id, "half", image_count=3, model_version_id=version.id)
    browser = make()
    reply, (*_, finder, _counts) = verdicts(browser, yard.image_ids[0], run)
    assert (reply["covered"], reply["shapes"], finder) == (False, [], [])
    ask = {"ask": "mistake", "run_id": run, "iou": 0.5, "confidence": 0.1}
    assert browser.ask(index=-1, **ask) == {"image": None, "looked": 3}


def test_the_nearest_mistake_in_both_directions(make: Any, yard: Yard) -> None:
    # The first picture is wrong (a miss), the second right, the third has a ghost of 0.4.
    run = run_of(yard, [(BOX, 0.9, 1)], [], [((5, 5, 20, 20), 0.4, 1)])
    browser = make()

    def nearest(index: int, confidence: float, forward: bool) -> int | None:
        ask = {"ask": "mistake", "run_id": run, "iou": 0.5, "confidence": confidence}
        image = browser.ask(index=index, forward=forward, **ask)["image"]
        return None if image is None else image["index"]

    assert nearest(-1, 0.25, True) == 0
    assert nearest(0, 0.25, True) == 2
    assert nearest(0, 0.5, True) is None
    assert nearest(2, 0.25, True) is None
    assert nearest(2, 0.25, False) == 0
    assert nearest(0, 0.25, False) is None


def test_a_run_of_another_dataset_is_none(make: Any, yard: Yard) -> None:
    with yard.store.database.transaction() as session:
        other = datasets.create(session, datasets.get(session, yard.dataset_id).project_id, "other")
        run = predictions.create(session, other, "theirs", image_count=0)
    browser = make()
    ask = {"run_id": run, "iou": 0.5}
    assert (
        "'yard' has no prediction run"
        in browser.refused(ask="verdicts", image_id=yard.image_ids[0], **ask)["happened"]
    )
    assert browser.refused(ask="mistake", index=0, confidence=0.5, **ask)["status"] == 404
