"""Evaluate files: no project, no server, nothing started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import Kind, match
from evalnb.core.records import Detections, Floats, Truths
from evalnb.errors import Invalid
from evalnb.runs import scanning
from evalnb.runs.columns import Images, Problem, ResultFile, TruthFile, read_results, read_truth
from evalnb.runs.evaluation import Evaluation

NATIVELY = ("bbox", "segm")
"""Kinds whose files the native library reads."""


def evaluate_coco(
    truth: str | Path | Mapping[str, Any] | Truths,
    detections: str | Path | list[dict[str, Any]] | NDArray[np.float64] | Detections,
    kind: Kind = "bbox",
    *,
    strict: bool = False,
    images: Iterable[int] | None = None,
    class_names: Mapping[int, str] | None = None,
    sigmas: Floats | None = None,
) -> Evaluation:
    """COCO's numbers of a truth file and a result file, or of the same already in memory.

    Rows that cannot be used are left out and named in ``evaluation.problems``; ``strict`` refuses them instead.
    ``images`` and ``class_names`` belong to core records alone (default: the ids that occur in them). ``sigmas`` (k,)
    are the keypoints' deviations where they are not COCO's 17.
    """
    if kind not in get_args(Kind):
        raise Invalid(f"there is no kind {kind!r}", remedy=f"use one of {', '.join(map(repr, get_args(Kind)))}")
    if isinstance(truth, Truths):
        found = _from_records(truth, detections, images, class_names)
    else:
        found = _truth_file(truth, kind)
    if isinstance(detections, Detections):
        given = ResultFile(detections, area=np.empty(0))
        area = None
    else:
        given = _result_file(detections, kind, found)
        area = given.area
    problems: tuple[Problem, ...] = (*found.problems, *given.problems)
    if strict and problems:
        raise refused(problems)
    matches = match(
        found.truths,
        given.detections,
        kind=kind,
        images=found.images.id,
        classes=np.array(sorted(found.class_names), dtype=np.int64),
        detection_area=area,
        sigmas=sigmas,
    )
    return Evaluation(
        matches=matches,
        class_names=dict(found.class_names),
        images=found.images,
        records=lambda: (found.truths, given.detections),
        problems=problems,
    )


def refused(problems: Sequence[Problem]) -> Invalid:
    """What a strict evaluation raises: the first problem, and how many there are."""
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return Invalid(f"{problems[0]}{more}", remedy="mend the file, or evaluate without strict to leave such rows out")


def _truth_file(source: object, kind: Kind) -> TruthFile:
    natively = None
    if isinstance(source, (str, Path)) and kind in NATIVELY:
        natively = scanning.read_truth(Path(source), kind=kind)
    return natively or read_truth(source, kind=kind)


def _result_file(source: object, kind: Kind, truth: TruthFile) -> ResultFile:
    natively = None
    if isinstance(source, (str, Path)) and kind in NATIVELY:
        natively = scanning.read_results(
            Path(source), kind=kind, images=truth.images, class_names=dict(truth.class_names)
        )
    return natively or read_results(source, kind=kind, images=truth.images, class_names=truth.class_names)


def _from_records(
    truths: Truths, detections: object, images: Iterable[int] | None, class_names: Mapping[int, str] | None
) -> TruthFile:
    if images is None:
        seen = [truths.image] + ([detections.image] if isinstance(detections, Detections) else [])
        images = np.unique(np.concatenate(seen)).tolist()
    if class_names is None:
        class_names = {int(one): str(one) for one in np.unique(truths.class_id)}
    nothing: frozenset[str] = frozenset()
    return TruthFile(
        truths=truths,
        images=Images.of({int(one): (str(one), nothing, (0, 0)) for one in images}),
        class_names=class_names,
    )
