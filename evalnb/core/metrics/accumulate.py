"""COCO's precision and recall arrays, and its twelve numbers, for any part of a match table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalnb.core.matching import AREA_NAMES, Matches
from evalnb.core.metrics.part import Part
from evalnb.core.metrics.tally import EVERY_RANK, Tally, tally
from evalnb.core.records import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Accumulated:
    """What ``COCOeval.accumulate`` makes, with -1 where a class has no truth."""

    precision: Floats
    """(10 IoUs, 101 recalls, k classes, a areas, m limits)"""
    recall: Floats
    """(10 IoUs, k classes, a areas, m limits)"""
    scores: Floats
    """(10 IoUs, 101 recalls, k classes, a areas, m limits): the confidence at which each precision is reached."""
    areas: tuple[str, ...]
    limits: tuple[int, ...]


def accumulate(
    matches: Matches, part: Part | None = None, *, areas: Sequence[str] = AREA_NAMES, limits: Sequence[int] = ()
) -> Accumulated:
    """Precision and recall of a part, for these area ranges and detection limits (default: the kind's own)."""
    limits = tuple(limits) or matches.limits
    most = matches.limits[-1]
    at = [AREA_NAMES.index(area) for area in areas]
    found = [tally(matches, part, curves=True, limit=EVERY_RANK if limit >= most else limit) for limit in limits]
    # The native order is (class, area, IoU, recall); COCO's is (IoU, recall, class, area, limit).
    curves = [np.stack([one.curve for one in found], -1), np.stack([one.curve_score for one in found], -1)]
    precision, scores = (np.ascontiguousarray(one[:, at].transpose(2, 3, 0, 1, 4)) for one in curves)
    recall = np.ascontiguousarray(np.stack([one.recall for one in found], -1)[:, at].transpose(2, 0, 1, 3))
    return Accumulated(precision, recall, scores, tuple(areas), limits)


_LVIS_RECALLS = {"AR@300": "AR", "ARs@300": "ARs", "ARm@300": "ARm", "ARl@300": "ARl"}


COCO_KEYS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""COCO's twelve numbers, in the order in which they are printed."""


def summary_keys(matches: Matches) -> tuple[str, ...]:
    """The names of the numbers, in the protocol's order."""
    if matches.protocol == "open_images":
        return ("AP", "AP50", "AP75")
    if matches.protocol == "lvis":
        return (*("AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf"), *_LVIS_RECALLS)
    if matches.kind == "keypoints":
        return ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")
    return COCO_KEYS


def summary(matches: Matches, part: Part | None = None, *, area: str = "all") -> dict[str, float]:
    """The twelve numbers of COCO (ten for keypoints, LVIS's thirteen) for a part, -1 where there is no truth to find.

    ``area`` restricts the numbers that name no range of their own; those of other ranges are then -1.
    """
    return dict(zip(summary_keys(matches), numbers(matches, tally(matches, part, area=area), area), strict=True))


def numbers(matches: Matches, found: Tally, area: str = "all") -> list[float]:
    """The numbers of ``summary_keys``, in its order, of what was counted."""
    main = AREA_NAMES.index(area)
    some = found.truths > 0

    def mean(values: Floats, of: int) -> float:
        kept = values[some[:, of]]
        return float(kept.mean()) if kept.size else -1.0

    by_name = {
        "AP": mean(found.precision[:, main], main),
        "AP50": mean(found.precision[:, main, 0], main),
        "AP75": mean(found.precision[:, main, 5], main),
        "AR": mean(found.recall[:, main], main),
        "AR50": mean(found.recall[:, main, 0], main),
        "AR75": mean(found.recall[:, main, 5], main),
    }
    for place, name in enumerate(AREA_NAMES[1:], 1):
        shown = area in ("all", name)
        by_name[f"AP{name[0]}"] = mean(found.precision[:, place], place) if shown else -1.0
        by_name[f"AR{name[0]}"] = mean(found.recall[:, place], place) if shown else -1.0
    if matches.protocol == "lvis":
        places = slice(None) if found.places is None else found.places
        group = np.full(len(matches.classes), -1) if matches.group is None else matches.group
        for place, name in enumerate("rcf"):
            of_group = some[:, main] & (group[places] == place)
            by_name[f"AP{name}"] = float(found.precision[of_group, main].mean()) if of_group.any() else -1.0
        by_name |= {name: by_name[recall] for name, recall in _LVIS_RECALLS.items()}
        return [by_name[key] for key in summary_keys(matches)]
    limits = matches.limits
    for place, limit in enumerate(limits[:-1]):
        by_name[f"AR{limit}"] = mean(found.few_recall[:, place], main)
    by_name[f"AR{limits[-1]}"] = by_name["AR"]
    return [by_name[key] for key in summary_keys(matches)]


@dataclass(frozen=True, slots=True, eq=False)
class ClassNumbers:
    """(k,) numbers of each class; -1 where it has no truth."""

    class_id: Ints
    ap: Floats
    ap50: Floats
    ap75: Floats
    ar: Floats
    truths: Ints
    detections: Ints


def per_class(matches: Matches, part: Part | None = None, *, area: str = "all") -> ClassNumbers:
    """AP, AP50, AP75, AR, and the number of truths and of detections of each class."""
    part = part or Part()
    found = tally(matches, part, area=area)
    main = AREA_NAMES.index(area)
    # A class without truths is -1 throughout, so that its mean is -1 too.
    return ClassNumbers(
        class_id=matches.classes[part.places(matches)],
        ap=found.precision[:, main].mean(axis=1),
        ap50=found.precision[:, main, 0],
        ap75=found.precision[:, main, 5],
        ar=found.recall[:, main].mean(axis=1),
        truths=found.truths[:, main],
        detections=found.detections,
    )
