"""All overlaps, found natively, are those found pair by pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import evalnb as ev
from evalnb.core import overlaps
from evalnb.errors import Invalid
from evalnb.runs.evaluation import Evaluation
from tests.parity import problems


def made(kind: str, seed: int, **options: int) -> Evaluation:
    asked = {"images": 5, "classes": 3, "truths": 7, "detections": 30} | options
    truth, results = problems.make(seed=seed, kind=kind, **asked)
    return ev.evaluate_coco(truth, results, kind)


@pytest.mark.parametrize("kind", ["bbox", "segm"])
@pytest.mark.parametrize("at_least", [0.1, 0.5, 1.0])
def test_pairs_equal_those_of_numpy(kind: str, at_least: float) -> None:
    for seed in range(12):
        one = made(kind, seed)
        mine = overlaps.nearby(one.matches, *one.records(), at_least=at_least)
        theirs = overlaps.by_pairs(one.matches, *one.records(), sigmas=None, at_least=at_least)
        for column in ("detection", "truth", "overlap"):
            np.testing.assert_array_equal(getattr(mine, column), getattr(theirs, column))


def test_a_crowded_image_needs_more_room_than_was_made() -> None:
    boxes = [[float(n % 3), 0.0, 50.0, 50.0] for n in range(40)]
    truth = {
        "images": [{"id": 1, "width": 99, "height": 99}],
        "categories": [{"id": 1, "name": "one"}],
        "annotations": [
            {"id": n + 1, "image_id": 1, "category_id": 1, "bbox": box, "area": 2500, "iscrowd": 0}
            for n, box in enumerate(boxes)
        ],
    }
    results = [{"image_id": 1, "category_id": 1, "bbox": box, "score": 0.5} for box in boxes]
    near = ev.evaluate_coco(truth, results, "bbox").nearby
    assert len(near) == 40 * 40 > overlaps.PAIRS_A_DETECTION * 40
    first = near.overlap[near.detection == 0]
    assert (np.diff(first) <= 0).all()


def test_nothing_has_no_pairs() -> None:
    one = made("bbox", 3, detections=0)
    assert len(one.nearby) == 0


def test_other_records_are_refused_and_not_read_beyond_their_end() -> None:
    one = made("bbox", 3)
    truths, detections = one.records()
    fewer = replace(
        detections,
        image=detections.image[:5],
        class_id=detections.class_id[:5],
        box=detections.box[:5],
        score=detections.score[:5],
    )
    with pytest.raises(Invalid, match="these are 5"):
        overlaps.nearby(one.matches, truths, fewer)
