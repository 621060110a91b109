"""The confusion matrix equals a loop that anyone can read, at every threshold that overlaps are kept for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco
from tests.parity import problems


def read_by_hand(problem: problems.Problem, *, iou: float, confidence: float, images: list[int]) -> np.ndarray:
    """Detections choose one after the other, best first; of equals the earlier class, then the earlier record."""
    truth, results = problem
    classes = sorted(one["id"] for one in truth["categories"])
    place = {one: at for at, one in enumerate(classes)}
    counts = np.zeros((len(classes) + 1, len(classes) + 1), np.int64)
    for image in images:
        truths = [one for one in truth["annotations"] if one["image_id"] == image]
        found = [one for one in results if one["image_id"] == image and one["category_id"] in place]
        found.sort(key=lambda one: -one["score"])
        per_class: dict[int, int] = {}
        kept = []
        for one in found:
            per_class[one["category_id"]] = per_class.get(one["category_id"], 0) + 1
            if per_class[one["category_id"]] <= 100 and one["score"] >= confidence:
                kept.append(one)
        kept.sort(key=lambda one: (-one["score"], place[one["category_id"]]))
        boxes, others = [one["bbox"] for one in kept], [one["bbox"] for one in truths]
        table = coco_mask.iou(boxes, others, [one["iscrowd"] for one in truths]) if kept and truths else []
        taken: set[int] = set()
        for at, one in enumerate(kept):
            best, crowd = None, None
            for t, other in enumerate(truths):
                if table[at][t] < iou:
                    continue
                if other["iscrowd"]:
                    crowd = t
                elif t not in taken and (best is None or table[at][t] >= table[at][best]):
                    best = t
            if best is not None:
                taken.add(best)
                counts[place[truths[best]["category_id"]], place[one["category_id"]]] += 1
            elif crowd is None:
                counts[-1, place[one["category_id"]]] += 1
        for t, other in enumerate(truths):
            if not other["iscrowd"] and t not in taken:
                counts[place[other["category_id"]], -1] += 1
    return counts


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    problem=problems.problems(),
    iou=st.sampled_from([0.1, 0.25, 0.5, 0.8]),
    confidence=st.sampled_from([0.0, 0.3, 0.7]),
    part=st.booleans(),
)
def test_the_matrix_is_what_a_loop_over_images_counts(problem, iou: float, confidence: float, part: bool) -> None:
    evaluation = evaluate_coco(*problem)
    images = evaluation.images.id.tolist()
    if part:
        images = images[::2]
        evaluation = evaluation.where(images=images)
    mine = evaluation.confusion(iou=iou, confidence=confidence).to_numpy()
    assert mine.tolist() == read_by_hand(problem, iou=iou, confidence=confidence, images=images).tolist()


def test_overlaps_are_found_once_for_all_parts() -> None:
    evaluation = evaluate_coco(*problems.make(seed=3, images=4, classes=3, truths=6, detections=20))
    part = evaluation.where(images=evaluation.images.id[:2], confidence=0.3)
    assert part.nearby is evaluation.nearby


def test_a_threshold_below_the_overlaps_that_are_kept_is_refused() -> None:
    evaluation = evaluate_coco(*problems.make(seed=3, images=2, classes=2, truths=4, detections=8))
    with pytest.raises(Invalid, match=r"0\.05 was asked for"):
        evaluation.confusion(iou=0.05)
