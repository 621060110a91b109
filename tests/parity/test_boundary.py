"""Boundary IoU equals the published algorithm's, written down once more with OpenCV's erosion."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evalnb.core import masks
from evalnb.core.boundary import boundaries, pair_boundary_iou, reach_px
from evalnb.core.packed import PackedMasks
from evalnb.runs.files import evaluate_coco
from tests.parity import problems


def eroded_away(bitmap: np.ndarray, ratio: float = 0.02) -> np.ndarray:
    """The paper's own recipe: pad by a pixel of nothing, erode by 3 x 3 as often as the boundary is wide."""
    height, width = bitmap.shape
    times = max(round(ratio * np.sqrt(height**2 + width**2)), 1)
    padded = cv2.copyMakeBorder(bitmap.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    kept = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=times)[1 : height + 1, 1 : width + 1]
    return bitmap.astype(np.uint8) - kept


@st.composite
def bitmaps(draw: st.DrawFn) -> np.ndarray:
    """Blobs, holes, noise, whole images and nothing at all."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width = (int(one) for one in rng.choice([1, 2, 5, 17, 60, 131], 2))
    out = np.full((height, width), rng.random() < 0.2, np.uint8)
    for _ in range(int(rng.integers(0, 6))):
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        out[y : y + int(rng.integers(1, 80)), x : x + int(rng.integers(1, 80))] ^= 1
    return out ^ (rng.random(out.shape) < rng.choice([0, 0, 0.01])).astype(np.uint8)


@settings(max_examples=300, deadline=None)
@given(several=st.lists(bitmaps(), min_size=1, max_size=4), ratio=st.sampled_from([0.02, 0.005, 0.1]))
def test_a_boundary_is_what_opencvs_erosion_takes_away(several, ratio: float) -> None:
    found = boundaries(PackedMasks.of(map(masks.encode, several)), ratio=ratio)
    assert found.sound.all()
    for mine, bitmap in zip(found, several, strict=True):
        assert mine == masks.encode(eroded_away(bitmap, ratio))


def test_a_width_of_half_a_pixel_goes_to_the_even_side() -> None:
    # 3, 4 and 5 make a diagonal of 125 and of 175: 2.5 and 3.5 pixels.
    assert reach_px(np.array([[75, 100], [105, 140], [1, 1]])).tolist() == [2, 4, 1]


def test_many_masks_on_many_threads_come_out_in_order() -> None:
    rng = np.random.default_rng(5)
    several = [np.kron(rng.integers(0, 2, (20, 20)), np.ones((20, 20), int)).astype(np.uint8) for _ in range(60)]
    packed = PackedMasks.of(map(masks.encode, several))
    assert list(boundaries(packed)) == [masks.encode(eroded_away(one)) for one in several]


class OfBoundaries(COCOeval):
    """pycocotools with the overlap of the authors' own evaluation."""

    def computeIoU(self, image: int, class_id: int) -> Any:
        truths, found = self._gts[image, class_id], self._dts[image, class_id]
        if not truths or not found:
            return super().computeIoU(image, class_id)
        order = np.argsort([-one["score"] for one in found], kind="mergesort")
        found = [found[i] for i in order[: self.params.maxDets[-1]]]
        crowd = [int(one["iscrowd"]) for one in truths]
        whole = coco_mask.iou([one["segmentation"] for one in found], [one["segmentation"] for one in truths], crowd)
        lines = coco_mask.iou([boundary_of(one) for one in found], [boundary_of(one) for one in truths], crowd)
        return np.where(np.array(crowd, dtype=bool), whole, np.minimum(whole, lines))


def boundary_of(row: dict[str, Any]) -> dict[str, Any]:
    """The boundary of an annotation that has its mask as runs."""
    return coco_mask.encode(np.asfortranarray(eroded_away(coco_mask.decode(row["segmentation"]))))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(problem=problems.problems(kind="segm"))
def test_the_twelve_numbers_are_the_authors(problem) -> None:
    truth, results = copy.deepcopy(problem)
    results = [one for one in results if one["category_id"] != 999]
    if not results:
        return
    mine = evaluate_coco(truth, results, "boundary")
    with contextlib.redirect_stdout(io.StringIO()):
        ours = COCO()
        ours.dataset = copy.deepcopy(truth)
        ours.createIndex()
        reference = OfBoundaries(ours, ours.loadRes(copy.deepcopy(results)), "segm")
        reference.evaluate()
        reference.accumulate()
        reference.summarize()
    assert list(mine.summary().values()) == pytest.approx(reference.stats.tolist(), abs=1e-12)
    # The same overlaps, whatever the class, are what explains a detection.
    assert (mine.nearby.overlap <= evaluate_coco(truth, results, "segm").nearby.overlap.max(initial=0)).all()


def test_a_thick_shape_with_a_shifted_outline_loses_and_a_crowd_does_not() -> None:
    big, moved = np.zeros((200, 200), np.uint8), np.zeros((200, 200), np.uint8)
    big[20:180, 20:180], moved[26:186, 26:186] = 1, 1
    left, right = (PackedMasks.of([masks.encode(one)]) for one in (moved, big))
    pair = np.array([0])
    whole = pair_boundary_iou(left, right, pair, pair, np.array([True]))
    line = pair_boundary_iou(left, right, pair, pair, np.array([False]))
    assert whole[0] > 0.9
    assert line[0] < 0.1
