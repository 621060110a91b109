"""Run-length masks equal pycocotools', bit for bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from evalnb.core import masks
from evalnb.core.packed import PackedMasks, pair_mask_iou

bitmaps = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24), elements=st.integers(0, 1))


def theirs(bitmap) -> dict:
    return coco_mask.encode(np.asfortranarray(bitmap))


@settings(deadline=None)
@given(bitmap=bitmaps)
def test_encoding_and_decoding_agree(bitmap) -> None:
    mine = masks.encode(bitmap)
    rle = theirs(bitmap)
    assert masks.to_string(mine).encode() == rle["counts"]
    assert masks.from_string(rle["counts"], rle["size"]) == mine
    assert np.array_equal(masks.decode(mine), bitmap.astype(bool))
    assert mine.area_px == int(coco_mask.area(rle))
    assert masks.box(mine) == tuple(coco_mask.toBbox(rle))


@settings(deadline=None)
@given(
    runs=st.lists(st.integers(0, 2**20), min_size=1, max_size=40),
)
def test_strings_of_long_and_empty_runs_agree(runs: list[int]) -> None:
    size = [1, max(sum(runs), 1)]
    runs = runs if sum(runs) else [1]
    rle = coco_mask.frPyObjects({"size": size, "counts": runs}, *size)
    mine = masks.Rle((size[0], size[1]), np.array(runs, dtype=np.uint32))
    assert masks.to_string(mine).encode() == rle["counts"]
    assert masks.from_string(rle["counts"], size) == mine


coordinate = st.one_of(
    st.integers(-8, 48).map(float),
    st.floats(-8, 48, allow_nan=False, width=32),
    st.integers(-20, 100).map(lambda v: v / 2),
)


@settings(deadline=None, max_examples=150)
@given(
    parts=st.lists(
        st.lists(coordinate, min_size=6, max_size=16).filter(lambda part: len(part) % 2 == 0), min_size=1, max_size=3
    ),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)
def test_polygons_are_rasterised_alike(parts, height: int, width: int) -> None:
    rle = coco_mask.merge(coco_mask.frPyObjects(parts, height, width))
    assert masks.to_string(masks.from_polygons(parts, (height, width))).encode() == rle["counts"]


@settings(deadline=None)
@given(data=st.data(), shape=array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16))
def test_unions_and_overlaps_agree(data, shape) -> None:
    several = st.lists(arrays(np.uint8, shape, elements=st.integers(0, 1)), min_size=1, max_size=4)
    left, right = data.draw(several), data.draw(several)
    crowd = np.array([data.draw(st.booleans()) for _ in right])
    mine_l, mine_r = [masks.encode(one) for one in left], [masks.encode(one) for one in right]
    both = masks.union(mine_l, shape)
    assert masks.to_string(both).encode() == coco_mask.merge([theirs(one) for one in left])["counts"]
    expected = coco_mask.iou([theirs(one) for one in left], [theirs(one) for one in right], crowd.astype(int))
    assert np.array_equal(masks.iou(mine_l, mine_r, crowd), expected)
    at_l, at_r = np.divmod(np.arange(len(left) * len(right)), len(right))
    packed = pair_mask_iou(PackedMasks.of(mine_l), PackedMasks.of(mine_r), at_l, at_r, crowd)
    assert np.array_equal(packed.reshape(expected.shape), expected)
    bounded = pair_mask_iou(PackedMasks.of(mine_l), PackedMasks.of(mine_r), at_l, at_r, crowd, at_least=0.5)
    assert np.array_equal(np.where(packed >= 0.5, packed, 0), np.where(bounded >= 0.5, bounded, 0))
