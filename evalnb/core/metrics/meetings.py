"""Who met whom at one operating point: the detections and truths behind every count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalnb.core.claiming import pairs_within
from evalnb.core.kinds import overlaps
from evalnb.core.matching import Matches
from evalnb.core.metrics.part import Part
from evalnb.core.near import ABSENT, COUNTS, Near
from evalnb.core.overlaps import AT_LEAST, Overlaps
from evalnb.core.records import Detections, Ints, Truths


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
    near: Near,
    part: Part | None = None,
    *,
    iou: float = 0.5,
    confidence: float = 0.25,
    same_class: bool = True,
) -> Meetings:
    """Match the detections at or above ``confidence`` at one overlap, and tell every pair, ghost and miss.

    ``same_class`` asks as COCO does (with the kind's own limit of detections, over all areas); otherwise a detection
    takes the best free truth of its image whatever its class, and the rows are those that ``confusion`` counts.
    ``near`` holds the overlaps of at least the part's images. What took a crowd or an ignored truth, and a crowd or
    ignored truth itself, counts for nothing and is left out. Invalid below the overlap that ``near`` begins at.
    """
    part = part or Part()
    matches = near.matches
    rows, _ = part.detections(matches)
    rows = np.arange(len(matches)) if isinstance(rows, slice) else rows
    rows = rows[matches.score[rows] >= confidence]
    chosen = np.zeros(len(matches), bool)
    chosen[rows] = True
    order = near.in_class_order if same_class else near.in_score_order
    state = near.state((matches.truth_ignored & 1).astype(bool))
    state[~part.truths(matches)] = ABSENT
    pair = near.take(order[chosen[order]], state, least=iou, of_class=same_class)[rows]
    took = pair >= 0
    truth, counting = np.full(len(rows), -1, np.int64), ~took
    truth[took] = near.pairs.truth[pair[took]]
    counting[took] = state[truth[took]] == COUNTS
    missed = state == COUNTS
    missed[truth[took]] = False
    lost = np.flatnonzero(missed)
    return Meetings(
        truth=np.concatenate([truth[counting], lost]),
        detection=np.concatenate([rows[counting], np.full(len(lost), -1)]),
    )


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
