"""Two people's labels: who means the same object, and how far they agree."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalnb.core.metrics.agreement import f1, krippendorff, paired
from evalnb.core.records import Truths
from evalnb.errors import Invalid


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    # Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), four observers and twelve units: 0.743.
    observers = ["1233214 12...", "1233224 125.3", ".333234 2251.", "1233244 1251."]
    rows = [[None if one == "." else one for one in row.replace(" ", "")] for row in observers]
    assert krippendorff(list(zip(*rows, strict=True))) == pytest.approx(0.743, abs=0.0005)


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=2, max_size=4), max_size=12))
def test_alpha_is_one_less_observed_over_expected_disagreement(units: list[list[Any]]) -> None:
    labels = [kept for unit in units if len(kept := [one for one in unit if one is not None]) > 1]
    everything = [one for kept in labels for one in kept]
    n = len(everything)
    expected = sum(a != b for a, b in itertools.permutations(everything, 2)) / (n * (n - 1)) if n > 1 else 0
    found = krippendorff(units)
    if not expected:
        assert math.isnan(found)
        return
    observed = sum(sum(a != b for a, b in itertools.permutations(kept, 2)) / (len(kept) - 1) for kept in labels) / n
    assert found == pytest.approx(1 - observed / expected)


def truths(*boxes: tuple[int, tuple[float, float, float, float]]) -> Truths:
    n = len(boxes)
    box = np.array([one for _, one in boxes], dtype=np.float64).reshape(-1, 4)
    image = np.array([one for one, _ in boxes], dtype=np.int64)
    return Truths(np.arange(n), image, np.ones(n, np.int64), box, box[:, 2] * box[:, 3], np.zeros(n, bool))


def test_the_best_overlaps_are_paired_first_and_images_apart() -> None:
    left = truths((1, (0, 0, 10, 10)), (1, (2, 0, 10, 10)), (2, (0, 0, 10, 10)), (3, (0, 0, 5, 5)))
    right = truths((2, (0, 0, 10, 10)), (1, (2, 0, 10, 10)), (1, (60, 0, 10, 10)))
    found = paired(left, right)
    # The second lies exactly on it: the first, which overlaps it by two thirds, is left over.
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(1, 1), (2, 0)]
    assert found.overlap.tolist() == [1, 1]
    assert (found.only_left.tolist(), found.only_right.tolist()) == ([0, 3], [2])
    assert len(paired(left, truths()).left) == 0
    with pytest.raises(Invalid, match="matches nothing or everything"):
        paired(left, right, iou=0)


def test_f1() -> None:
    assert (f1(2, 4, 3), f1(0, 1, 0)) == (4 / 7, 0)
    assert math.isnan(f1(0, 0, 0))
