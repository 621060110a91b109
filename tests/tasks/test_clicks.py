"""NoC by the standard protocol, against a reference over OpenCV's distances; the segmenters really answer."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import evalnb as ev
from evalnb.core import masks
from evalnb.core.metrics import clicks as core
from evalnb.errors import EvalnbError, Invalid

SHAPE = (40, 60)


class Painter:
    """A segmenter that knows no image: a disk of some radius around each click, in or out, the last one on top."""

    def __init__(self, radius: float = 9) -> None:
        self.radius = radius
        self.encodings: list[str] = []
        self.shape = (0, 0)
        self.asked: list[tuple[np.ndarray, np.ndarray]] = []

    @property
    def name(self) -> str:
        return "painter"

    def encode(self, key: str, image: np.ndarray) -> None:
        self.encodings.append(key)
        self.shape = image.shape[:2]

    def encoded(self, key: str) -> bool:
        return bool(self.encodings) and self.encodings[-1] == key

    def segment(self, key, *, points, labels, box=None):
        self.asked.append((points.copy(), labels.copy()))
        y, x = np.mgrid[: self.shape[0], : self.shape[1]]
        out = np.zeros(self.shape, bool)
        for (left, top), label in zip(points, labels, strict=True):
            out[(x + 0.5 - left) ** 2 + (y + 0.5 - top) ** 2 <= self.radius**2] = bool(label)
        return out, 1.0


def sample(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, np.uint8)
    for _ in range(3):
        x, y = random.integers(0, SHAPE[1]), random.integers(0, SHAPE[0])
        cv2.ellipse(
            mask, (int(x), int(y)), (int(random.integers(3, 20)), int(random.integers(3, 14))), 0, 0, 360, 1, -1
        )
    return random.integers(0, 256, (*SHAPE, 3)).astype(np.uint8), mask


def reference(truth: np.ndarray, counts: np.ndarray, painter: Painter, target: float, most: int) -> list[float]:
    """The protocol over the whole image: a border of zeros, OpenCV's exact distances, the first of the farthest."""
    predicted, free = np.zeros_like(truth), np.ones(truth.shape)
    points, labels, ious = [], [], []
    while len(ious) < most and (not ious or ious[-1] < target):
        distance = []
        for error in (truth & ~predicted & counts, predicted & ~truth & counts):
            padded = np.pad(error.astype(np.uint8), 1)
            distance.append(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1] * free)
        positive = distance[0].max() > distance[1].max()
        chosen = distance[0] if positive else distance[1]
        y, x = (int(one[0]) for one in np.nonzero(chosen == chosen.max()))
        free[y, x] = 0
        points.append((x + 0.5, y + 0.5))
        labels.append(int(positive))
        predicted, _ = painter.segment("", points=np.array(points), labels=np.array(labels))
        union = ((truth | predicted) & counts).sum()
        ious.append((truth & predicted & counts).sum() / union)
    return ious


@given(st.integers(0, 2**31), st.floats(4, 14))
@settings(max_examples=25, deadline=None)
def test_clicks_equal_the_protocols(seed: int, radius: float) -> None:
    image, mask = sample(seed)
    if seed % 2:
        mask[np.random.default_rng(seed).random(SHAPE) < 0.05] = 255
    counts = mask != 255
    if not ((mask == 1) & counts).any():
        mask[5, 5] = 1
        counts = mask != 255
    mine, theirs = Painter(radius), Painter(radius)
    theirs.encode("", image)
    one = ev.evaluate_clicks([(image, mask)], mine, ignore=255)
    expected = reference((mask != 0) & counts, counts, theirs, 0.9, 20)
    assert one.used[0] == len(expected)
    assert one.ious[0, : len(expected)] == pytest.approx(expected, abs=1e-12)
    for (points, labels), (their_points, their_labels) in zip(mine.asked, theirs.asked, strict=True):
        np.testing.assert_array_equal(points, their_points)
        np.testing.assert_array_equal(labels, their_labels)


def test_numbers_of_a_curve_worked_by_hand() -> None:
    ious = np.array([[0.5, 0.86, 0.91, 0.91], [0.2, 0.3, 0.4, 0.5], [0.95, 0.95, 0.95, 0.95]])
    needed, reached = core.clicks_needed(ious, 0.85)
    assert needed.tolist() == [2, 4, 1]
    assert reached.tolist() == [True, False, True]
    from evalnb.runs.tasks.clicks import Clicks

    one = Clicks(ious=ious, used=np.array([3, 4, 1]), thresholds=(0.85, 0.9), segmenter="by hand")
    numbers = one.summary()
    assert numbers["NoC@85"] == pytest.approx(7 / 3)
    assert numbers["NoC@90"] == pytest.approx(8 / 3)
    assert (numbers["NoF@85"], numbers["NoF@90"]) == (1, 1)
    assert numbers["mIoU@1"] == pytest.approx(0.55)
    assert one.curve()["mIoU"].tolist() == pytest.approx(ious.mean(axis=0).tolist())
    assert one.per_sample()["sample"].tolist() == [1, 0, 2]
    assert one.where(samples=[0, 2]).summary()["NoF@85"] == 0
    interval = one.interval("NoC@85", replicates=500)
    assert interval.low < 7 / 3 < interval.high


def test_the_first_click_is_the_middle_of_the_object() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[10:21, 20:31] = True
    painter = Painter(5)
    ev.evaluate_clicks([(np.zeros((*SHAPE, 3), np.uint8), mask)], painter, max_clicks=1)
    points, labels = painter.asked[0]
    assert points.tolist() == [[25.5, 15.5]]
    assert labels.tolist() == [1]


def test_a_perfect_mask_ends_the_clicking() -> None:
    class Oracle(Painter):
        def segment(self, key, *, points, labels, box=None):
            self.asked.append((points, labels))
            return mask.astype(bool), 1.0

    image, mask = sample(3)
    oracle = Oracle()
    one = ev.evaluate_clicks([(image, mask)], oracle, target_iou=1)
    assert len(oracle.asked) == one.used[0] == 1
    assert one.summary()["NoC@90"] == 1
    assert core.next_click(mask > 0, mask > 0, mask >= 0, mask < 0) is None


def test_every_source_gives_the_same_and_an_image_is_encoded_once(tmp_path: Path) -> None:
    image, mask = sample(8)
    Image.fromarray(image).save(tmp_path / "image.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    painter = Painter()
    samples = [
        (image, mask),
        (tmp_path / "image.png", tmp_path / "mask.png"),
        (out.getvalue(), masks.encode(mask)),
        (str(tmp_path / "image.png"), mask.astype(bool)),
    ]
    one = ev.evaluate_clicks(iter(samples), painter)
    assert len(painter.encodings) == 1
    assert len(np.unique(one.ious, axis=0)) == 1


def test_the_curve_goes_on_to_a_target_of_its_own() -> None:
    samples = [sample(seed) for seed in range(3)]
    short = ev.evaluate_clicks(samples, Painter(6), thresholds=[0.5], max_clicks=12)
    long = ev.evaluate_clicks(samples, Painter(6), thresholds=[0.5], max_clicks=12, target_iou=1)
    assert (short.used <= long.used).all() and short.used.sum() < long.used.sum()
    assert short.summary()["NoC@50"] == long.summary()["NoC@50"]


def test_it_shows_itself() -> None:
    one = ev.evaluate_clicks([sample(1), sample(2)], Painter(), max_clicks=6)
    assert "painter · 2 objects · at most 6 clicks" in repr(one)
    assert "NoC@85" in one._repr_html_() and "polyline" in one._repr_html_()
    nothing = one.where(samples=[])
    assert np.isnan(nothing.summary()["NoC@85"])


IMAGE, MASK = sample(1)


@pytest.mark.parametrize(
    ("samples", "options", "words"),
    [
        ([(IMAGE, MASK), (IMAGE, MASK[:-1])], {}, "sample 1: the image is"),
        ([(IMAGE, MASK * 0)], {}, "sample 0: the mask is empty"),
        ([(IMAGE[:, :, 0], MASK)], {}, r"sample 0: the image is uint8 of shape \(40, 60\)"),
        ([(IMAGE, MASK / 2)], {}, "sample 0: the mask is float64"),
        ([("/no/such.png", MASK)], {}, "cannot be read"),
        ([(IMAGE, "/no/such.png")], {}, "cannot be read"),
        ([], {"thresholds": [85]}, "an IoU of 85"),
        ([], {"thresholds": []}, r"thresholds are \[\]"),
        ([], {"max_clicks": 0}, "max_clicks is 0"),
        ([], {"target_iou": 2}, "an IoU of 2"),
    ],
)
def test_bad_input_is_named(samples, options, words: str) -> None:
    with pytest.raises(EvalnbError, match=words):
        ev.evaluate_clicks(samples, Painter(), **options)


def test_bad_answers_and_questions_are_named() -> None:
    class Small(Painter):
        def segment(self, key, *, points, labels, box=None):
            return np.zeros((2, 2), bool), 1.0

    with pytest.raises(Invalid, match=r"painter returns a mask of shape \(2, 2\)"):
        ev.evaluate_clicks([(IMAGE, MASK)], Small())
    with pytest.raises(Invalid, match="no number 'NoC'"):
        ev.evaluate_clicks([(IMAGE, MASK)], Painter()).interval("NoC")
