"""Evaluate files: no project, no server, nothing started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from evalnb.core.kinds import Kind
from evalnb.core.matching import Matches, match
from evalnb.core.records import Detections, Floats, Truths
from evalnb.errors import Invalid
from evalnb.runs import quads, scanning
from evalnb.runs.columns import Images, Problem, ResultFile, TruthFile, read_results, read_truth
from evalnb.runs.evaluation import Evaluation

NATIVELY = ("bbox", "segm")
"""Kinds whose files the native library reads."""
READ_AS: dict[Kind, Kind] = {"boundary": "segm"}
"""Kinds whose files are another kind's."""


def evaluate_coco(
    truth: str | Path | Mapping[str, Any] | Truths,
    detections: str | Path | list[dict[str, Any]] | NDArray[np.float64] | Detections,
    kind: Kind = "bbox",
    *,
    strict: bool = False,
    images: Iterable[int] | None = None,
    class_names: Mapping[int, str] | None = None,
    sigmas: Sequence[float] | Floats | None = None,
) -> Evaluation:
    """COCO's numbers of a truth file and a result file, or of the same already in memory.

    Rows that cannot be used are left out and named in ``evaluation.problems``; ``strict`` refuses them instead.
    ``images`` and ``class_names`` belong to core records alone (default: the ids that occur in them). ``sigmas`` (k,)
    are the keypoints' deviations where they are not COCO's 17. For ``obb`` a row states ``obb`` (cx, cy, w, h, angle
    in radians, or four corners), or a ``segmentation`` of four corners.
    """
    if kind not in get_args(Kind):
        raise Invalid(f"there is no kind {kind!r}", remedy=f"use one of {', '.join(map(repr, get_args(Kind)))}")
    if isinstance(truth, Truths):
        found = _from_records(truth, detections, images, class_names)
    else:
        found = _truth_file(truth, kind)
    given = _given(detections, kind, found)
    problems = checked(found, given, strict=strict)
    matches = match(
        found.truths,
        given.detections,
        kind=kind,
        images=found.images.id,
        classes=np.array(sorted(found.class_names), dtype=np.int64),
        detection_area=given.area,
        sigmas=None if sigmas is None else np.asarray(sigmas, dtype=np.float64),
    )
    return evaluation_of(matches, found, given, problems)


def read(
    truth: object, detections: object, *, kind: Kind, strict: bool
) -> tuple[TruthFile, ResultFile, tuple[Problem, ...]]:
    """A truth file and a result file, each a path or parsed already, and what of them cannot be used."""
    found = _truth_file(truth, kind)
    given = _given(detections, kind, found)
    return found, given, checked(found, given, strict=strict)


def checked(found: TruthFile, given: ResultFile, *, strict: bool) -> tuple[Problem, ...]:
    """What cannot be used; Invalid for the first of it where the files are to be perfect."""
    problems: tuple[Problem, ...] = (*found.problems, *given.problems)
    if strict and problems:
        raise refused(problems)
    return problems


def evaluation_of(matches: Matches, found: TruthFile, given: ResultFile, problems: tuple[Problem, ...]) -> Evaluation:
    """The evaluation that a match table of files makes."""
    records = found.truths, given.detections
    return Evaluation(
        matches=matches,
        class_names=dict(found.class_names),
        images=found.images,
        records=lambda: records,
        problems=problems,
    )


def _given(detections: object, kind: Kind, found: TruthFile) -> ResultFile:
    if isinstance(detections, Detections):
        return ResultFile(detections, area=None)
    return _result_file(detections, kind, found)


def refused(problems: Sequence[Problem]) -> Invalid:
    """What a strict evaluation raises: the first problem, and how many there are."""
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return Invalid(f"{problems[0]}{more}", remedy="mend the file, or evaluate without strict to leave such rows out")


def _truth_file(source: object, kind: Kind) -> TruthFile:
    if kind == "obb":
        return quads.read_truth(source)
    kind = READ_AS.get(kind, kind)
    natively = None
    if isinstance(source, (str, Path)) and kind in NATIVELY:
        natively = scanning.read_truth(Path(source), kind=kind)
    return natively or read_truth(source, kind=kind)


def _result_file(source: object, kind: Kind, truth: TruthFile) -> ResultFile:
    if kind == "obb":
        return quads.read_results(source, images=truth.images, class_names=truth.class_names)
    kind = READ_AS.get(kind, kind)
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
