"""DAVIS's J and F against a reference that dilates whole images, and its numbers over time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import distance_transform_edt

import evalnb as ev
from evalnb.core.distances import squared_distances
from evalnb.core.metrics.video import over_time
from evalnb.errors import EvalnbError, Invalid

EXACT = 1e-12


def blobs(random: np.random.Generator, shape: tuple[int, int], objects: int) -> np.ndarray:
    out = np.zeros(shape, np.uint8)
    for one in range(1, objects + 1):
        x, y = random.integers(-10, shape[1]), random.integers(-10, shape[0])
        size = random.integers(3, 40, 2)
        cv2.ellipse(out, (int(x), int(y)), (int(size[0]), int(size[1])), 0, 0, 360, one, -1)
        out[0, one] = one
    return out


def sequences(seed: int, many: int = 3, frames: int = 6):
    random = np.random.default_rng(seed)
    truth, predicted = {}, {}
    for at in range(many):
        shape = tuple(random.integers(40, 160, 2).tolist())
        true = [blobs(random, shape, 2) for _ in range(frames)]
        found = []
        for one in true:
            guess = np.roll(one, random.integers(-3, 4, 2), axis=(0, 1))
            guess[guess == random.integers(0, 6)] = 0
            found.append(guess)
            one[random.random(shape) < 0.02] = 255
        true[0][0, 1:3] = [1, 2]
        truth[f"s{at}"], predicted[f"s{at}"] = true, found
    return truth, predicted


def reference(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """J and F of two masks as the paper and DAVIS's tool say, on the whole image."""
    union = np.sum(truth | predicted)
    j = np.sum(truth & predicted) / union if union else 1.0

    def edge(mask):
        padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
        here = padded[:-1, :-1]
        return (here != padded[:-1, 1:]) | (here != padded[1:, :-1]) | (here != padded[1:, 1:])

    reach = int(np.ceil(0.008 * np.hypot(*truth.shape)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (x * x + y * y <= reach * reach).astype(np.uint8)
    mine, theirs = edge(truth), edge(predicted)
    if not mine.any() or not theirs.any():
        return j, float(not mine.any() and not theirs.any())
    near_mine, near_theirs = (cv2.dilate(one.astype(np.uint8), disk) > 0 for one in (mine, theirs))
    precision = (theirs & near_mine).sum() / theirs.sum()
    recall = (mine & near_theirs).sum() / mine.sum()
    return j, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@given(st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_every_frame_equals_the_reference(seed: int) -> None:
    truth, predicted = sequences(seed, many=1, frames=4)
    one = ev.evaluate_video(truth, predicted, skip_ends=False)
    for row in one.per_frame().itertuples():
        true, found = truth[row.sequence][row.frame], predicted[row.sequence][row.frame]
        keep = true != 255
        expected = reference((true == row.object) & keep, (found == row.object) & keep)
        j, f = row.J, row.F
        assert (j, f) == pytest.approx(expected, abs=EXACT)


@given(st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_distances_are_exact(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random(random.integers(1, 50, 2)) < random.choice([0.1, 0.5, 0.9, 0.995])
    found = squared_distances(mask)
    if mask.all():
        assert found.min() >= sum(mask.shape) ** 2
    else:
        np.testing.assert_array_equal(found, np.rint(distance_transform_edt(mask) ** 2))


def test_a_border_or_an_empty_mask_is_no_special_case() -> None:
    shape = (30, 50)
    full, empty, edge = np.ones(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    edge[20:, 30:] = True
    for true in (full, empty, edge, edge[::-1, ::-1]):
        for found in (full, empty, edge, edge[::-1, ::-1], np.roll(edge, -1, axis=1)):
            start = np.ones(shape, np.uint8)
            one = ev.evaluate_video({"s": [start, true, start]}, {"s": [start, found, start]})
            assert one.per_frame()[["J", "F"]].to_numpy()[0] == pytest.approx(reference(true, found), abs=EXACT)


def test_numbers_are_means_over_objects() -> None:
    truth, predicted = sequences(1)
    one = ev.evaluate_video(truth, predicted)
    table = one.per_object()
    assert len(one) == len(table) == 6
    assert table["frames"].tolist() == [4] * 6
    numbers = one.summary()
    for name in ("J&F", "J_mean", "J_recall", "J_decay", "F_mean", "F_recall", "F_decay"):
        assert numbers[name] == pytest.approx(table[name].mean(), abs=EXACT)
    assert numbers["J&F"] == pytest.approx((numbers["J_mean"] + numbers["F_mean"]) / 2, abs=EXACT)
    part = one.where(sequences=["s1"])
    assert part.summary() == ev.evaluate_video({"s1": truth["s1"]}, predicted).summary()


def test_decay_compares_the_first_quarter_with_the_last() -> None:
    # Nine frames: quarters of three that share their border frames, as DAVIS cuts them.
    values = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    one = over_time(values)
    assert one.decay == pytest.approx(0.9 - 0.3)
    assert one.recall == pytest.approx(5 / 9)
    assert one.mean == pytest.approx(0.6)
    assert over_time(np.linspace(1, 0, 1001)).decay == pytest.approx(0.75)
    assert over_time(np.array([0.4])).decay == 0


def test_folders_give_what_arrays_give(tmp_path: Path) -> None:
    truth, predicted = sequences(2)
    for side, content in (("truth", truth), ("found", predicted)):
        for name, frames in content.items():
            (tmp_path / side / name).mkdir(parents=True)
            for at, one in enumerate(frames):
                image = Image.fromarray(one)
                image.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
                image.save(tmp_path / side / name / f"{at:05}.png")
    one = ev.evaluate_video(tmp_path / "truth", tmp_path / "found")
    assert one.summary() == ev.evaluate_video(truth, predicted).summary()
    assert one.per_frame()["frame"].tolist()[:4] == ["00001", "00002", "00003", "00004"]
    (tmp_path / "found" / "s1" / "00005.png").unlink()
    assert ev.evaluate_video(tmp_path / "truth", tmp_path / "found").summary() == one.summary()
    (tmp_path / "found" / "s1" / "00003.png").unlink()
    with pytest.raises(EvalnbError, match=r"nothing for 00003\.png"):
        ev.evaluate_video(tmp_path / "truth", tmp_path / "found")
    with pytest.raises(EvalnbError, match="holds no sequences"):
        ev.evaluate_video(tmp_path / "truth" / "s0", tmp_path / "found")


def test_the_interval_redraws_sequences() -> None:
    one = ev.evaluate_video(*sequences(4, many=5, frames=4))
    interval = one.interval("J_mean", replicates=300, seed=3)
    by_sequence = one.per_object().groupby("sequence")["J_mean"].mean().loc[[f"s{at}" for at in range(5)]].to_numpy()
    weights = np.random.default_rng(3).multinomial(5, np.full(5, 0.2), size=300)
    expected = np.quantile(weights @ by_sequence / 5, [0.025, 0.975])
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-9)


def test_it_shows_itself() -> None:
    one = ev.evaluate_video(*sequences(4))
    assert "3 sequences · 6 objects · 24 masks" in repr(one)
    assert "J&amp;F" in one._repr_html_()
    assert np.isnan(one.where(sequences=[]).summary()["J&F"])


A = np.ones((4, 5), np.uint8)


@pytest.mark.parametrize(
    ("truth", "predicted", "words"),
    [
        ({"a": [A] * 3}, {}, "no prediction of sequence 'a'"),
        ({"a": [A] * 3}, {"a": [A] * 2}, "sequence 'a': predicted ends after 2"),
        ({"a": [A] * 2}, {"a": [A] * 2}, "'a' has too few frames"),
        ({"a": []}, {"a": []}, "'a' has no frames"),
        ({"a": [A * 0] * 3}, {"a": [A] * 3}, "first frame of sequence 'a' shows no object"),
        ({"a": [A] * 3}, {"a": [A * 7] * 3}, "frame 1 predicts object 7"),
        ({"a": [A] * 3}, {"a": [A.T] * 3}, r"frame 1: the truth has shape \(4, 5\)"),
        ({"a": [A] * 3}, {"a": [A / 2] * 3}, "frame 1: the prediction is float64"),
        ({"a": [A]}, {"a": "frames"}, "its frames are str"),
        ({"a": "/no/frames"}, {"a": [A]}, "is no folder to read"),
        ({"a": 5}, {"a": [A]}, "its frames are int"),
        ([A], [A], "truth is list"),
        ("/no/such/folder", "/neither", "are not two folders"),
    ],
)
def test_bad_input_is_named(truth, predicted, words: str) -> None:
    with pytest.raises(EvalnbError, match=words):
        ev.evaluate_video(truth, predicted)


def test_bad_questions_are_named() -> None:
    one = ev.evaluate_video(*sequences(4))
    with pytest.raises(EvalnbError, match="no sequence is called 'x'"):
        one.where(sequences=["x"])
    with pytest.raises(Invalid, match="no number 'J'"):
        one.interval("J")
