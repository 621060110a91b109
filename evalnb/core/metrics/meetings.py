"""Who met whom at one operating point: the detections and truths behind every count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.claiming import claim, pairs_within
from evalnb.core.kinds import overlaps
from evalnb.core.matching import Matches
from evalnb.core.metrics.part import Part
from evalnb.core.overlaps import AT_LEAST, Overlaps
from evalnb.core.records import Detections, Ints, Truths
from evalnb.errors import Invalid


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """(m,) one row for each detection that counts and for each truth that none of them found."""

    truth: Ints
    """The row of the truth, -1 for a ghost: a detection that found nothing."""
    detection: Ints
    """The row of the match table, -1 for a truth that was missed."""

    def __len__(self) -> int:
        return len(self.truth)


def meetings(
    matches: Matches,
    near: Overlaps,
    crowd: NDArray[np.bool_],
    part: Part | None = None,
    *,
    iou: float = 0.5,
    confidence: float = 0.25,
    same_class: bool = True,
) -> Meetings:
    """Match the detections at or above ``confidence`` at one overlap, and tell every pair, ghost and miss.

    ``same_class`` asks as COCO does (with the kind's own limit of detections, over all areas); otherwise a detection
    takes the best free truth of its image whatever its class, and the rows are those that ``confusion`` counts.
    ``near`` holds the overlaps of at least the part's images; ``crowd`` (t,) is the truths' column. What took a crowd
    or an ignored truth, and a crowd or ignored truth itself, counts for nothing and is left out. Invalid below the
    overlap that ``near`` begins at.
    """
    if iou < near.at_least:
        raise Invalid(f"overlaps below {near.at_least} are not known", remedy=f"ask for {near.at_least} or more")
    part = part or Part()
    rows, _ = part.detections(matches)
    rows = np.arange(len(matches)) if isinstance(rows, slice) else rows
    rows = rows[matches.score[rows] >= confidence]
    image = matches.image[rows].astype(np.int64)
    group = image * len(matches.classes) + _class_of(matches, rows) if same_class else image
    # By group, best first; lexsort is stable, and the table's own order breaks the ties.
    order = np.lexsort((-matches.score[rows], group))
    rows, group = rows[order], group[order]
    place = np.full(len(matches), -1, np.int64)
    place[rows] = np.arange(len(rows))
    kept = part.truths(matches)
    some = (near.overlap >= iou) & (place[near.detection] >= 0) & kept[near.truth]
    if same_class:
        some &= _class_of(matches, near.detection) == matches.truth_class[near.truth]
    ignored = (matches.truth_ignored & 1).astype(bool)
    claims = claim(
        detection=place[near.detection[some]],
        truth=near.truth[some].astype(np.int64),
        overlap=near.overlap[some],
        group=group,
        truth_ignored=ignored.astype(np.uint64),
        crowd=crowd,
        thresholds=np.array([iou]),
        ranges=1,
        nameless=np.zeros(len(crowd), bool),
    )
    counting = claims.ignored == 0
    missed = kept & ~ignored
    missed[claims.truth[claims.truth >= 0]] = False
    lost = np.flatnonzero(missed)
    return Meetings(
        truth=np.concatenate([claims.truth[counting].astype(np.int64), lost]),
        detection=np.concatenate([rows[counting], np.full(len(lost), -1)]),
    )


def _class_of(matches: Matches, rows: Ints | NDArray[np.int32]) -> Ints:
    """The place of the class of each row."""
    return np.searchsorted(matches.start, rows, side="right") - 1


def nearby_in(matches: Matches, truths: Truths, detections: Detections, places: Ints) -> Overlaps:
    """``nearby`` of the images at these places of the table alone: it costs what they hold."""
    order, start = matches.by_image
    truth_order, truth_start = matches.truths_by_image
    rows = np.concatenate([order[start[one] : start[one + 1]] for one in places] or [order[:0]])
    of = np.concatenate([truth_order[truth_start[one] : truth_start[one + 1]] for one in places] or [order[:0]])
    at, to = pairs_within(matches.image[rows].astype(np.int64), matches.truth_image[of].astype(np.int64))
    at, truth = rows[at], of[to]
    value = overlaps(
        truths,
        detections,
        matches.row[at],
        truth,
        kind=matches.kind,
        sigmas=matches.sigmas,
        at_least=AT_LEAST,
    )
    order_of = np.lexsort((-truth, -value, at))
    order_of = order_of[value[order_of] >= AT_LEAST]
    return Overlaps(
        detection=at[order_of].astype(np.int32),
        truth=truth[order_of].astype(np.int32),
        overlap=value[order_of],
        at_least=AT_LEAST,
    )
