"""Masks placed in an image, sifted and told apart; arrays of any kind as RGB; rough masks as logits."""

from __future__ import annotations

import numpy as np
import pytest

from evalnb.core import masks
from evalnb.core.everything import Sweep, gathered, grid, stability
from evalnb.core.pixels import eight_bits, rgb
from evalnb.core.prompted import prior_of
from evalnb.core.segmented import Segmented
from evalnb.errors import Invalid


def disc(x: float, y: float, reach: float, steep: float = 20.0) -> np.ndarray:
    down, across = np.mgrid[:64, :64]
    return (steep * (reach - np.hypot(across - x, down - y))).astype(np.float32)


def test_a_window_placed_in_an_image_is_the_mask_encoded_whole() -> None:
    random = np.random.default_rng(0)
    for _ in range(400):
        height, width = random.integers(1, 9, 2).tolist()
        h, w = int(random.integers(0, height + 1)), int(random.integers(0, width + 1))
        y, x = int(random.integers(0, height - h + 1)), int(random.integers(0, width - w + 1))
        inside = random.random((h, w)) < random.choice([0.2, 0.5, 0.9, 1.0])
        whole = np.zeros((height, width), bool)
        whole[y : y + h, x : x + w] = inside
        assert masks.placed(inside, (x, y, w, h), (height, width)) == masks.encode(whole)
    with pytest.raises(Invalid, match="do not fill the window"):
        masks.placed(np.ones((2, 2), bool), (7, 0, 2, 2), (8, 8))


def test_of_two_that_say_the_same_the_better_stays_whatever_the_order() -> None:
    same, less, other = disc(20, 20, 10), disc(21, 20, 10), disc(48, 48, 8)
    scores = np.array([0.9, 0.95, 0.85])
    for batches in (
        [(np.stack([same, less, other]), scores)],
        [(one[None], scores[[n]]) for n, one in enumerate((same, less, other))],
    ):
        found = gathered(batches, (128, 128), Sweep())
        assert found.scores.tolist() == [0.95, 0.85]
        assert np.array_equal(found.logits[0] > 0, less > 0)


def test_the_doubtful_the_blurred_the_small_and_the_empty_are_no_objects() -> None:
    drawn = np.stack(
        [disc(20, 20, 10), disc(20, 44, 9, 0.3), disc(50, 50, 2), np.full((64, 64), -5, np.float32), disc(50, 12, 9)]
    )
    found = gathered(
        [(drawn, np.array([0.5, 0.9, 0.9, 0.9, 0.9]))], (128, 128), Sweep(area_min_px=100, stability_min=0.8)
    )
    assert len(found) == 1 and found.logits[0, 12, 50] > 0
    assert stability(drawn)[3] == 0
    assert len(gathered([], (10, 10), Sweep())) == 0 and len(Segmented.of(gathered([], (10, 10), Sweep()))) == 0


def test_a_grid_lies_in_the_middle_of_equal_parts() -> None:
    assert grid((10, 20), 2).tolist() == [[5, 2.5], [15, 2.5], [5, 7.5], [15, 7.5]]


def test_a_rough_mask_becomes_certain_inside_and_out_and_doubtful_on_the_border() -> None:
    mask = np.zeros((30, 50), bool)
    mask[10:20, 20:40] = True
    prior = prior_of(mask, (8, 8), certainty=8)
    assert prior.shape == (8, 8) and prior.dtype == np.float32
    assert prior[3, 4] == pytest.approx(8) and prior[0, 0] == pytest.approx(-8) and -8 < prior[2, 4] < 8
    # As much inside as the mask has, at any resolution.
    assert ((prior / 8 + 1) / 2).mean() == pytest.approx(mask.mean())
    assert prior_of(mask[:3, :3], (16, 16)).shape == (16, 16)


def test_pixels_of_any_kind_are_rgb() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(rgb(grey)[..., 1], grey)
    clear = np.dstack([grey, np.zeros_like(grey)])
    assert (rgb(clear) == 255).all()
    half = np.dstack([np.zeros((1, 1, 3), np.uint8), np.full((1, 1), 128, np.uint8)])
    assert rgb(half).tolist() == [[[127, 127, 127]]]
    assert rgb(np.full((2, 2), 4095, np.uint16)).max() == 255
    whole = np.zeros((2, 2, 3), np.uint8)
    assert rgb(whole) is whole
    assert eight_bits(np.array([[0.0, np.nan, 2.0]])).tolist() == [[0, 0, 255]]
    for bad in (np.zeros((2, 2, 5), np.uint8), np.zeros((0, 2), np.uint8), np.zeros(3, np.uint8), np.zeros((2, 2))):
        with pytest.raises(Invalid, match=r"photo 7 is .* of shape"):
            rgb(bad, "photo 7")
