"""Other tools' average precision of the same boxes, and why it is not COCO's.

Each tool is a set of rules, taken from the version named here; ``evalnb.core.metrics.dialects`` says what each means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from evalnb.core.metrics.dialects import Answers, Rules, boxes_of
from evalnb.core.records import Floats
from evalnb.errors import Invalid, NotFound

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.evaluation import Evaluation

TOOLS: dict[str, Rules] = {
    "pycocotools": Rules(),
    # torchmetrics 1.9, MeanAveragePrecision(): pycocotools on float32 corners, with PyTorch's thresholds.
    "torchmetrics": Rules(
        nameless="matched", overlap="float32 corners", thresholds="float32", scores="float32", recalls="float32"
    ),
    # supervision 0.31, metrics.MeanAveragePrecision.
    "supervision": Rules(nameless="matched", overlap="float64 corners"),
    # FiftyOne 1.x, evaluate_detections(method="coco", compute_mAP=True): fiftyone/utils/eval/coco.py and iou.py.
    "fiftyone": Rules(
        nameless="matched", sizes="any", overlap="fractions", thresholds="hundredths", ties="hits first"
    ),
    # tidecv 1.0.1, TIDE.evaluate_range with COCO's thresholds.
    "tide": Rules(
        crowds="ignored above",
        nameless="matched",
        sizes="any",
        limit="100 per image",
        thresholds="hundredths",
        choice="earlier",
        recalls="hundredths",
        classes="seen",
    ),
    # ultralytics 8.4, DetectionValidator with its own max_det: match_predictions, ap_per_class.
    "ultralytics": Rules(
        crowds="dropped",
        nameless="matched",
        sizes="any",
        limit="300 per image or more",
        overlap="float32",
        thresholds="float32",
        choice="earlier",
        scores="float32",
        ties="unstable",
        area="trapezoid",
        nothing="0",
    ),
    # ultralytics 8.0 to 8.3, and YOLOv5 before it.
    "ultralytics-8.3": Rules(
        crowds="dropped",
        nameless="matched",
        sizes="any",
        limit="300 per image",
        overlap="float32",
        thresholds="float32",
        choice="best only",
        scores="float32",
        ties="unstable",
        area="trapezoid to 1",
        nothing="0",
    ),
}
"""The rules of each tool; for boxes."""


def table(evaluation: Evaluation) -> pd.DataFrame:
    """One row for each tool: see ``Evaluation.dialects``."""
    import pandas as pd

    answers = _answers(evaluation)
    found = {name: answers.ap(rules) for name, rules in TOOLS.items()}
    frame = pd.DataFrame(
        {"tool": list(found), **{key: [of(ap) for ap in found.values()] for key, of in NUMBERS.items()}}
    )
    frame["difference"] = frame["AP"] - frame["AP"].iloc[0]
    return frame


def steps(evaluation: Evaluation, tool: str, *, number: str = "AP") -> pd.DataFrame:
    """One row for each rule: see ``Evaluation.why``."""
    import pandas as pd

    if tool not in TOOLS:
        raise NotFound(f"the rules of {tool!r} are not known", remedy=f"use one of {', '.join(TOOLS)}")
    answers, of = _answers(evaluation), NUMBERS[number]
    rows = [("COCO's rules", Rules()), *TOOLS[tool].steps()]
    after = [of(answers.ap(rules)) for _, rules in rows]
    return pd.DataFrame(
        {"rule": [text for text, _ in rows], f"{number} after": after, "difference": np.diff(after, prepend=after[0])}
    )


NUMBERS: dict[str, Callable[[Floats], float]] = {
    "AP": lambda ap: float(ap.mean()),
    "AP50": lambda ap: float(ap[0]),
    "AP75": lambda ap: float(ap[5]),
}
"""What is made of mean average precision at the ten IoU thresholds."""


def _answers(evaluation: Evaluation) -> Answers:
    if evaluation.kind != "bbox":
        raise Invalid(
            f"tools are compared over boxes, and this evaluation compares {evaluation.kind}",
            remedy="evaluate with kind='bbox'",
        )
    if evaluation.protocol != "coco":
        raise Invalid(
            f"tools are compared with COCO's AP, and this evaluation is by the rules of {evaluation.protocol}",
            remedy="evaluate the files by COCO's rules: evalnb.evaluate_coco(truth, detections)",
        )
    if evaluation.area != "all":
        raise Invalid(
            f"tools are compared over objects of every size, and this part holds the {evaluation.area} ones",
            remedy="ask before where(area=…)",
        )
    truths, detections = evaluation.records()
    return Answers(boxes_of(evaluation.matches, truths, detections, evaluation.rows(), size=evaluation.images.size))
