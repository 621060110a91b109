"""Greedy claiming of truths by detections, for pairs of any making: all groups and thresholds in numpy's strokes.

The native library matches boxes and masks by COCO's rules much faster; this serves rules that it does not know.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Floats, Ints

Words: TypeAlias = NDArray[np.uint64]

_NONE = np.uint64(0)


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """Who took what: (d,) words over thresholds × ranges, and the truth's row at the first bit (-1: none)."""

    matched: Words
    ignored: Words
    truth: NDArray[np.int32]


def claim(
    *,
    detection: Ints,
    truth: Ints,
    overlap: Floats,
    group: Ints,
    truth_ignored: Words,
    crowd: NDArray[np.bool_],
    thresholds: Floats,
    ranges: int,
    nameless: NDArray[np.bool_],
) -> Claims:
    """Greedy claiming, all groups and all bits at once.

    ``detection`` (p,) and ``truth`` (p,) are the pairs whose ``overlap`` (p,) reaches the lowest threshold; ``group``
    (d,) gives each detection's group, detections of one group standing together, best first. ``truth_ignored`` (t,)
    words and ``crowd`` (t,) are the truths'; a ``nameless`` (t,) truth is taken but leaves its taker unmatched.

    Two detections of the same turn are never of one group, so numpy takes a whole turn in one stroke: a turn is the
    n-th detection that has a candidate at all, and its candidates go by from the best down.
    """
    claims = Claims(
        matched=np.zeros(len(group), np.uint64),
        ignored=np.zeros(len(group), np.uint64),
        truth=np.full(len(group), -1, np.int32),
    )
    # Best overlap first; of equals the later truth, since COCO replaces its candidate by one just as good.
    order = np.lexsort((-truth, -overlap, detection))
    detection, truth, overlap = detection[order], truth[order], overlap[order]
    preference = _rank_in_group(detection)
    heads = np.flatnonzero(preference == 0)
    turn = np.repeat(_rank_in_group(group[detection[heads]]), np.diff(np.append(heads, len(detection))))
    order = np.lexsort((preference, turn))
    detection, truth, overlap = detection[order], truth[order], overlap[order]
    turn, preference = turn[order], preference[order]
    every = np.uint64(2 ** (len(thresholds) * ranges) - 1)
    open_bits = words(np.tile(overlap >= np.minimum(thresholds, 1 - 1e-10)[:, None], (ranges, 1)), width=1)
    always = np.where(crowd, every, _NONE)
    free = np.full(len(crowd), every)
    wanting = np.full(len(group), every)
    named = ~nameless
    turns = np.flatnonzero(np.diff(turn, prepend=-1))
    steps = np.flatnonzero((np.diff(turn, prepend=-1) != 0) | (np.diff(preference, prepend=-1) != 0))
    bounds = [*steps.tolist(), len(detection)]
    first_step = [*np.searchsorted(steps, turns).tolist(), len(steps)]
    for begin, end in itertools.pairwise(first_step):
        for second_choice in (False, True):
            for step in range(begin, end):
                some = slice(bounds[step], bounds[step + 1])
                d, t = detection[some], truth[some]
                allowed = truth_ignored[t] if second_choice else ~truth_ignored[t]
                take = wanting[d] & open_bits[some] & (free[t] | always[t]) & allowed
                wanting[d] &= ~take
                free[t] &= ~take
                claims.matched[d] |= np.where(named[t], take, _NONE)
                if second_choice:
                    claims.ignored[d] |= take
                took = (take & np.uint64(1)).astype(bool)
                claims.truth[d[took]] = t[took]
    return claims


def pairs_within(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """All pairs of rows whose groups are equal: by left row, then by right row in its own order."""
    order = np.argsort(right, kind="stable")
    line = right[order]
    first, last = np.searchsorted(line, left, side="left"), np.searchsorted(line, left, side="right")
    many = last - first
    at = np.repeat(np.arange(len(left)), many)
    inside = np.arange(len(at)) - np.repeat(np.cumsum(many) - many, many)
    return at, order[np.repeat(first, many) + inside]


def _rank_in_group(group: Ints) -> Ints:
    """(n,) 0, 1, 2, … within each run of equal values."""
    heads = np.flatnonzero(np.diff(group, prepend=group[0] - 1)) if len(group) else np.empty(0, np.int64)
    return np.arange(len(group)) - np.repeat(heads, np.diff(np.append(heads, len(group))))


def words(flags: NDArray[np.bool_], *, width: int) -> Words:
    """(n,) words from (m, n) flags; each row of flags fills ``width`` bits."""
    out = np.zeros(flags.shape[1], np.uint64)
    every = np.uint64(2**width - 1)
    for place, row in enumerate(flags):
        out |= np.where(row, every << np.uint64(place * width), _NONE)
    return out
