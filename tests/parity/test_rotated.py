"""Rotated boxes: overlaps equal shapely's, and the numbers equal pycocotools' fed with such overlaps."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.cocoeval import COCOeval
from shapely import Polygon

from evalnb.core import rotated
from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco
from tests.parity import problems

few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
side = st.one_of(st.floats(0.5, 300), st.integers(1, 40).map(float))
angle = st.one_of(st.floats(-7, 7), st.integers(-8, 8).map(lambda one: one * np.pi / 4))
box = st.tuples(*[st.one_of(st.floats(-50, 4000), st.integers(0, 60).map(float))] * 2, side, side, angle)


def shapely_iou(left: np.ndarray, right: np.ndarray, crowd: bool = False) -> float:
    a, b = Polygon(left), Polygon(right)
    both = a.intersection(b).area
    return both / (a.area if crowd else a.area + b.area - both)


@settings(max_examples=200, deadline=None)
@given(left=box, right=box, near=st.booleans(), crowd=st.booleans())
def test_the_overlap_of_two_boxes_is_shapelys(left, right, near: bool, crowd: bool) -> None:
    if near:
        right = (left[0] + right[0] % 7, left[1] + right[1] % 7, *right[2:])
    corners = rotated.corners_of(np.array([left, right]))
    mine = rotated.pair_rotated_iou(corners[:1], corners[1:], [0], [0], np.array([crowd]))
    assert mine[0] == pytest.approx(shapely_iou(corners[0], corners[1], crowd), abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_convex_quadrilateral_will_do_whichever_way_its_corners_go_round(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 12, (2, 4, 2)).astype(float) + (rng.random() < 0.5) * rng.random((2, 4, 2))
    corners, _ = rotated.convex(raw)
    hulls = [Polygon(one).convex_hull if hull else Polygon(one) for one, hull in zip(raw, _hulled(raw), strict=True)]
    if min(one.area for one in hulls) < 1e-3:
        return
    assert rotated.area_px(corners) == pytest.approx([one.area for one in hulls], abs=1e-9)
    mine = rotated.pair_rotated_iou(corners[:1], corners[1:], [0], [0], np.array([False]))
    both = hulls[0].intersection(hulls[1]).area
    assert mine[0] == pytest.approx(both / (hulls[0].area + hulls[1].area - both), abs=1e-9)


def _hulled(raw: np.ndarray) -> np.ndarray:
    return rotated.convex(raw)[1]


def test_a_turn_is_clockwise_as_the_image_is_seen() -> None:
    corners = rotated.corners_of(np.array([[10.0, 20.0, 8.0, 2.0, np.pi / 2]]))
    assert rotated.enclosing(corners)[0] == pytest.approx([9, 16, 2, 8])
    a_little = rotated.corners_of(np.array([[0.0, 0.0, 10.0, 0.0, 0.1]]))[0]
    assert a_little[1] == pytest.approx([5 * np.cos(0.1), 5 * np.sin(0.1)])  # its right end is lower: y points down


def turned(problem: problems.Problem, seed: int) -> problems.Problem:
    """A problem of upright boxes with every box turned, stated in every way a file may state it."""
    rng = np.random.default_rng(seed)
    truth, results = problem

    def turn(row: dict[str, Any]) -> dict[str, Any]:
        x, y, w, h = row["bbox"]
        five = [x + w / 2, y + h / 2, max(w, 0.5), max(h, 0.5), float(rng.choice([0.0, 0.3, np.pi / 2, -1.0]))]
        corners = rotated.corners_of(np.array([five]))[0]
        way = int(rng.integers(0, 4))
        rest = {key: value for key, value in row.items() if key not in ("bbox", "area")}
        if way == 0:
            return {**rest, "obb": five}
        if way == 1:
            return {**rest, "rbox": five, "poly": corners.ravel().tolist()}
        if way == 2:
            return {**rest, "obb": corners[::-1].tolist()}
        return {**rest, "segmentation": [corners.ravel().tolist()]}

    annotations = [{**turn(one), "area": one["area"]} for one in truth["annotations"]]
    return {**truth, "annotations": annotations}, [turn(one) for one in results]


class OverPolygons(COCOeval):
    """pycocotools with the overlaps of rotated boxes."""

    def computeIoU(self, image: int, class_id: int) -> Any:
        truths, found = self._gts[image, class_id], self._dts[image, class_id]
        if not truths and not found:
            return []
        order = np.argsort([-one["score"] for one in found], kind="mergesort")
        found = [found[i] for i in order[: self.params.maxDets[-1]]]
        left, right = (np.array([one["corners"] for one in rows]).reshape(-1, 4, 2) for rows in (found, truths))
        at, to = np.divmod(np.arange(len(found) * len(truths)), max(len(truths), 1))
        crowd = np.array([bool(one["iscrowd"]) for one in truths], dtype=bool)
        return rotated.pair_rotated_iou(left, right, at, to, crowd).reshape(len(found), len(truths))


@few
@given(problem=problems.problems(), seed=st.integers(0, 2**16))
def test_the_twelve_numbers_are_cocos_over_polygons(problem, seed: int) -> None:
    truth, results = turned(problem, seed)
    mine = evaluate_coco(truth, results, "obb")
    truths, found = mine.records()
    with contextlib.redirect_stdout(io.StringIO()):
        reference = _coco_of(truth, truths, found)
    assert list(mine.summary().values()) == pytest.approx(reference.stats.tolist(), abs=1e-12)


def _coco_of(truth: dict[str, Any], truths, found) -> COCOeval:
    from pycocotools.coco import COCO

    def coco(rows: list[dict[str, Any]]) -> COCO:
        out = COCO()
        out.dataset = {**truth, "annotations": rows}
        out.createIndex()
        return out

    crowd = truths.crowd.astype(int).tolist()
    columns = zip(truths.id, truths.image, truths.class_id, truths.area, crowd, truths.corners, strict=True)
    ours = coco(
        [
            dict(zip(("id", "image_id", "category_id", "area", "iscrowd", "corners"), one, strict=True))
            for one in columns
        ]
    )
    area = rotated.area_px(found.corners)
    columns = zip(found.image, found.class_id, area, found.score, found.corners, strict=True)
    theirs = coco(
        [
            {"id": i + 1, **dict(zip(("image_id", "category_id", "area", "score", "corners"), one, strict=True))}
            for i, one in enumerate(columns)
        ]
    )
    reference = OverPolygons(ours, theirs, "bbox")
    reference.evaluate()
    reference.accumulate()
    reference.summarize()
    return reference


def test_what_is_no_rotated_box_is_named() -> None:
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "obb": [50, 50, 40, 20, 0.5]},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5]},
            {"id": 3, "image_id": 1, "category_id": 1, "obb": [50, 50, -40, 20, 0.5]},
            {"id": 4, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 9, 9, 0]]},
            {"id": 5, "image_id": 1, "category_id": 1, "poly": [200, 200, 300, 200, 210, 210, 200, 300]},
            {"id": 6, "image_id": 1, "category_id": 1, "poly": [0, 0, 1, float("nan"), 1, 1, 0, 1]},
        ],
    }
    results = [
        {"image_id": 1, "category_id": 1, "obb": [50, 50, 40, 20, 0.5], "score": 0.9},
        {"image_id": 1, "category_id": 1, "poly": [200, 200, 300, 200, 200, 300, 200, 300], "score": 0.8},
    ]
    mine = evaluate_coco(truth, results, "obb")
    assert [str(one) for one in mine.problems] == [
        "truth.annotations[1].obb: missing",
        "truth.annotations[2].obb: inverted: width -40, height 20",
        "truth.annotations[3].segmentation: not cx, cy, w, h, angle in radians, nor x, y of four corners",
        "truth.annotations[5].poly: nan, which is not finite",
        "truth.annotations[4]: its corners are not convex; their convex hull counts",
    ]
    assert mine.summary()["AP50"] == pytest.approx(1.0)
    assert mine.confusion().loc["ship", "ship"] == 2
    with pytest.raises(Invalid, match="annotations"):
        evaluate_coco({"images": [], "categories": []}, results, "obb")
    with pytest.raises(Invalid, match="no corners"):
        evaluate_coco(evaluate_coco(truth, results, "obb").records()[0], _plain(), "obb")


def _plain():
    from evalnb.core.records import Detections

    return Detections(
        image=np.array([1]), class_id=np.array([1]), box=np.array([[0.0, 0, 1, 1]]), score=np.array([0.5])
    )
