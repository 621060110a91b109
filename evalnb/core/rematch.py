"""Match again only where the truth was edited, and splice the outcome into the table that is there.

Matching never looks beyond one image, so an edited annotation can change only the rows of its own image. The table's
order (class, −score, image, rank) hangs on detections alone, so those rows stay where they are: what changes is who
claimed what. An edit in a table of 400,000 detections costs a few milliseconds, and the outcome equals a full match.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import CLAIMS, Matches, match
from evalnb.core.packed import PackedMasks
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.core.slices import AREAS
from evalnb.errors import Invalid

_R = TypeVar("_R", Truths, Detections)


def rematched(
    matches: Matches,
    truths: Truths,
    detections: Detections,
    *,
    images: Iterable[int],
    sigmas: Floats | None = None,
) -> Matches:
    """The table that ``match`` would make of these truths, if only the truths of ``images`` (ids) were edited.

    ``detections`` are those that the table was matched from. ``truths`` are all truths as they are now, those of
    other images in the order that they had; they may stand anywhere among the edited ones. ``sigmas`` are what
    ``match`` was given. Invalid if truths of other images came or went.
    """
    if matches.protocol != "coco":
        raise Invalid(
            f"a table matched by the rules of {matches.protocol} does not follow edits", remedy="evaluate it anew"
        )
    sigmas = matches.sigmas if sigmas is None else sigmas
    edited = np.unique(np.fromiter(images, dtype=np.int64))
    touched = np.isin(matches.images, edited)
    places = np.flatnonzero(touched)
    stay, renamed = _truths_that_stay(matches, truths, edited, touched)
    new_truths = np.flatnonzero(~stay)

    order, start = matches.by_image
    rows = np.sort(np.concatenate([order[start[one] : start[one + 1]] for one in places] or [order[:0]]))
    # In the order of the records: of equal scores the earlier record stands first.
    by_record = rows[np.argsort(matches.row[rows])]
    records = matches.row[by_record]
    part = match(
        taken(truths, new_truths),
        taken(detections, records),
        kind=matches.kind,
        images=matches.images[places],
        classes=matches.classes,
        detection_area=_areas_as_flagged(matches.flags[by_record]),
        sigmas=sigmas,
    )
    # Nothing matched with all truths: their columns alone, a millisecond for tens of thousands.
    nothing = taken(detections, np.empty(0, np.int64))
    whole = match(
        truths if matches.kind == "keypoints" else replace(truths, masks=None),
        nothing,
        kind="keypoints" if matches.kind == "keypoints" else "bbox",
        images=matches.images,
        classes=matches.classes,
    )
    out = replace(
        matches,
        **_spliced(matches, part, rows, touched, renamed, new_truths),
        truth_image=whole.truth_image,
        truth_class=whole.truth_class,
        truth_ignored=whole.truth_ignored,
    )
    out.__dict__["by_image"] = (order, start)
    return out


def _areas_as_flagged(flags: NDArray[np.uint8]) -> Floats:
    """(d,) areas that lie in and outside the ranges as the table says: all that matching asks of an area.

    What the areas themselves were depends on the source (COCO takes those of some masks from their boxes).
    """
    bounds = np.array(list(AREAS.values()))
    known = np.unique(np.concatenate([bounds.ravel(), bounds.mean(axis=1), [-1.0, 1e11, np.nan]]))
    outside = ((known < bounds[:, :1]) | (known > bounds[:, 1:])).astype(np.uint8)
    area_of = np.full(int(CLAIMS), np.nan)
    area_of[np.packbits(outside, axis=0, bitorder="little")[0]] = known
    area: Floats = area_of[flags & ~CLAIMS]
    return area


def _truths_that_stay(
    matches: Matches, truths: Truths, edited: Ints, touched: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """(t,) which of the new truths lie on other images, and the new row of each old one (-1: it is gone)."""
    stay = ~np.isin(truths.image, edited)
    old = matches.truth_image
    # Truths that are not evaluated (-1) are nowhere claimed, so nothing need find them again.
    before = np.flatnonzero((old >= 0) & ~touched[old])
    after = np.flatnonzero(stay & np.isin(truths.image, matches.images) & np.isin(truths.class_id, matches.classes))
    if len(before) != len(after):
        raise Invalid(
            f"{len(after)} truths lie on images that were not edited; {len(before)} were matched there",
            remedy="name every edited image, or match anew",
        )
    renamed = np.full(len(old), -1, np.int32)
    renamed[before] = after
    return stay, renamed


def _spliced(
    matches: Matches,
    part: Matches,
    rows: NDArray[np.int32],
    touched: NDArray[np.bool_],
    renamed: NDArray[np.int32],
    new_truths: Ints,
) -> dict[str, Any]:
    """The claims of the images that stay, joined by the part's, and the flags that say which row has one."""
    keep = ~touched[matches.image[matches.claim_at]]
    left = matches.claim_at[keep]
    right = rows[part.claim_at]
    at = np.searchsorted(left, right)
    old_truth = matches.claim_truth[keep]
    joined: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "claim_at": (left, right),
        "claim_matched": (matches.claim_matched[keep], part.claim_matched),
        "claim_ignored": (matches.claim_ignored[keep], part.claim_ignored),
        "claim_truth": (
            np.where(old_truth >= 0, renamed[old_truth], np.int32(-1)),
            np.where(part.claim_truth >= 0, _at(new_truths, part.claim_truth), -1).astype(np.int32),
        ),
    }
    flags = matches.flags.copy()
    flags[rows] &= ~CLAIMS
    flags[right] |= CLAIMS
    return {"flags": flags, **{name: np.insert(mine, at, more) for name, (mine, more) in joined.items()}}


def _at(values: Ints, places: NDArray[np.int32]) -> Ints:
    """``values[places]`` where there are any; a place of -1 gives anything."""
    return values[places] if len(values) else places.astype(np.int64)


def taken(records: _R, rows: Ints | NDArray[np.int32]) -> _R:
    """These rows of truths or of detections."""

    def column(values: Any) -> Any:
        if isinstance(values, np.ndarray):
            return values[rows]
        if isinstance(values, PackedMasks):
            return values.take(rows.astype(np.int64))
        if isinstance(values, Sequence):
            return [values[one] for one in rows.tolist()]
        return values

    return replace(records, **{one.name: column(getattr(records, one.name)) for one in fields(records)})
