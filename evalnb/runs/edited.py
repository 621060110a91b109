"""An evaluation after its truth was edited: only the edited images are matched again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evalnb.core.rematch import rematched
from evalnb.errors import Invalid
from evalnb.runs.source import StoredSource, edited_images, with_edited

if TYPE_CHECKING:
    from evalnb.runs.evaluation import Evaluation


def after_edits(evaluation: Evaluation, images: Iterable[int] | None = None) -> Evaluation:
    """See ``Evaluation.after_edits``."""
    source = evaluation.source
    if not isinstance(source, StoredSource):
        raise Invalid(
            "this evaluation was made of files, whose annotations are not edited here",
            remedy="import them with project.import_coco, and evaluate a run of the project",
        )
    truths, detections = evaluation.records()
    if images is None:
        now = source.truths()
        edited = edited_images(truths, now)
    else:
        edited = sorted({int(one) for one in images})
        now = source.truths(edited)
    known = np.isin(np.array(edited, dtype=np.int64), evaluation.matches.images)
    edited = [one for one, is_known in zip(edited, known.tolist(), strict=True) if is_known]
    if not edited:
        return evaluation
    current = with_edited(truths, now, edited)
    return replace(
        evaluation,
        matches=rematched(evaluation.matches, current, detections, images=edited),
        records=lambda: (current, detections),
        # What is kept under that number is the evaluation as it was.
        id=None,
    )
