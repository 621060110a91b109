"""An edit spliced into the match table, against matching everything anew."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalnb.core.matching import Matches, match
from evalnb.core.records import Detections, Truths
from evalnb.core.rematch import rematched, taken
from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco
from tests.parity import problems


def assert_same(mine: Matches, anew: Matches) -> None:
    for one in fields(Matches):
        left, right = getattr(mine, one.name), getattr(anew, one.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, one.name
            np.testing.assert_array_equal(left, right, err_msg=one.name)
        else:
            assert left == right, one.name


def edited(truths: Truths, images: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> Truths:
    """Truths of these images moved, renamed, turned into crowds, dropped and doubled; new ones last or among them."""
    mine = np.isin(truths.image, images)
    keep = np.flatnonzero(~mine | (rng.random(len(truths)) < 0.7))
    more = np.flatnonzero(mine & (rng.random(len(truths)) < 0.3))
    order = np.concatenate([keep, more]) if rng.random() < 0.5 else np.sort(np.concatenate([keep, more]))
    out = taken(truths, order)
    hit = np.isin(out.image, images)
    moved = hit & (rng.random(len(out)) < 0.5)
    box = out.box.copy()
    box[moved] = np.abs(box[moved] + rng.integers(-6, 7, (int(moved.sum()), 4)))
    class_id = np.where(hit & (rng.random(len(out)) < 0.4), rng.choice(classes, len(out)), out.class_id)
    crowd = out.crowd ^ (hit & (rng.random(len(out)) < 0.2))
    area = np.where(moved, rng.choice([900.0, 1024.0, 2000.0, 9216.0, 20000.0], len(out)), out.area)
    return replace(out, box=box, class_id=class_id, crowd=crowd, area=area)


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_an_edit_spliced_in_equals_a_full_match(kind: str) -> None:
    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )
    @given(problem=problems.problems(kind=kind), seed=st.integers(0, 2**31), count=st.integers(0, 3))
    def holds(problem, seed: int, count: int) -> None:
        rng = np.random.default_rng(seed)
        one = evaluate_coco(*problem, kind=kind)
        truths, detections = one.records()
        images = rng.choice(one.matches.images, min(count, len(one.matches.images)), replace=False)
        # A class that is not evaluated is among them: such a truth leaves the table.
        classes = np.append(one.matches.classes, 77_777)
        now = edited(truths, images, classes, rng)
        anew = match(now, detections, kind=kind, images=one.matches.images, classes=one.matches.classes)
        assert_same(rematched(one.matches, now, detections, images=images), anew)

    holds()


def test_areas_that_the_records_do_not_tell_stay_as_they_were() -> None:
    truth, results = problems.make(seed=3, kind="segm", images=3, classes=2, truths=5, detections=10)
    results = [{**one, "bbox": [0.0, 0.0, 400.0, 400.0]} for one in results]
    one = evaluate_coco(truth, results, kind="segm")
    truths, detections = one.records()
    same = rematched(one.matches, truths, detections, images=one.matches.images.tolist())
    assert_same(same, one.matches)
    assert not (one.matches.flags & 8).all()


def test_a_truth_that_came_to_another_image_is_refused() -> None:
    one = evaluate_coco(*problems.make(seed=5, images=4, classes=2, truths=4, detections=4))
    truths, detections = one.records()
    image = int(truths.image[0])
    other = [i for i in one.matches.images.tolist() if i != image]
    with pytest.raises(Invalid, match="name every edited image"):
        rematched(one.matches, taken(truths, np.arange(1, len(truths))), detections, images=other[:1])


def test_one_edit_among_400_000_detections_costs_milliseconds() -> None:
    rng = np.random.default_rng(0)
    images, many, truth_count = 5_000, 400_000, 36_000

    def boxes(n: int) -> np.ndarray:
        return np.hstack([rng.random((n, 2)) * 400, rng.random((n, 2)) * 120 + 8])

    truths = Truths(
        id=np.arange(1, truth_count + 1),
        image=rng.integers(0, images, truth_count),
        class_id=rng.integers(0, 80, truth_count),
        box=boxes(truth_count),
        area=rng.random(truth_count) * 12_000,
        crowd=np.zeros(truth_count, bool),
    )
    source = rng.integers(0, truth_count, many)
    detections = Detections(
        image=truths.image[source],
        class_id=truths.class_id[source],
        box=np.abs(truths.box[source] + rng.normal(0, 8, (many, 4))),
        score=rng.random(many),
    )
    known = match(truths, detections, kind="bbox", images=np.arange(images), classes=np.arange(80))
    known.by_image  # noqa: B018 - an index that any look at a slice has made
    now = replace(truths, class_id=np.where(truths.image == 17, (truths.class_id + 1) % 80, truths.class_id))
    took = []
    for _ in range(5):
        begin = time.process_time()
        spliced = rematched(known, now, detections, images=[17])
        took.append(time.process_time() - begin)
    assert_same(spliced, match(now, detections, kind="bbox", images=np.arange(images), classes=np.arange(80)))
    assert min(took) < 0.1, took  # a gross bound: the figure is the benchmark's
    print(f"{1e3 * min(took):.1f} ms")
