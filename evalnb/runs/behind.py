"""The images behind a mark: where an evaluation's true positives, mistakes or worst scores are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

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
