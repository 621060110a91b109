"""Classification's numbers equal scikit-learn's and torchmetrics'."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

import evalnb as ev
from evalnb.errors import Invalid, NotFound

EXACT = 1e-9


def problem(seed: int, samples: int = 200, classes: int = 6, *, ties: bool = False):
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, samples)
    logits = random.normal(size=(samples, classes)) + 1.5 * np.eye(classes)[truth]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, np.round(scores, 1) if ties else scores


@given(st.integers(0, 2**31), st.integers(2, 9), st.integers(1, 150))
@settings(max_examples=40, deadline=None)
def test_rates_equal_scikit_learns(seed: int, classes: int, samples: int) -> None:
    truth, scores = problem(seed, samples, classes)
    predicted = scores.argmax(axis=1)
    one = ev.evaluate_classification(truth, predicted, [f"c{i}" for i in range(classes)])
    numbers = one.summary()
    assert numbers["accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted), abs=EXACT)
    for average in ("macro", "micro", "weighted"):
        theirs = sk.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "F1"), theirs, strict=False):
            assert numbers[f"{name}_{average}"] == pytest.approx(value, abs=EXACT), (name, average)
    theirs = sk.precision_recall_fscore_support(truth, predicted, labels=range(classes), zero_division=0)
    table = one.per_class()
    for column, values in zip(("precision", "recall", "F1", "truths"), theirs, strict=True):
        assert table[column].to_numpy() == pytest.approx(values, abs=EXACT)
    np.testing.assert_array_equal(one.confusion(), sk.confusion_matrix(truth, predicted, labels=range(classes)))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_ranking_numbers_equal_scikit_learns(seed: int, ties: bool) -> None:
    truth, scores = problem(seed, ties=ties)
    one = ev.evaluate_classification(truth, scores)
    table = one.per_class()
    for i in range(6):
        assert table["AUC"][i] == pytest.approx(sk.roc_auc_score(truth == i, scores[:, i]), abs=EXACT)
        assert table["AP"][i] == pytest.approx(sk.average_precision_score(truth == i, scores[:, i]), abs=EXACT)
        fpr, tpr, threshold = sk.roc_curve(truth == i, scores[:, i], drop_intermediate=False)
        np.testing.assert_allclose(one.roc(str(i)).to_numpy().T, [threshold, fpr, tpr], atol=EXACT)
        precision, recall, threshold = sk.precision_recall_curve(truth == i, scores[:, i])
        mine = one.precision_recall(str(i)).iloc[::-1]
        np.testing.assert_allclose(mine["threshold"], threshold, atol=EXACT)
        np.testing.assert_allclose(
            mine[["precision", "recall"]].to_numpy().T, [precision[:-1], recall[:-1]], atol=EXACT
        )
    numbers = one.summary()
    if not ties:
        theirs = sk.roc_auc_score(truth, scores, multi_class="ovr")
        assert numbers["AUC_macro"] == pytest.approx(theirs, abs=EXACT)
        for k in (1, 2, 5):
            assert one.top_k(k) == pytest.approx(
                sk.top_k_accuracy_score(truth, scores, k=k, labels=range(6)), abs=EXACT
            )
        assert numbers["top5"] == one.top_k(5)
    assert one.top_k(1) == numbers["accuracy"]


@pytest.mark.parametrize("seed", range(4))
def test_calibration_equals_its_definition(seed: int) -> None:
    truth, scores = problem(seed, samples=500)
    one = ev.evaluate_classification(truth, scores)
    confidence, right = scores.max(axis=1), (scores.argmax(axis=1) == truth).astype(float)
    gaps = []
    for low in np.linspace(0, 1, 16)[:-1]:
        inside = (confidence >= low) & (confidence < low + 1 / 15)
        gaps.append((inside.sum(), abs(right[inside].sum() - confidence[inside].sum())))
    numbers = one.summary()
    assert numbers["ECE"] == pytest.approx(sum(gap for _, gap in gaps) / 500, abs=EXACT)
    assert numbers["MCE"] == pytest.approx(max(gap / many for many, gap in gaps if many), abs=EXACT)
    assert numbers["Brier"] == pytest.approx(sk.brier_score_loss(truth, scores), abs=EXACT)
    assert one.reliability(bins=10)["count"].sum() == 500


def test_two_classes_take_one_probability() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 300)
    second = np.clip(0.3 * truth + 0.7 * random.random(300), 0, 1)
    one = ev.evaluate_classification(truth, second, ["cat", "dog"])
    numbers = one.summary()
    assert numbers["AUC_macro"] == pytest.approx(sk.roc_auc_score(truth, second), abs=EXACT)
    assert numbers["Brier"] == pytest.approx(sk.brier_score_loss(truth, second), abs=EXACT)
    assert numbers["accuracy"] == pytest.approx(sk.accuracy_score(truth, second > 0.5), abs=EXACT)
    assert "top5" not in numbers


def test_names_and_numbers_are_the_same_labels() -> None:
    named = ev.evaluate_classification(["cat", "dog", "dog"], ["cat", "dog", "cat"])
    numbered = ev.evaluate_classification([0, 1, 1], [0, 1, 0], ["cat", "dog"])
    assert named.class_names == numbered.class_names == ("cat", "dog")
    assert named.summary() == numbered.summary()
    assert named.confusion(normalize="truth").loc["dog", "cat"] == 0.5


def test_a_slice_is_an_evaluation_of_its_samples() -> None:
    truth, scores = problem(3)
    whole = ev.evaluate_classification(truth, scores)
    keep = truth < 3
    apart = ev.evaluate_classification(truth[keep], scores[keep])
    assert whole.where(samples=keep).summary() == apart.summary()
    assert whole.where(samples=np.flatnonzero(keep)).summary() == apart.summary()


@pytest.mark.parametrize("name", ["F1_macro", "AUC_macro"])
def test_the_interval_has_the_bootstraps_width(name: str) -> None:
    truth, scores = problem(5, samples=150)
    one = ev.evaluate_classification(truth, scores)
    interval = one.interval(name, replicates=200, seed=1)
    random = np.random.default_rng(7)
    draws = [one.where(samples=random.integers(0, 150, 150)).summary()[name] for _ in range(200)]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert interval.low < interval.value < interval.high
    assert interval.high - interval.low == pytest.approx(high - low, rel=0.3)
    assert interval == one.interval(name, replicates=200, seed=1)
    assert "at 95%" in repr(interval)


def test_any_number_has_an_interval() -> None:
    one = ev.evaluate_classification(*problem(5, samples=80))
    by_name = one.interval("ECE", replicates=50, seed=3)
    by_function = one.interval(lambda part: part.summary()["ECE"], replicates=50, seed=3)
    assert (by_function.low, by_function.value, by_function.high) == (by_name.low, by_name.value, by_name.high)
    top = one.interval(lambda part: part.top_k(2), replicates=50)
    assert top.low < top.value == one.top_k(2) < top.high


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    truth, scores = problem(0)
    one = ev.evaluate_classification(truth, np.log(scores))
    assert "ECE" not in one.summary()
    assert one.summary()["accuracy"] == ev.evaluate_classification(truth, scores).summary()["accuracy"]
    with pytest.raises(Invalid, match="softmax"):
        one.reliability()


def test_it_shows_itself() -> None:
    one = ev.evaluate_classification(*problem(0), [*"abcde", "<f>"])
    assert "200 samples · 6 classes" in repr(one)
    html = one._repr_html_()
    assert "&lt;f&gt;" in html and "<f>" not in html and "accuracy" in html


@pytest.mark.parametrize(
    ("truth", "given_", "names", "words"),
    [
        ([0, 1], [[0.5, 0.5]], None, "2 truths and 1 predictions"),
        ([0, 7], [0, 1], ["a", "b"], r"truth\[1\] is class 7"),
        ([0, 1], [0, -1], ["a", "b"], r"scores_or_labels\[1\] is class -1"),
        (["a", "x"], ["a", "b"], ["a", "b"], r"truth\[1\] is 'x'"),
        ([0, 1], [[0.5, 0.5], [np.nan, 1]], None, "sample 1 for class 0 is nan"),
        ([0, 1], [0.5, 1.5], None, "sample 1 is 1.5"),
        ([0, 1], [[0.5, 0.5], [0.5, 0.5]], ["a"], "2 columns and there are 1"),
        ([0, 1], [0, 1], ["a", "a"], "two classes are called 'a'"),
        ([0, 1], [0, 1], "ab", "one word"),
        (3, [0, 1], None, "truth is one value"),
        ([[0], [1]], [0, 1], None, r"shape \(2, 1\)"),
        ([0.5, 1.0], [0, 1], None, "truth holds float64"),
    ],
)
def test_bad_input_is_named(truth, given_, names, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        ev.evaluate_classification(truth, given_, names)


def test_bad_questions_are_named() -> None:
    one = ev.evaluate_classification([0, 1], [[0.9, 0.1], [0.2, 0.8]])
    for ask, words in (
        (lambda: one.top_k(3), "top 3 of 2"),
        (lambda: one.interval("mAP"), "no number 'mAP'"),
        (lambda: one.interval("accuracy", level=95), "level of 95"),
        (lambda: one.where(samples=[5]), "no number 5 among 2 samples"),
        (lambda: one.where(samples=np.array([True])), "mask has shape"),
        (lambda: one.confusion(normalize="rows"), "'rows'"),
        (lambda: ev.evaluate_classification([0], [0]).roc("0"), "labels alone"),
    ):
        with pytest.raises(Invalid, match=words):
            ask()
    with pytest.raises(NotFound, match="no class 'cat'"):
        one.roc("cat")


def test_no_samples_have_no_numbers() -> None:
    nothing = ev.evaluate_classification([0, 1], [[0.9, 0.1], [0.2, 0.8]]).where(samples=[])
    assert all(np.isnan(value) for value in nothing.summary().values())
    assert np.isnan(nothing.interval("accuracy", replicates=10).low)
