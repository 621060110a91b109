"""An evaluation under other rules, from overlaps that are known: merged classes, truths that do not count, other IoUs
and sizes. No outline is compared again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import Matches, ignored, match
from evalnb.core.metrics.rules import Rules, accumulate_by, match_by
from evalnb.core.metrics.tally import RECALLS
from evalnb.core.records import Detections, Floats, Truths
from evalnb.core.slices import AREAS
from evalnb.core.solving import Known
from evalnb.errors import Invalid, NotFound
from evalnb.runs.explain import detection_area

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.evaluation import Evaluation


def merged(evaluation: Evaluation, groups: Mapping[str, Iterable[str]]) -> Evaluation:
    """See ``Evaluation.merged``."""
    _by_coco(evaluation)
    id_of = {name: number for number, name in evaluation.class_names.items()}
    to: dict[int, int] = {}
    names = dict(evaluation.class_names)
    for group, members in groups.items():
        members = [members] if isinstance(members, str) else list(members)
        for name in members:
            if name not in id_of:
                raise NotFound(
                    f"the evaluation has no class {name!r}", remedy=f"use one of {', '.join(sorted(id_of)[:8])}"
                )
            if id_of[name] in to:
                raise Invalid(f"{name!r} is in two groups", remedy="put each class in one group")
            to[id_of[name]] = min(id_of[one] for one in members)
            del names[id_of[name]]
        if members:
            names[to[id_of[members[0]]]] = group
    if len(set(names.values())) < len(names):
        twice = next(name for name in groups if list(names.values()).count(name) > 1)
        raise Invalid(
            f"there is a class {twice!r} that is not in the group {twice!r}", remedy="give the group another name"
        )

    def moved(class_id: NDArray[np.int64]) -> NDArray[np.int64]:
        out = class_id.copy()
        for old, new in to.items():
            out[class_id == old] = new
        return out

    truths, detections = evaluation.records()
    truths = replace(truths, class_id=moved(truths.class_id))
    detections = replace(detections, class_id=moved(detections.class_id))
    classes = evaluation.part.classes
    if classes is not None:
        classes = frozenset(names[to.get(id_of[name], id_of[name])] for name in classes)
    return _again(evaluation, truths, detections, class_names=names, part=replace(evaluation.part, classes=classes))


def ignoring(evaluation: Evaluation, truths: Iterable[int] | NDArray[np.bool_]) -> Evaluation:
    """See ``Evaluation.ignoring``."""
    _by_coco(evaluation)
    before, detections = evaluation.records()
    chosen = np.asarray(truths if isinstance(truths, np.ndarray) else list(truths))
    if chosen.dtype == bool:
        if chosen.shape != before.id.shape:
            raise Invalid(
                f"the mask is of {chosen.size:,} truths, the evaluation has {len(before):,}",
                remedy="pass one flag for each truth, or the ids of annotations",
            )
        aside = chosen
    else:
        aside = np.isin(before.id, chosen)
        strange = np.setdiff1d(chosen, before.id)
        if len(strange):
            raise NotFound(
                f"the evaluation has no annotation {strange[0]}", remedy="pass ids that its truth has, or a mask"
            )
    aside = aside if before.ignore is None else aside | before.ignore
    return _again(evaluation, replace(before, ignore=aside), detections)


def under(evaluation: Evaluation, *, iou: Sequence[float] | float, sizes: Mapping[str, Any]) -> pd.DataFrame:
    """See ``Evaluation.under``."""
    import pandas as pd

    _by_coco(evaluation)
    thresholds = np.atleast_1d(np.asarray(iou, dtype=np.float64))
    if not len(thresholds) or not ((thresholds > 0) & (thresholds <= 1)).all():
        raise Invalid(f"the IoUs {thresholds.tolist()} are not above 0 and at most 1", remedy="ask for 0.3, say")
    ranges = np.array([AREAS[one] if isinstance(one, str) else one for one in sizes.values()], dtype=np.float64)
    if ranges.shape != (len(sizes), 2) or not (ranges[:, 0] <= ranges[:, 1]).all():
        raise Invalid(
            f"the sizes {dict(sizes)} are no ranges", remedy="name each (least, most) in px², ends included"
        )
    matches = evaluation.matches
    truths, detections = evaluation.records()
    rules = Rules(thresholds, RECALLS, ranges, (matches.limits[-1],))
    rounds = match_by(
        rules,
        truths,
        detections,
        kind=matches.kind,
        images=matches.images,
        classes=matches.classes,
        ignore=ignored(truths, matches.kind),
        detection_area=_area_of_records(evaluation, detections),
        sigmas=matches.sigmas,
        known=_known(evaluation, float(thresholds.min())),
    )
    part = evaluation.rows()
    if part.confidence > -np.inf:
        raise Invalid("a least confidence does not change the rules here", remedy="ask before where(confidence=…)")
    precision, recall, _ = accumulate_by(rounds, rules, images=part.images, classes=part.classes)
    rows = [
        {"iou": at, "size": name, "AP": _mean(precision[t, :, :, a, 0]), "AR": _mean(recall[t, :, a, 0])}
        for t, at in enumerate(thresholds.tolist())
        for a, name in enumerate(sizes)
    ]
    return pd.DataFrame(rows, columns=["iou", "size", "AP", "AR"])


def _again(evaluation: Evaluation, truths: Truths, detections: Detections, **changes: Any) -> Evaluation:
    before = evaluation.matches
    names = changes.get("class_names", evaluation.class_names)
    matches: Matches = match(
        truths,
        detections,
        kind=before.kind,
        images=before.images,
        classes=np.array(sorted(names), dtype=np.int64),
        detection_area=_area_of_records(evaluation, detections),
        sigmas=before.sigmas,
        known=_known(evaluation, evaluation.nearby.at_least),
    )
    # Neither is kept: the store has the evaluation as it was, and edits belong to that.
    return replace(evaluation, matches=matches, records=lambda: (truths, detections), id=None, source=None, **changes)


def _known(evaluation: Evaluation, least: float) -> Known | None:
    """The overlaps by row of the detections; None where those that are kept do not reach so low."""
    near = evaluation.nearby
    if least < near.at_least:
        return None
    row = evaluation.matches.row[near.detection]
    order = np.argsort(row, kind="stable")
    return Known(row[order].astype(np.int64), near.truth[order].astype(np.int64), near.overlap[order])


def _area_of_records(evaluation: Evaluation, detections: Detections) -> Floats:
    """(n,) by record. Of those beyond the limit, which are never matched, nobody asks."""
    out = np.zeros(len(detections))
    out[evaluation.matches.row] = detection_area(evaluation)
    return out


def _by_coco(evaluation: Evaluation) -> None:
    if evaluation.matches.protocol != "coco":
        raise Invalid(
            f"an evaluation by the rules of {evaluation.matches.protocol} cannot be taken by others",
            remedy="evaluate the files by COCO's rules: evalnb.evaluate_coco(truth, detections)",
        )


def _mean(values: Floats) -> float:
    some = values[values > -1]
    return float(some.mean()) if some.size else -1.0
