"""Classification: one label for each sample, with or without scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evalnb.core.metrics import classification as core
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid, NotFound
from evalnb.runs.tasks import show
from evalnb.runs.tasks.interval import Interval, checked, percentile, picked
from evalnb.runs.tasks.labels import read_labels

if TYPE_CHECKING:
    import pandas as pd

_FROM_RATES: dict[str, Callable[[core.Rates], float]] = {
    "accuracy": lambda one: one.accuracy,
    "precision_macro": lambda one: one.macro(one.precision),
    "recall_macro": lambda one: one.macro(one.recall),
    "F1_macro": lambda one: one.macro(one.f1),
    # Each sample has one label and one prediction, so that a false positive of one class is a miss of another.
    "precision_micro": lambda one: one.accuracy,
    "recall_micro": lambda one: one.accuracy,
    "F1_micro": lambda one: one.accuracy,
    "precision_weighted": lambda one: one.weighted(one.precision),
    "recall_weighted": lambda one: one.weighted(one.recall),
    "F1_weighted": lambda one: one.weighted(one.f1),
}
_FROM_SCORES = ("top5", "AUC_macro", "AP_macro")
_FROM_PROBABILITIES: dict[str, Callable[[Ints, Floats], float]] = {
    "ECE": lambda truth, scores: core.reliability(truth, scores).ece,
    "MCE": lambda truth, scores: core.reliability(truth, scores).mce,
    "Brier": core.brier,
}
LOGITS = "pass probabilities, for instance the softmax of the logits"


@dataclass(frozen=True, eq=False)
class Classification:
    """Labels held against predictions, and every number that follows.

    ``truth`` (n,) and ``predicted`` (n,) are places in ``class_names``; ``scores`` (n, k) where there were any.
    """

    truth: Ints
    predicted: Ints
    class_names: tuple[str, ...]
    scores: Floats | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def where(self, *, samples: object) -> Classification:
        """Some of the samples: a mask (n,) or their numbers from 0."""
        at = picked(samples, len(self), "samples")
        scores = None if self.scores is None else self.scores[at]
        return replace(self, truth=self.truth[at], predicted=self.predicted[at], scores=scores)

    # -------------------------------------------------------------------------------------------------- numbers
    def summary(self) -> dict[str, float]:
        """Accuracy; precision, recall and F1 averaged over classes (macro), samples (micro) and classes by how often
        they occur (weighted); from scores also ``top5``, ``AUC_macro`` and ``AP_macro`` (means over the classes that
        occur); from probabilities also ``ECE``, ``MCE`` and ``Brier``. NaN where there is nothing to measure."""
        return {name: self._number(name) for name in self._names}

    def top_k(self, k: int) -> float:
        """The part of samples whose true class is among the ``k`` of the highest scores.

        Of equal scores the class named first comes first, so that ``top_k(1)`` is the accuracy.
        """
        if not 1 <= k <= len(self.class_names):
            raise Invalid(
                f"there is no top {k} of {len(self.class_names)} classes", remedy="use a k from 1 to their number"
            )
        scores = self._need_scores()
        return float(np.mean(core.place(self.truth, scores) < k)) if len(self) else float("nan")

    def per_class(self) -> pd.DataFrame:
        """One row for each class: precision, recall, F1, AUC and AP (with scores), truths and predictions."""
        import pandas as pd

        one = self._rates
        columns: dict[str, Any] = {
            "class": list(self.class_names),
            "precision": one.precision,
            "recall": one.recall,
            "F1": one.f1,
        }
        if self.scores is not None:
            columns["AUC"], columns["AP"] = self._ranked
        return pd.DataFrame({**columns, "truths": one.truths, "predictions": one.predictions})

    def confusion(self, *, normalize: Literal["truth", "predicted"] | None = None) -> pd.DataFrame:
        """How many samples of each class (rows) were called what (columns); ``normalize`` makes rows or columns sum
        to 1 (those without any are 0)."""
        import pandas as pd

        counts = self._confusion
        if normalize not in (None, "truth", "predicted"):
            raise Invalid(
                f"a confusion matrix is not normalised by {normalize!r}", remedy="use 'truth' or 'predicted'"
            )
        shown: Any = counts
        if normalize:
            axis = 1 if normalize == "truth" else 0
            shown = core.ratio(counts, np.broadcast_to(counts.sum(axis=axis, keepdims=True), counts.shape))
        names = list(self.class_names)
        return pd.DataFrame(shown, index=pd.Index(names, name="truth"), columns=pd.Index(names, name="predicted"))

    def roc(self, class_name: str) -> pd.DataFrame:
        """One class against the rest: columns threshold, FPR and TPR, one row for each distinct score, from the
        highest; a first row of threshold infinity stands for predicting nothing."""
        import pandas as pd

        one = self._operating(class_name)
        return pd.DataFrame(
            {
                "threshold": np.append(np.inf, one.threshold),
                "FPR": np.append(0, one.fp) / (one.negatives or np.nan),
                "TPR": np.append(0, one.tp) / (one.positives or np.nan),
            }
        )

    def precision_recall(self, class_name: str) -> pd.DataFrame:
        """One class against the rest: columns threshold, precision and recall, from the highest score down."""
        import pandas as pd

        one = self._operating(class_name)
        return pd.DataFrame(
            {
                "threshold": one.threshold,
                "precision": core.ratio(one.tp, one.tp + one.fp),
                "recall": one.tp / (one.positives or np.nan),
            }
        )

    def reliability(self, *, bins: int = core.BINS) -> pd.DataFrame:
        """The top label's confidence against how often it is right, bin by bin: columns low, high, count, confidence,
        accuracy and gap (accuracy less confidence). Invalid unless the scores are probabilities."""
        import pandas as pd

        if bins < 1:
            raise Invalid(f"there are no {bins} bins", remedy="use 10 or 15")
        scores = self._need_scores()
        if not self._calibrated:
            raise Invalid("the scores are no probabilities: rows do not sum to 1", remedy=LOGITS)
        one = core.reliability(self.truth, scores, bins)
        return pd.DataFrame(
            {
                "low": one.low,
                "high": one.high,
                "count": one.count,
                "confidence": one.confidence,
                "accuracy": one.accuracy,
                "gap": one.gap,
            }
        )

    def interval(
        self,
        number: str | Callable[[Classification], float],
        *,
        replicates: int = 1000,
        level: float = 0.95,
        seed: int = 0,
    ) -> Interval:
        """The bootstrap interval of a number of the summary by name, or of any other as a function of a
        classification (``lambda one: one.top_k(3)``); samples are drawn with replacement."""
        name = number if isinstance(number, str) else getattr(number, "__name__", "number")
        checked(name, self._names if isinstance(number, str) else [name], replicates, level)
        random = np.random.default_rng(seed)
        draws = np.full(replicates, np.nan)
        if len(self) and isinstance(number, str) and number in _FROM_RATES:
            # Samples of one cell of the confusion matrix are alike: drawing cells is drawing samples.
            draws = np.array([_FROM_RATES[number](one) for one in _redrawn(self._confusion, random, replicates)])
        elif len(self):
            for at in range(replicates):
                one = self.where(samples=random.integers(0, len(self), len(self)))
                draws[at] = one._number(number) if isinstance(number, str) else number(one)
        return percentile(name, self._number(number) if isinstance(number, str) else number(self), draws, level)

    # --------------------------------------------------------------------------------------------------- showing
    def __repr__(self) -> str:
        return show.listing("Classification", self._words(), self.summary())

    def _repr_html_(self) -> str:
        plot = ""
        if self._calibrated:
            table = self.reliability()
            plot = show.plot(
                table["confidence"].tolist(),
                table["accuracy"].tolist(),
                over="confidence",
                shown="accuracy",
                diagonal=True,
                dots=True,
            )
        numbers = {name: value for name, value in self.summary().items() if not name.endswith("_micro")}
        return show.card("Classification", self._words(), numbers, lead="accuracy", plot=plot, table=self.per_class())

    def _words(self) -> list[str]:
        return [show.count(len(self), "sample", "samples"), show.count(len(self.class_names), "class", "classes")]

    # ----------------------------------------------------------------------------------------------------- parts
    @cached_property
    def _confusion(self) -> Ints:
        return core.confusion(self.truth, self.predicted, len(self.class_names))

    @cached_property
    def _rates(self) -> core.Rates:
        return core.rates(self._confusion)

    @cached_property
    def _ranked(self) -> tuple[Floats, Floats]:
        return core.one_vs_rest(self.truth, self._need_scores())

    @cached_property
    def _calibrated(self) -> bool:
        return self.scores is not None and core.are_probabilities(self.scores)

    @property
    def _names(self) -> list[str]:
        names = list(_FROM_RATES)
        if self.scores is not None:
            names += [name for name in _FROM_SCORES if name != "top5" or len(self.class_names) > 5]
            names += list(_FROM_PROBABILITIES) if self._calibrated else []
        return names

    def _number(self, name: str) -> float:
        if name in _FROM_RATES:
            return _FROM_RATES[name](self._rates)
        if name == "top5":
            return self.top_k(5)
        if name in _FROM_SCORES:
            return _mean(self._ranked[name == "AP_macro"])
        return _FROM_PROBABILITIES[name](self.truth, self._need_scores())

    def _need_scores(self) -> Floats:
        if self.scores is None:
            raise Invalid("labels alone were given, and this needs scores", remedy="pass an (n, k) array of scores")
        return self.scores

    def _operating(self, class_name: str) -> core.Operating:
        scores = self._need_scores()
        if class_name not in self.class_names:
            raise NotFound(
                f"there is no class {class_name!r}", remedy=f"use one of {', '.join(sorted(self.class_names)[:8])}"
            )
        at = self.class_names.index(class_name)
        return core.operating(self.truth == at, scores[:, at])


def evaluate_classification(
    truth: object, scores_or_labels: object, class_names: Sequence[str] | None = None
) -> Classification:
    """Classification's numbers: truths against predicted labels, or against the scores they come from.

    ``truth`` (n,) holds class numbers from 0 or names. ``scores_or_labels`` is one of: (n, k) floats, a score for
    each class (probabilities for calibration); (n,) floats in [0, 1], the probability of the second of two classes;
    (n,) numbers or names, labels alone. ``class_names`` gives the classes their names and their order (default: the
    numbers themselves, or the names that occur, sorted).

    Invalid, naming the sample, for lengths that differ, classes that are not there and scores that are no numbers.
    """
    return Classification(*read_labels(truth, scores_or_labels, class_names))


def _mean(values: Floats) -> float:
    some = values[~np.isnan(values)]
    return float(some.mean()) if some.size else float("nan")


def _redrawn(counts: Ints, random: np.random.Generator, replicates: int) -> list[core.Rates]:
    row, column = np.nonzero(counts)
    cells = counts[row, column]
    many, diagonal = len(counts), row == column
    out = []
    for _ in range(replicates):
        drawn = random.multinomial(cells.sum(), cells / cells.sum())
        out.append(
            core.Rates(
                hits=np.bincount(row[diagonal], drawn[diagonal], many).astype(np.int64),
                truths=np.bincount(row, drawn, many).astype(np.int64),
                predictions=np.bincount(column, drawn, many).astype(np.int64),
            )
        )
    return out
