"""Outlines of masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evalnb.core import masks as rle
from evalnb.formats import outlines


def area(loop: np.ndarray) -> float:
    x, y = loop[:, 0], loop[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)))
def test_borders_enclose_the_mask_and_its_holes(mask: np.ndarray) -> None:
    loops, holes = outlines.of_mask(rle.encode(mask))
    # Filling every hole: what no path of unset pixels connects to the outside.
    filled = np.pad(mask, 1)
    outside = np.zeros_like(filled)
    outside[0, 0] = True
    while True:
        grown = outside.copy()
        for axis in (0, 1):
            for step in (1, -1):
                grown |= np.roll(outside, step, axis)
        # Unset pixels that touch only at a corner are connected too, since set ones there are not.
        for down in (1, -1):
            for right in (1, -1):
                grown |= np.roll(np.roll(outside, down, 0), right, 1)
        grown &= ~filled
        if (grown == outside).all():
            break
        outside = grown
    assert sum(area(loop) for loop in loops) >= mask.sum()
    if holes == 0:
        assert sum(area(loop) for loop in loops) == mask.sum()
        assert (outside | filled).all()
    else:
        assert not (outside | filled).all()


def test_a_ring_has_one_border_and_one_hole() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:12, 3:15] = True
    mask[5:8, 6:9] = False
    loops, holes = outlines.of_mask(rle.encode(mask))
    assert holes == 1 and len(loops) == 1
    assert sorted(map(tuple, loops[0].tolist())) == [(3, 2), (3, 12), (15, 2), (15, 12)]


def test_a_simplified_circle_stays_within_the_tolerance() -> None:
    y, x = np.mgrid[:200, :200]
    disc = (x - 99.5) ** 2 + (y - 99.5) ** 2 < 80**2
    (loop,), holes = outlines.of_mask(rle.encode(disc))
    few = outlines.simplified(loop)
    assert holes == 0 and len(few) < len(loop) / 3
    away = np.abs(np.hypot(few[:, 0] - 100, few[:, 1] - 100) - 80)
    assert away.max() < 1.5
    assert area(few) == pytest.approx(disc.sum(), rel=0.02)
    again = rle.from_polygon(few.ravel().tolist(), (200, 200))
    both = rle.intersection_px(again, rle.encode(disc))
    assert both / (again.area_px + disc.sum() - both) > 0.97


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_joining_parts_keeps_their_area(places: list[int]) -> None:
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], np.float64)
    parts = [square + np.array([30.0 * n, place]) for n, place in enumerate(places)]
    assert area(outlines.joined(parts)) == pytest.approx(16 * len(parts))


def test_an_empty_mask_has_no_border() -> None:
    assert outlines.of_mask(rle.encode(np.zeros((5, 5), bool))) == ([], 0)
