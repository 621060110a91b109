"""Evaluations over HTTP: numbers of any slice, columns of curves, images behind a mark, comparisons."""

from datetime import datetime
from typing import Literal

from evalnb.wire.base import Wire
from evalnb.wire.http.base import Number, Score


class EvaluationItem(Wire):
    """An evaluation as a list shows it. ``numbers`` are COCO's, by name; null where there is no truth to find."""

    id: int
    project_id: int
    run_id: int
    run: str
    dataset_id: int
    dataset: str
    model: str | None
    version: int | None
    kind: str
    """What was compared: bbox, segm or boundary."""
    numbers: dict[str, Score]
    created_at: datetime


class EvaluationPage(Wire):
    """Evaluations, the newest first. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[EvaluationItem]
    next: int | None


class EvaluationClass(Wire):
    """A class of an evaluation, as it was named then."""

    id: int
    name: str


class EvaluationTag(Wire):
    """A tag, and how many of the evaluated images bear it."""

    name: str
    images: int


class EvaluationDetail(Wire):
    """An evaluation with what its slices can be made of."""

    evaluation: EvaluationItem
    images: int
    classes: list[EvaluationClass]
    tags: list[EvaluationTag]
    area: Literal["all", "small", "medium", "large"]
    """The range of sizes that its numbers are taken over."""
    problems: list[str]
    """What could not be used, at most fifty lines."""
    problem_count: int


class EvaluationSummary(Wire):
    """A slice's numbers by name, in their order."""

    numbers: dict[str, Score]
    images: int
    truths: int
    detections: int


class ClassScores(Wire):
    """A class's row."""

    name: str
    AP: Score
    AP50: Score
    AP75: Score
    AR: Score
    truths: int
    detections: int


class ClassTable(Wire):
    """A row for each class of the slice."""

    items: list[ClassScores]


class PrecisionRecall(Wire):
    """One curve: precision, and the confidence it is had at, for each of ``recall``."""

    name: str
    """The class, or ``all`` for their mean (which has no confidence)."""
    precision: list[Score]
    confidence: list[Number]


class ByConfidence(Wire):
    """Precision, recall and F1 of all classes together, for each of ``confidence``."""

    confidence: list[float]
    precision: list[Score]
    recall: list[Score]
    F1: list[Score]


class Curves(Wire):
    """Curves as columns."""

    iou: float
    recall: list[float]
    classes: list[PrecisionRecall]
    by_confidence: ByConfidence


class ConfusionMatrix(Wire):
    """Truths by row, detections by column; the last of both is the background."""

    iou: float
    confidence: float
    classes: list[str]
    counts: list[list[int]]


class IntervalItem(Wire):
    """Where a number may lie for other datasets of this size; null where the sample is too small for an interval."""

    number: str
    value: Score
    low: Number
    high: Number
    standard_error: Number
    bias: Number
    warning: str | None


class IntervalTable(Wire):
    """The numbers with their intervals."""

    level: float
    replicates: int
    items: list[IntervalItem]


class MarkedImage(Wire):
    """An image behind a mark, and its counts at the operating point."""

    id: int
    file_name: str
    TP: int
    FP: int
    FN: int
    F1: Score


class MarkedImagePage(Wire):
    """Those with most of it first. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[MarkedImage]
    next: int | None
    total: int


class ComparisonRow(Wire):
    """One number, class or slice of two evaluations. ``difference`` is this less the other."""

    name: str
    this: Score
    other: Score
    difference: Number
    low: Number
    high: Number
    p: Number
    """Two-sided."""
    p_adjusted: Number
    """Benjamini and Hochberg's, over the table; AP among the numbers stands alone."""
    detectable: Number
    """The smallest true difference that would be found four times out of five."""
    warning: str | None


class ComparedImage(Wire):
    """F1 of both on one image, each at the confidence that suits it best."""

    id: int
    file_name: str
    this: Score
    other: Score
    difference: Number


class ComparisonDetail(Wire):
    """Two evaluations of the same images, compared as pairs by the same resampled images."""

    this: int
    other: int
    sentence: str
    """What one would tell a person who decides."""
    warning: str | None
    level: float
    replicates: int
    images: int
    wins: int
    losses: int
    """On how many images this has the higher, or the lower, F1."""
    numbers: list[ComparisonRow]
    classes: list[ComparisonRow]
    slices: list[ComparisonRow]
    """By tag, AP; empty where more than twenty tags would have to be compared."""
    won: list[ComparedImage]
    """The images where this wins most, and where it loses most; at most fifty each."""
    lost: list[ComparedImage]
