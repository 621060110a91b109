"""One label for each sample: rates, curves over scores, calibration.

Classes are numbers 0 … k − 1, truths (n,) and predictions (n,) such numbers, scores (n, k).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Floats, Ints

BINS = 15
"""Confidence bins of a calibration, as in Guo et al. 2017."""


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """(k,) what the predictions of each class are worth."""

    hits: Ints
    truths: Ints
    predictions: Ints

    @property
    def precision(self) -> Floats:
        """0 where the class is never predicted."""
        return ratio(self.hits, self.predictions)

    @property
    def recall(self) -> Floats:
        """0 where the class never occurs."""
        return ratio(self.hits, self.truths)

    @property
    def f1(self) -> Floats:
        """The harmonic mean of the two; 0 where the class neither occurs nor is predicted."""
        return ratio(2 * self.hits, self.truths + self.predictions)

    @property
    def accuracy(self) -> float:
        """The part of all samples that is right; also micro precision, recall and F1. NaN without samples."""
        return float(self.hits.sum() / self.truths.sum()) if self.truths.sum() else float("nan")

    def macro(self, values: Floats) -> float:
        """The plain mean over the classes that occur or are predicted (as scikit-learn and torchmetrics average)."""
        some = self.truths + self.predictions > 0
        return float(values[some].mean()) if some.any() else float("nan")

    def weighted(self, values: Floats) -> float:
        """The mean over classes, each weighted by how often it occurs."""
        return float(values @ self.truths / self.truths.sum()) if self.truths.sum() else float("nan")


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic], empty: float = 0.0) -> Floats:
    """``part / whole``, ``empty`` where the whole is 0."""
    over = np.asarray(whole, dtype=np.float64)
    out = np.full(over.shape, empty)
    np.divide(part, over, out=out, where=over != 0)
    return out


def confusion(truth: Ints, predicted: Ints, classes: int) -> Ints:
    """(k, k) how many samples of the row's class were given the column's."""
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def rates(counts: Ints) -> Rates:
    """The rates of a confusion matrix."""
    return Rates(hits=np.diagonal(counts).copy(), truths=counts.sum(axis=1), predictions=counts.sum(axis=0))


def place(truth: Ints, scores: Floats) -> Ints:
    """(n,) how many classes come before the true one; of equal scores the lower class comes first, as in argmax."""
    own = scores[np.arange(len(truth)), truth][:, None]
    earlier = np.arange(scores.shape[1]) < truth[:, None]
    before: Ints = np.sum((scores > own) | ((scores == own) & earlier), axis=1, dtype=np.int64)
    return before


@dataclass(frozen=True, slots=True, eq=False)
class Operating:
    """(m,) one class against the rest, at each distinct score from the highest down."""

    threshold: Floats
    tp: Ints
    """Positives that score at or above the threshold."""
    fp: Ints
    positives: int
    negatives: int

    @property
    def auc(self) -> float:
        """The area under the ROC curve by trapezoids, equal scores counting half; NaN unless both kinds occur."""
        if not self.positives or not self.negatives:
            return float("nan")
        tp, fp = np.append(0, self.tp), np.append(0, self.fp)
        # Twice the area in whole pairs: exact as long as positives × negatives stay below 2⁵².
        return float(np.sum(np.diff(fp) * (tp[1:] + tp[:-1])) / 2 / self.positives / self.negatives)

    @property
    def average_precision(self) -> float:
        """The sum of precision × step in recall, without interpolation; NaN without positives."""
        if not self.positives:
            return float("nan")
        return float(np.sum(np.diff(self.tp, prepend=0) * ratio(self.tp, self.tp + self.fp)) / self.positives)


def operating(positive: NDArray[np.bool_], score: Floats) -> Operating:
    """Every operating point of a score that should be high for the positives."""
    order = np.argsort(-score, kind="stable")
    falling, hit = score[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)[: len(falling)]
    tp = np.cumsum(hit)[last]
    return Operating(
        threshold=falling[last],
        tp=tp,
        fp=last + 1 - tp,
        positives=int(np.count_nonzero(positive)),
        negatives=int(np.count_nonzero(~positive)),
    )


def one_vs_rest(truth: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """(k,) AUC and (k,) average precision of each class against all others; NaN where nothing is to be told apart."""
    points = [operating(truth == i, scores[:, i]) for i in range(scores.shape[1])]
    return np.array([one.auc for one in points]), np.array([one.average_precision for one in points])


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """(b,) how often the predictions of each confidence bin are right."""

    low: Floats
    high: Floats
    """A bin holds confidences from ``low`` up to but not at ``high``; the last holds 1 too."""
    count: Ints
    confidence: Floats
    """The mean; NaN in an empty bin."""
    accuracy: Floats
    """NaN in an empty bin."""

    @property
    def gap(self) -> Floats:
        """Accuracy less confidence: negative where the model is too sure of itself."""
        return self.accuracy - self.confidence

    @property
    def ece(self) -> float:
        """The expected calibration error: the mean absolute gap over samples (Naeini et al. 2015)."""
        some = self.count > 0
        total = self.count.sum()
        return float(np.abs(self.gap[some]) @ self.count[some] / total) if total else float("nan")

    @property
    def mce(self) -> float:
        """The largest absolute gap of any bin."""
        some = self.count > 0
        return float(np.abs(self.gap[some]).max()) if some.any() else float("nan")


def reliability(truth: Ints, scores: Floats, bins: int = BINS) -> Reliability:
    """The top label's confidence against how often it is right, in ``bins`` bins of equal width."""
    top = scores.argmax(axis=1)
    confidence, right = scores[np.arange(len(top)), top], top == truth
    edges = np.linspace(0, 1, bins + 1)
    of = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, bins - 1)
    count = np.bincount(of, minlength=bins)
    mean = [
        ratio(np.bincount(of, weights=values, minlength=bins), count, empty=float("nan"))
        for values in (confidence, right.astype(np.float64))
    ]
    return Reliability(low=edges[:-1], high=edges[1:], count=count, confidence=mean[0], accuracy=mean[1])


def brier(truth: Ints, scores: Floats) -> float:
    """The mean squared distance of the probabilities from the truth (Brier 1950), 0 to 2; of two classes half of it,
    0 to 1, as is usual. NaN without samples."""
    if not len(truth):
        return float("nan")
    own = scores[np.arange(len(truth)), truth]
    whole = np.mean(np.einsum("nk,nk->n", scores, scores) - 2 * own + 1)
    return float(whole / 2 if scores.shape[1] == 2 else whole)


def are_probabilities(scores: Floats) -> bool:
    """Whether every row lies in [0, 1] and sums to 1 (within what float16 loses)."""
    inside = bool((scores >= 0).all() and (scores <= 1).all())
    return inside and bool((np.abs(scores.sum(axis=1) - 1) <= 2e-3).all())
