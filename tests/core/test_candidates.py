"""Masks of coarse logits, in pixels: what the whole image interpolated gives, and no more of it than is needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evalnb.core.candidates import Candidates


def blobs(seed: int, rows: int, columns: int) -> np.ndarray:
    """Smooth logits with a few islands, (1, rows, columns) float32."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    logits = np.full((rows, columns), -4.0)
    for _ in range(random.integers(1, 4)):
        at_y, at_x, wide = random.uniform(0, rows), random.uniform(0, columns), random.uniform(1, 1 + rows / 3)
        logits = np.maximum(logits, 3 - ((y - at_y) ** 2 + (x - at_x) ** 2) / wide**2)
    return (logits + random.normal(0, 0.2, logits.shape))[None].astype(np.float32)


def one(logits: np.ndarray, size: tuple[int, int]) -> Candidates:
    return Candidates(logits, np.ones(len(logits)), size)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 400))
def test_the_mask_is_the_whole_image_interpolated(seed: int, height: int, width: int) -> None:
    logits = blobs(seed, 64, 64)
    whole = torch.nn.functional.interpolate(
        torch.as_tensor(logits[None]), (height, width), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    got = one(logits, (height, width)).mask(0)
    # Sums are rounded in another order: only what is as good as 0 may differ.
    open_ = np.abs(whole) < 1e-4
    assert np.array_equal(got | open_, (whole > 0) | open_)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 900), st.integers(1, 900))
def test_a_window_holds_all_of_the_mask_and_is_tight(seed: int, height: int, width: int) -> None:
    found = one(blobs(seed, 32, 32), (height, width))
    (x, y, w, h), inside = found.cut(0)
    mask = found.mask(0)
    assert inside.shape == (h, w) and inside.sum() == mask.sum()
    assert np.array_equal(mask[y : y + h, x : x + w], inside)
    assert not inside.size or (inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any())


@pytest.mark.parametrize("size", [(40, 3000), (384, 512), (3000, 4000)])
@pytest.mark.parametrize("seed", range(4))
def test_a_glimpse_is_small_and_shows_the_mask(seed: int, size: tuple[int, int]) -> None:
    found = one(blobs(seed, 64, 64), size)
    (x, y, w, h), inside = found.glimpse(0, 200)
    assert max(inside.shape) <= 202
    mask = found.mask(0)
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    row = np.floor((rows - y) / h * inside.shape[0]).astype(int)
    column = np.floor((columns - x) / w * inside.shape[1]).astype(int)
    there = (row >= 0) & (row < inside.shape[0]) & (column >= 0) & (column < inside.shape[1])
    shown = np.zeros(size, bool)
    shown[there] = inside[row[there], column[there]]
    assert (shown & mask).sum() / (shown | mask).sum() > 0.9


def test_masks_themselves_are_taken_as_they_are() -> None:
    mask = np.zeros((1, 40, 60), bool)
    mask[0, 10:20, 30:50] = True
    found = one(mask, (40, 60))
    assert found.cut(0)[0] == (30, 10, 20, 10)
    assert np.array_equal(found.mask(0), mask[0])
    window, inside = found.glimpse(0, 10)
    assert max(inside.shape) <= 12 and np.allclose(window, (30, 10, 20, 10), atol=2)


def test_nothing_has_a_window_of_zeros() -> None:
    found = one(np.full((1, 8, 8), -1, np.float32), (100, 100))
    assert found.cut(0)[0] == (0, 0, 0, 0) and found.glimpse(0, 50)[0] == (0, 0, 0, 0)
    assert not found.mask(0).any()
