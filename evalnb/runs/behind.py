"""The images behind a mark: where an evaluation's true positives, mistakes or worst scores are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from evalnb.core.metrics.meetings import meetings
from evalnb.errors import NotFound

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.evaluation import Evaluation

Mark: TypeAlias = Literal["worst", "TP", "FP", "FN"]
"""The images with the lowest F1, or those with most true positives, false positives or missed truths."""


def behind(
    evaluation: Evaluation, mark: Mark, *, class_name: str | None = None, confidence: float = 0.25, iou: float = 0.5
) -> pd.DataFrame:
    """``evaluation.per_image`` of the images behind a mark, those with most of it first.

    Only of ``class_name``, where it is given. Counted at ``confidence`` and ``iou``. NotFound for a class that the
    evaluation does not name, Invalid for an IoU that was not matched.
    """
    one = evaluation if class_name is None else evaluation.where(classes=[class_name])
    table = one.per_image(confidence=confidence, iou=iou)
    if mark == "worst":
        return table[table["FP"] + table["FN"] > 0].reset_index(drop=True)
    some = table[table[mark] > 0]
    # Stable, so that of two images with as many the worse stays first.
    return some.sort_values(mark, ascending=False, kind="stable").reset_index(drop=True)


def in_cell(
    evaluation: Evaluation,
    truth: str | None,
    detected: str | None,
    *,
    confidence: float = 0.25,
    iou: float = 0.5,
) -> pd.DataFrame:
    """``evaluation.per_image`` of the images behind a cell of ``evaluation.confusion``, those with most of it first.

    truth, detected: the names of its row and its column; None for the background. NotFound for a class that the
    evaluation does not name.
    """
    matches = evaluation.matches
    met = meetings(evaluation.near, evaluation.rows(), iou=iou, confidence=confidence, same_class=False)
    class_of = np.repeat(np.arange(len(matches.classes)), np.diff(matches.start))
    found, lost = met.detection >= 0, met.truth < 0
    of_truth = np.where(lost, -1, matches.truth_class[met.truth])
    of_detection = np.where(found, class_of[met.detection], -1) if len(class_of) else np.full(len(met), -1)
    here = (of_truth == _place(evaluation, truth)) & (of_detection == _place(evaluation, detected))
    image = np.where(lost, matches.image[met.detection] if len(matches) else -1, matches.truth_image[met.truth])
    count = np.bincount(image[here], minlength=len(matches.images))
    table = evaluation.per_image(confidence=confidence, iou=iou)
    many = table["image"].map(dict(zip(matches.images.tolist(), count.tolist(), strict=True)))
    order = many[many > 0].sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _place(evaluation: Evaluation, name: str | None) -> int:
    """The place of a class among those that were matched; -1 for the background."""
    if name is None:
        return -1
    for place, class_id in enumerate(evaluation.matches.classes.tolist()):
        if evaluation.named(class_id) == name:
            return place
    raise NotFound(f"the evaluation has no class {name!r}", remedy="`evaluation.per_class()` lists those it has")
