"""An evaluation's nearby pairs laid out for asking: who takes which truth at any threshold, under any rule.

A match table holds COCO's claims at ten thresholds and four area ranges. Every other rule (whatever the class,
another threshold, other areas) is a greedy walk over the pairs that overlap at all, whose overlaps are known:
milliseconds for hundreds of thousands of detections, and no outline is compared again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.matching import Matches
from evalnb.core.overlaps import Overlaps
from evalnb.core.records import Ints, Truths
from evalnb.errors import Invalid

Bytes: TypeAlias = NDArray[np.uint8]
Flags: TypeAlias = NDArray[np.bool_]

COUNTS, IGNORED, CROWD, ABSENT = (np.uint8(i) for i in range(4))
"""What a truth is to those who would take it; the same numbers stand in explain.c."""


@dataclass(frozen=True, eq=False)
class Near:
    """The pairs of ``nearby`` beside the table and the truths that they are rows of."""

    matches: Matches
    pairs: Overlaps
    crowd: Flags
    """(t,)"""
    nameless: Flags
    """(t,) truths of annotation id 0, which COCO never takes for matched."""

    @classmethod
    def of(cls, matches: Matches, truths: Truths, pairs: Overlaps) -> Near:
        """From the truths that the table was matched from."""
        return cls(matches=matches, pairs=pairs, crowd=truths.crowd.astype(bool), nameless=truths.id == 0)

    @cached_property
    def start(self) -> Ints:
        """(d + 1,) where each detection's pairs begin."""
        many = np.bincount(self.pairs.detection, minlength=len(self.matches))
        return np.concatenate(([0], np.cumsum(many))).astype(np.int64)

    @cached_property
    def class_of(self) -> NDArray[np.int32]:
        """(d,) the place of each detection's class."""
        return np.repeat(np.arange(len(self.matches.classes), dtype=np.int32), np.diff(self.matches.start))

    @cached_property
    def same(self) -> Bytes:
        """(p,) 1 where detection and truth are of one class."""
        theirs = self.matches.truth_class[self.pairs.truth]
        alike: Bytes = (self.class_of[self.pairs.detection] == theirs).astype(np.uint8)
        return alike

    @cached_property
    def in_class_order(self) -> NDArray[np.int32]:
        """The detections that are near anything, in the order of the table: class by class, the best first."""
        return np.flatnonzero(np.diff(self.start)).astype(np.int32)

    @cached_property
    def in_score_order(self) -> NDArray[np.int32]:
        """The same, the best first whatever their class; the table's order breaks ties."""
        rows = self.in_class_order
        order: NDArray[np.int32] = rows[np.argsort(-self.matches.score[rows], kind="stable")]
        return order

    def state(self, ignored: Flags) -> Bytes:
        """(t,) what each truth is where those ``ignored`` (t,) do not count; crowds never do."""
        out: Bytes = np.where(ignored, IGNORED, COUNTS)
        out[self.crowd] = CROWD
        out[self.matches.truth_image < 0] = ABSENT
        return out

    def take(self, order: NDArray[np.int32], state: Bytes, *, least: float, of_class: bool) -> Ints:
        """(d,) the pair that each detection takes, -1 for none: those of ``order`` choose one after the other.

        Each takes the free truth of the highest overlap at or above ``least``; one to be ignored only if no other
        will do; only truths of its class if ``of_class``. ``state`` (t,) as ``Near.state`` gives it. Invalid below
        the least overlap that was kept.
        """
        if least < self.pairs.at_least:
            raise Invalid(
                f"overlaps below {self.pairs.at_least:g} are not kept, and {least:g} was asked for",
                remedy=f"use an IoU of {self.pairs.at_least:g} or more",
            )
        out = np.full(len(self.matches), -1, np.int64)
        used = np.zeros(len(state), np.uint8)
        native.library().evalnb_take(
            native.address(native.as_array(order, np.int32)),
            len(order),
            native.address(self.start),
            native.address(native.as_array(self.pairs.truth, np.int32)),
            native.address(native.as_array(self.pairs.overlap, np.float64)),
            native.address(self.same) if of_class else None,
            native.address(native.as_array(state, np.uint8)),
            least,
            native.address(used),
            native.address(out),
        )
        return out
