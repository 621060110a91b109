"""MR⁻² and JI: worked examples, and the published evaluation told plainly, on generated crowds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from evalnb.core.crowd import FALSE_POSITIVES, assigned, crowd
from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco

SIDE = 64


def problem(
    truths: list[tuple[int, list[float], int]], found: list[tuple[int, list[float], float]], images: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Truths (image, box, crowd) and detections (image, box, score) of one class."""
    truth = {
        "images": [{"id": one, "width": SIDE, "height": SIDE} for one in range(images)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": i + 1, "image_id": image, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": crowd}
            for i, (image, box, crowd) in enumerate(truths)
        ],
    }
    results = [{"image_id": image, "category_id": 1, "bbox": box, "score": score} for image, box, score in found]
    return truth, results


def at(x: float, y: float = 0.0) -> list[float]:
    return [x, y, 10.0, 10.0]


def test_a_worked_miss_rate() -> None:
    # Four people in two images: found at ranks 1 and 3, with one ghost between them: (0.5 false positives per image).
    found = [(0, at(0), 0.9), (0, at(40), 0.8), (1, at(0), 0.7)]
    mine = evaluate_coco(*problem([(0, at(0), 0), (0, at(20), 0), (1, at(0), 0), (1, at(20), 0)], found, 2))
    # Up to 0.5 it is read at the ghost (3/4 missed); at 0.5623 and 1, never reached, at the last detection (2/4).
    assert mine.mr2() == pytest.approx((0.75**7 * 0.5**2) ** (1 / 9))


def test_a_worked_jaccard_index() -> None:
    truths = [(0, at(0), 0), (0, at(20), 0), (1, at(0), 0), (1, at(30, 30), 1)]
    found = [(0, at(0), 0.95), (0, at(40), 0.15), (1, at(0), 0.85), (1, at(32, 32), 0.9)]
    mine = evaluate_coco(*problem(truths, found, 2))
    # Above 0.2: one of two in the first image; all there is in the second, where the crowd takes its detection.
    assert mine.jaccard_index() == pytest.approx((1 / 2 + 1) / 2, abs=1e-6)
    full = crowd(mine.matches, *mine.records(), size=mine.images.size)
    assert full.jaccard_score[0] == pytest.approx(0.2)
    assert mine.where(images=[1]).jaccard_index() == pytest.approx(1.0, abs=1e-5)
    assert mine.where(confidence=0.92).jaccard_index() == pytest.approx((1 / 2 + 0) / 2, abs=1e-6)


def test_nothing_to_find_nothing_found_and_everything_found() -> None:
    assert evaluate_coco(*problem([], [(0, at(0), 0.5)], 1)).mr2() == -1
    assert evaluate_coco(*problem([(0, at(0), 1)], [(0, at(0), 0.5)], 1)).jaccard_index() == -1
    assert evaluate_coco(*problem([(0, at(0), 0)], [], 1)).mr2() == 1
    assert evaluate_coco(*problem([(0, at(0), 0)], [], 1)).jaccard_index() == 0
    perfect = evaluate_coco(*problem([(0, at(0), 0)], [(0, at(0), 0.5)], 1))
    assert (perfect.mr2(), perfect.jaccard_index()) == (0, pytest.approx(1.0, abs=1e-5))


def test_more_than_a_hundred_people_in_an_image_count() -> None:
    truths = [(0, [x * 5.0, y * 5.0, 5.0, 5.0], 0) for x in range(12) for y in range(12)]
    mine = evaluate_coco(*problem(truths, [(0, box, 0.5) for _, box, _ in truths], 1))
    assert len(mine.matches) == 100
    assert mine.mr2() == 0


def test_boxes_are_cut_at_the_border_of_the_image() -> None:
    # Whole, they overlap by less than half; what of them is in the picture is the same.
    truths, found = [(0, [-20.0, 0.0, 30.0, 10.0], 0)], [(0, [-5.0, 0.0, 15.0, 10.0], 0.5)]
    mine = evaluate_coco(*problem(truths, found, 1))
    assert mine.summary()["AP50"] < 1
    assert mine.mr2() == 0


def test_only_boxes_are_measured_so() -> None:
    truth, results = problem([(0, at(0), 0)], [(0, at(0), 0.5)], 1)
    truth["annotations"][0]["segmentation"] = [[0, 0, 9, 0, 9, 9]]
    with pytest.raises(Invalid, match="by boxes"):
        evaluate_coco(truth, [{**results[0], "segmentation": [[0, 0, 9, 0, 9, 9]]}], "segm").mr2()


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_pairs_chosen_weigh_the_most(seed: int) -> None:
    rng = np.random.default_rng(seed)
    group, left, right, weight = [], [], [], []
    best = 0.0
    for one in range(int(rng.integers(1, 4))):
        rows, columns = (int(side) for side in rng.integers(1, 9, 2))
        table = np.where(rng.random((rows, columns)) < 0.5, 0.5 + rng.random((rows, columns)) / 2, 0)
        best += table[linear_sum_assignment(-table)].sum()
        for i, j in zip(*np.nonzero(table), strict=True):
            group.append(one)
            left.append(100 * one + i)
            right.append(50 * one + j)
            weight.append(table[i, j])
    columns = [np.array(one) for one in (group, left, right, weight)]
    chosen = assigned(*columns) if group else np.empty(0, int)
    assert len(set(np.array(left)[chosen])) == len(chosen) == len(set(np.array(right)[chosen]))
    assert np.array(weight)[chosen].sum() == pytest.approx(best, abs=1e-9)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[list, list, int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images = int(rng.integers(1, 5))

    def box() -> list[float]:
        return [float(one) for one in (*rng.integers(-6, 60, 2), *rng.integers(4, 20, 2))]

    truths = [(int(rng.integers(0, images)), box(), int(rng.random() < 0.2)) for _ in range(int(rng.integers(0, 14)))]
    found = []
    for place in range(int(rng.integers(0, 30))):
        near = truths[int(rng.integers(len(truths)))] if truths and rng.random() < 0.8 else None
        image, of = (near[0], near[1]) if near else (int(rng.integers(0, images)), box())
        moved = [of[0] + rng.normal(0, 2), of[1] + rng.normal(0, 2), of[2] * 1.1, of[3] * 0.9]
        # Scores that no threshold stands on, each of them once.
        found.append((image, moved, float((place * 7 % 30 + 0.5) / 30.3)))
    return truths, found, images


def overlap(a: list[float], b: list[float], *, of_first: bool = False) -> float:
    def cut(box: list[float]) -> list[float]:
        x, y, w, h = box
        low = [min(max(one, 0), SIDE - 1) for one in (x, y)]
        return [*low, max(min(x + w, SIDE), 0), max(min(y + h, SIDE), 0)]

    p, q = cut(a), cut(b)
    both = max(min(p[2], q[2]) - max(p[0], q[0]), 0) * max(min(p[3], q[3]) - max(p[1], q[1]), 0)
    area = [(one[2] - one[0]) * (one[3] - one[1]) for one in (p, q)]
    return both / (area[0] if of_first else sum(area) - both) if both else 0.0


def told_miss_rate(truths: list, found: list, images: int) -> float:
    """The published evaluation, detection by detection."""
    marks: list[tuple[float, bool]] = []
    for image in range(images):
        here, crowds_ = ([one[1] for one in truths if one[0] == image and one[2] == kind] for kind in (0, 1))
        taken: set[int] = set()
        for _, box, score in sorted((one for one in found if one[0] == image), key=lambda one: -one[2]):
            best, at_ = 0.5, -1
            for place, truth in enumerate(here):
                if place not in taken and overlap(box, truth) > best:
                    best, at_ = overlap(box, truth), place
            if at_ >= 0:
                taken.add(at_)
                marks.append((score, True))
            elif not any(overlap(box, one, of_first=True) > 0.5 for one in crowds_):
                marks.append((score, False))
    many = sum(not one[2] for one in truths)
    if not many:
        return -1
    if not marks:
        return 1
    hits, line = 0, []
    for rank, (_, hit) in enumerate(sorted(marks, reverse=True), 1):
        hits += hit
        line.append(((rank - hits) / images, 1 - hits / many))
    read = [next((miss for false, miss in line if false >= point), line[-1][1]) for point in FALSE_POSITIVES]
    return float(np.prod(np.array(read) ** (1 / len(read))))


def told_jaccard(truths: list, found: list, images: int) -> float:
    """The published evaluation, image by image, every pairing tried where there are few."""
    if not any(not one[2] for one in truths):
        return -1
    best = 0.0
    for step in range(10):
        ratios = []
        for image in range(images):
            here, crowds_ = ([one[1] for one in truths if one[0] == image and one[2] == kind] for kind in (0, 1))
            sure = [one[1] for one in found if one[0] == image and one[2] > 0.1 * step]
            table = np.array([[overlap(d, t) for t in here] for d in sure]).reshape(len(sure), len(here))
            table[table <= 0.5] = 0
            pairs = heaviest(table)
            left = [box for i, box in enumerate(sure) if i not in {i for i, _ in pairs}]
            missed = [box for j, box in enumerate(here) if j not in {j for _, j in pairs}]
            n, m = (
                len(all_) - sum(any(overlap(box, one, of_first=True) > 0.5 for one in crowds_) for box in rest)
                for all_, rest in ((sure, left), (here, missed))
            )
            if m or n:
                ratios.append(len(pairs) / (m + n - len(pairs) + 1e-6))
        best = max(best, float(np.mean(ratios)) if ratios else 0.0)
    return best


def heaviest(table: np.ndarray) -> list[tuple[int, int]]:
    """The pairs of the greatest total weight, by trying every pairing of those that overlap."""
    rows = [i for i in range(len(table)) if table[i].any()]
    if len(rows) > 6:
        return [(i, j) for i, j in zip(*linear_sum_assignment(-table), strict=True) if table[i, j] > 0]
    best: tuple[float, list[tuple[int, int]]] = (0.0, [])
    for choice in itertools.product(*([*np.flatnonzero(table[i]).tolist(), -1] for i in rows)):
        pairs = [(i, j) for i, j in zip(rows, choice, strict=True) if j >= 0]
        if len({j for _, j in pairs}) == len(pairs):
            best = max(best, (float(sum(table[i, j] for i, j in pairs)), pairs))
    return best[1]


@settings(max_examples=100, deadline=None)
@given(scene=crowds())
def test_generated_crowds_come_out_as_the_published_evaluation_tells_them(scene) -> None:
    mine = evaluate_coco(*problem(*scene))
    assert mine.mr2() == pytest.approx(told_miss_rate(*scene), abs=1e-9)
    assert mine.jaccard_index() == pytest.approx(told_jaccard(*scene), abs=1e-9)
