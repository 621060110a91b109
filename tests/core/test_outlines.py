"""A mask's outline as a polygon."""

from __future__ import annotations

import numpy as np

from evalnb.core import masks
from evalnb.core.outlines import polygon_of
from evalnb.core.shapes import area_of, mask_of


def test_the_cracks_are_followed_round_parts_and_holes() -> None:
    mask = np.zeros((12, 14), dtype=bool)
    mask[2:9, 3:10] = True
    mask[4:6, 5:7] = False
    mask[9:11, 10:12] = True  # touches the first at a corner alone
    found = polygon_of(masks.encode(mask), 0)
    assert found is not None and found.box == (3, 2, 9, 9)
    assert sorted(found.parts) == [(10, 2, 10, 9, 3, 9, 3, 2), (12, 9, 12, 11, 10, 11, 10, 9)]
    assert len(found.holes) == 1 and sorted(found.holes[0][0::2]) == [5, 5, 7, 7]
    assert area_of(found) == mask.sum()


def test_a_tolerance_leaves_corners_out_and_the_pixels_nearly_as_they_are() -> None:
    y, x = np.mgrid[:120, :160]
    mask = ((x - 80) / 50) ** 2 + ((y - 60) / 30) ** 2 < 1
    exact, simple = polygon_of(masks.encode(mask), 0), polygon_of(masks.encode(mask), 1)
    assert exact is not None and simple is not None
    assert len(simple.parts[0]) < len(exact.parts[0]) / 4
    drawn = masks.decode(mask_of(simple, mask.shape))
    assert (drawn & mask).sum() / (drawn | mask).sum() > 0.96


def test_an_island_in_a_hole_falls_away_and_nothing_has_no_outline() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:18, 2:18] = True
    mask[5:15, 5:15] = False
    mask[8:11, 8:11] = True
    found = polygon_of(masks.encode(mask))
    assert found is not None and len(found.parts) == len(found.holes) == 1
    assert polygon_of(masks.encode(np.zeros((5, 5), dtype=bool))) is None
    one = np.zeros((5, 5), dtype=bool)
    one[2, 3] = True
    single = polygon_of(masks.encode(one), 5)
    assert single is not None and area_of(single) == 1
