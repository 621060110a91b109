"""An ultralytics validation as an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core.matching import match
from evalnb.models.validation import Collector
from evalnb.runs.columns import Images
from evalnb.runs.evaluation import Evaluation


class Validation:
    """What ``collect_validation`` gives: the last validation of a model, as an ``Evaluation``."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    @property
    def evaluation(self) -> Evaluation:
        """The boxes of the last ``model.val()`` (of a training: of its last epoch) under COCO's rules.

        Images are numbered from 0 in the order in which they were seen and bear their files' names. Invalid where no
        validation has come to its end.
        """
        one = self._collector.validated()
        names = {**{int(k): str(k) for k in np.unique(one.truths.class_id)}, **one.class_names}
        nothing: frozenset[str] = frozenset()
        return Evaluation(
            matches=match(
                one.truths,
                one.detections,
                kind="bbox",
                images=np.arange(len(one.image_names)),
                classes=np.array(sorted(names), dtype=np.int64),
            ),
            class_names=names,
            images=Images.of(
                {
                    at: (Path(name).name, nothing, size)
                    for at, (name, size) in enumerate(zip(one.image_names, one.image_size, strict=True))
                }
            ),
            records=lambda: (one.truths, one.detections),
        )


def collect_validation(model: Any) -> Validation:
    """Listen to the validations of ultralytics' ``YOLO`` or ``RTDETR``: after ``model.val()`` there is an evaluation.

    The validator's own numbers stay as they are. One process: of a validation spread over several devices the first
    one's images are seen.
    """
    collector = Collector()
    collector.attach(model)
    return Validation(collector)
