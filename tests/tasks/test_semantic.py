"""Semantic segmentation's numbers equal scikit-learn's, whole and on every slice."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn import metrics as sk

import evalnb as ev
from evalnb.errors import EvalnbError, Invalid, NotFound
from evalnb.imagery import decode_labels

EXACT = 1e-9
NAMES = ["road", "sky", "car", "tree"]


def problem(seed: int, images: int = 5, classes: int = 4, *, void: bool = True):
    random = np.random.default_rng(seed)
    truths, predictions = [], []
    for _ in range(images):
        shape = tuple(random.integers(3, 24, 2))
        truth = random.integers(0, classes, shape).astype(np.uint8)
        predicted = np.where(random.random(shape) < 0.6, truth, random.integers(0, classes, shape)).astype(np.uint8)
        if void:
            truth[random.random(shape) < 0.1] = 255
        truths.append(truth)
        predictions.append(predicted)
    return truths, predictions


def flat(truths, predictions):
    truth = np.concatenate([one.ravel() for one in truths])
    predicted = np.concatenate([one.ravel() for one in predictions])
    return truth[truth != 255], predicted[truth != 255]


def assert_equal(one, truths, predictions) -> None:
    truth, predicted = flat(truths, predictions)
    matrix = sk.confusion_matrix(truth, predicted, labels=range(4))
    np.testing.assert_array_equal(one.confusion().to_numpy()[:, :4], matrix)
    present = np.union1d(truth, predicted)
    numbers = one.summary()
    iou = sk.jaccard_score(truth, predicted, labels=present, average=None)
    assert numbers["mIoU"] == pytest.approx(iou.mean(), abs=EXACT)
    assert numbers["fwIoU"] == pytest.approx(sk.jaccard_score(truth, predicted, average="weighted"), abs=EXACT)
    assert numbers["pixel_accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted), abs=EXACT)
    assert numbers["mean_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, predicted), abs=EXACT)
    assert numbers["Dice"] == pytest.approx(sk.f1_score(truth, predicted, labels=present, average="macro"), abs=EXACT)
    assert one.per_class()["IoU"][present].to_numpy() == pytest.approx(iou, abs=EXACT)


@given(st.integers(0, 2**31), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_numbers_equal_scikit_learns_on_every_slice(seed: int, images: int) -> None:
    truths, predictions = problem(seed, images)
    one = ev.evaluate_semantic(truths, predictions, NAMES)
    assert_equal(one, truths, predictions)
    keep = [0, *range(2, images, 2)]
    part = one.where(images=keep)
    assert_equal(part, [truths[at] for at in keep], [predictions[at] for at in keep])
    assert part.where(images=[0]).summary() == one.where(images=[0]).summary()
    assert len(part) == len(keep)


@pytest.mark.parametrize("kind", ["arrays", "generators", "paths", "folders", "bytes", "int64"])
def test_every_source_gives_the_same(kind: str, tmp_path: Path) -> None:
    truths, predictions = problem(3)
    expected = ev.evaluate_semantic(truths, predictions, NAMES).summary()
    sides = []
    for side, maps in (("truth", truths), ("predicted", predictions)):
        (tmp_path / side).mkdir()
        paths = []
        for at, one in enumerate(maps):
            image = Image.fromarray(one)
            if side == "truth":
                # A palette's colours are nobody's labels.
                image.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
            paths.append(tmp_path / side / f"{at:03}.png")
            image.save(paths[-1])
        sides.append(
            {
                "arrays": maps,
                "generators": (one for one in maps),
                "paths": paths,
                "folders": tmp_path / side,
                "bytes": [path.read_bytes() for path in paths],
                "int64": [one.astype(np.int64) for one in maps],
            }[kind]
        )
    one = ev.evaluate_semantic(*sides, NAMES)
    assert one.summary() == expected
    named = ["000", "001", "002", "003", "004"] if kind in ("paths", "folders") else [0, 1, 2, 3, 4]
    assert list(one.image_names) == named
    assert (
        one.where(images=named[1:3]).summary()
        == one.where(images=np.arange(5) % 3 > 0).where(images=named[1:3]).summary()
    )


def test_numbers_may_be_large_or_negative_and_the_ignored_a_miss() -> None:
    truth = np.array([[-1, 1000, 1000], [7, 7, 70000]])
    predicted = np.array([[7, 1000, -1], [7, 1000, 70000]])
    one = ev.evaluate_semantic([truth], [predicted], {7: "a", 1000: "b", 70000: "c"}, ignore=-1)
    assert one.confusion().to_numpy().tolist() == [[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    assert one.summary()["pixel_accuracy"] == pytest.approx(3 / 5)
    small = np.array([[0, 1]], np.uint8), np.array([[0, 300]])
    mixed = ev.evaluate_semantic([small[0]], [small[1]], {0: "a", 1: "b", 300: "c"})
    assert mixed.confusion().to_numpy()[1].tolist() == [0, 0, 1, 0]


def test_the_worst_image_comes_first() -> None:
    good, bad = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    one = ev.evaluate_semantic([good, good], [good, bad], NAMES, images=["fine", "poor"])
    assert one.per_image()["image"].tolist() == ["poor", "fine"]
    assert one.per_image()["mIoU"].tolist() == [0, 1]


def test_the_interval_equals_redrawing_images() -> None:
    truths, predictions = problem(11, images=12)
    one = ev.evaluate_semantic(truths, predictions, NAMES)
    interval = one.interval("mIoU", replicates=150, seed=2)
    random = np.random.default_rng(2)
    draws = []
    for row in random.multinomial(12, np.full(12, 1 / 12), size=150):
        again = np.repeat(np.arange(12), row)
        drawn = ev.evaluate_semantic([truths[at] for at in again], [predictions[at] for at in again], NAMES)
        draws.append(drawn.summary()["mIoU"])
    assert (interval.low, interval.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=EXACT)
    assert interval.low < interval.value < interval.high


def test_a_set_of_many_images_is_sliced_at_once() -> None:
    truths, predictions = problem(0, images=200)
    one = ev.evaluate_semantic(iter(truths), iter(predictions), NAMES)
    keep = np.arange(200) % 2 == 0
    assert one.where(images=keep).confusion().to_numpy().sum() == sum((t != 255).sum() for t in truths[::2])


def test_it_shows_itself() -> None:
    one = ev.evaluate_semantic(*problem(0), ["<b>", "sky", "car", "tree"])
    assert "5 images · 4 classes" in repr(one)
    assert "&lt;b&gt;" in one._repr_html_() and "mIoU" in one._repr_html_()
    assert one.confusion(normalize=True).sum(axis=1).to_numpy() == pytest.approx(1)


def test_labels_are_decoded_as_stored(tmp_path: Path) -> None:
    def written(pixels: np.ndarray, ending: str, **options) -> bytes:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, ending, **options)
        return out.getvalue()

    deep = np.array([[0, 4095], [300, 65535]], np.uint16)
    np.testing.assert_array_equal(decode_labels(written(deep, "PNG")), deep)
    np.testing.assert_array_equal(decode_labels(written(np.array([[True, False]]), "PNG")), [[1, 0]])
    colour = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(decode_labels(written(colour, "PNG")), colour)
    with pytest.raises(Invalid, match="does not keep labels"):
        decode_labels(written(colour, "JPEG"))
    with pytest.raises(Invalid, match="F pixels"):
        decode_labels(written(np.zeros((2, 2), np.float32), "TIFF"))
    with pytest.raises(Invalid, match="damaged"):
        decode_labels(written(np.arange(4096, dtype=np.uint16).reshape(64, 64), "PNG")[:-60])


A = np.zeros((2, 3), np.uint8)


@pytest.mark.parametrize(
    ("truth", "predicted", "options", "words"),
    [
        ([A], [A.T], {}, r"image 0: the truth has shape \(2, 3\)"),
        ([A], [A + 9], {}, "image 0: the prediction has pixels of 9"),
        ([A + 9], [A], {}, "image 0: the truth has pixels of 9"),
        ([A.astype(float)], [A], {}, "holds float64"),
        ([A, A], [A], {}, "predicted ends after 1 images"),
        ([A], [A, A], {}, "truth ends after 1 images"),
        ([A, A], [A, A], {"images": ["x"]}, "1 names and more images"),
        ([A], [A], {"images": ["x", "y"]}, "2 names and 1 images"),
        ([A, A], [A, A], {"images": ["x", "x"]}, "two images are called 'x'"),
        ([A[:0]], [A[:0]], {}, "no pixels"),
        (5, [A], {}, "truth is int"),
        (["no/such.png"], [A], {}, "cannot be read"),
        ([b"GIF"], [A], {}, "not an image"),
    ],
)
def test_bad_input_is_named(truth, predicted, options, words: str) -> None:
    with pytest.raises(EvalnbError, match=words):
        ev.evaluate_semantic(truth, predicted, NAMES, **options)


def test_bad_folders_and_questions_are_named(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "predicted").mkdir()
    with pytest.raises(NotFound, match="no label maps"):
        ev.evaluate_semantic(tmp_path / "truth", tmp_path / "predicted", NAMES)
    Image.fromarray(A).save(tmp_path / "truth" / "a.png")
    with pytest.raises(NotFound, match=r"nothing for a\.png"):
        ev.evaluate_semantic(tmp_path / "truth", tmp_path / "predicted", NAMES)
    with pytest.raises(NotFound, match="is no folder"):
        ev.evaluate_semantic(tmp_path / "truth", [A], NAMES)
    with pytest.raises(Invalid, match="class_names is empty"):
        ev.evaluate_semantic([A], [A], [])
    one = ev.evaluate_semantic([A], [A], NAMES)
    with pytest.raises(NotFound, match="no image is called 'b'"):
        one.where(images=["b"])
    with pytest.raises(Invalid, match="no number 'IoU'"):
        one.interval("IoU")
    with pytest.raises(Invalid, match="mask has shape"):
        one.where(images=np.array([True, False]))
    assert np.isnan(one.where(images=[]).summary()["mIoU"])
    assert np.isnan(one.where(images=[]).interval("mIoU").low)
