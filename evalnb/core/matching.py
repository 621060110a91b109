"""Match detections to truths once; every number is an aggregation of what this finds.

The rules are COCO's (``cocoeval.py``, ``evaluateImg``), bit for bit: detections of one image and class, best first,
at most 100; each takes the free truth of the highest IoU at or above the threshold, a later truth before an earlier
one of the same IoU, and a truth that is to be ignored (a crowd, or outside the area range) only if no other will do;
crowds may be taken again and again. Detections that took an ignored truth, or took none and are outside the area
range themselves, count for nothing.

All ten IoU thresholds and all four area ranges are matched at once: bit ``10 · area + threshold`` of a 40-bit word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evalnb.core.claiming import Words, words
from evalnb.core.kinds import MAX_DETECTIONS, Kind, needed
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.core.slices import AREAS
from evalnb.core.solving import Known, by_class, lay_out

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""The IoU thresholds. Made as COCO makes them: ``arange`` would give slightly larger numbers."""
AREA_NAMES = tuple(AREAS)


def bit(threshold: int, area: int) -> np.uint64:
    """The word's bit of the ``threshold``-th IoU and the ``area``-th range."""
    return np.uint64(len(THRESHOLDS) * area + threshold)


LIMITS = {"lvis": (300,), "open_images": (10_000,)}
"""The limits of protocols that have their own, whatever the kind."""
CLAIMS = np.uint8(128)
"""The bit of ``Matches.flags`` that says a detection took something."""


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """Where a protocol's matching differs from COCO's. None changes nothing."""

    protocol: str = "coco"
    counted: NDArray[np.bool_] | None = None
    """(d,) detections that exist at all."""
    truth_counted: NDArray[np.bool_] | None = None
    """(t,) likewise."""
    unsure: NDArray[np.bool_] | None = None
    """(d,) detections that count for nothing unless they take a truth."""
    group: NDArray[np.int8] | None = None
    """(k,) the group of each class, ascending by class id: LVIS's frequency. -1 for none."""


COCO = Rules()


@dataclass(frozen=True, eq=False)
class Matches:
    """What was matched with what. Detections are sorted once by class, −score, image and rank: an order that any
    subset of images, classes or scores keeps, so that no number ever sorts again.

    A detection costs 18 bytes. Only one that took something (its *claim*, a quarter of them or fewer) has words."""

    kind: Kind
    images: Ints
    """(i,) ids of the images evaluated, in the order that breaks ties between them."""
    classes: Ints
    """(k,) ids of the classes evaluated, ascending."""
    image: NDArray[np.int32]
    """(d,) the detection's place in ``images``."""
    start: Ints
    """(k + 1,) where each class's detections begin."""
    score: Floats
    """(d,)"""
    rank: NDArray[np.uint8]
    """(d,) 0 for the best detection of its image and class; 255 stands for all from there on."""
    flags: NDArray[np.uint8]
    """(d,) bit a: outside the ``a``-th area range; bit 7: it has a claim."""
    row: NDArray[np.int32]
    """(d,) the detection's row in the records it came from."""
    claim_at: NDArray[np.int32]
    """(c,) the rows of this table that have a claim, ascending."""
    claim_matched: Words
    """(c,) bits where it took a truth (other than annotation id 0, which COCO takes for none)."""
    claim_ignored: Words
    """(c,) bits where it counts for nothing."""
    claim_truth: NDArray[np.int32]
    """(c,) the row of the truth taken at IoU 0.5 over all areas, -1 for none."""
    truth_image: NDArray[np.int32]
    """(t,) the truth's place in ``images``; -1 for truths of images or classes that are not evaluated."""
    truth_class: NDArray[np.int32]
    """(t,) the truth's place in ``classes``; -1 likewise."""
    truth_ignored: NDArray[np.uint8]
    """(t,) bit a is set where the truth does not count in the ``a``-th area range."""
    protocol: str = "coco"
    """Whose rules it was matched by, and whose numbers it gives: coco, lvis or open_images."""
    group: NDArray[np.int8] | None = None
    """(k,) LVIS's frequency group of each class: 0 rare, 1 common, 2 frequent, -1 not said."""
    sigmas: Floats | None = None
    """(k,) the keypoints' deviations, where they were given."""

    @property
    def limits(self) -> tuple[int, ...]:
        """How many detections count, at the most, in ascending order; the last is how many were matched."""
        return LIMITS.get(self.protocol) or MAX_DETECTIONS[self.kind]

    def __len__(self) -> int:
        return len(self.score)

    @cached_property
    def matched(self) -> Words:
        """(d,) bits where it took a truth."""
        out = np.zeros(len(self), np.uint64)
        out[self.claim_at] = self.claim_matched
        return out

    @cached_property
    def ignored(self) -> Words:
        """(d,) bits where it counts for nothing: it took an ignored truth, or took none and is outside the range."""
        outside: Words = np.array([words(bits[:, None], width=len(THRESHOLDS))[0] for bits in _BITS], dtype=np.uint64)
        out: Words = outside[self.flags & ~CLAIMS]
        out[self.claim_at] = self.claim_ignored
        return out

    @cached_property
    def truth_at_50(self) -> NDArray[np.int32]:
        """(d,) the row of the truth taken at IoU 0.5 over all areas, -1 for none."""
        out = np.full(len(self), -1, np.int32)
        out[self.claim_at] = self.claim_truth
        return out

    @cached_property
    def claim_start(self) -> Ints:
        """(k + 1,) where each class's claims begin."""
        return np.searchsorted(self.claim_at, self.start).astype(np.int64)

    @cached_property
    def truths_by_class(self) -> tuple[Ints, Ints]:
        """The rows of the truths evaluated, by class, and (k + 1,) where each class's begin among them."""
        start, order = by_class(self.truth_class, self.truth_image, len(self.classes))
        return order.astype(np.int64), start

    @cached_property
    def by_image(self) -> tuple[NDArray[np.int32], Ints]:
        """The table's rows by image, ascending within each, and (i + 1,) where each image's begin among them."""
        start, order = by_class(self.image, self.image, len(self.images))
        return order, start

    @cached_property
    def claims_by_image(self) -> tuple[NDArray[np.int32], Ints]:
        """The claims by image, ascending within each, and (i + 1,) where each image's begin among them."""
        of = self.image[self.claim_at]
        start, order = by_class(of, of, len(self.images))
        return order, start

    @cached_property
    def truths_by_image(self) -> tuple[NDArray[np.int32], Ints]:
        """The rows of the truths evaluated, by image, and (i + 1,) where each image's begin among them."""
        start, order = by_class(self.truth_image, self.truth_image, len(self.images))
        return order, start

    def counts(self) -> NDArray[np.int32]:
        """(i, k, 4) how many truths count, by image, class and area range."""
        out = np.zeros((len(self.images), len(self.classes), len(AREA_NAMES)), np.int32)
        for area in range(len(AREA_NAMES)):
            of = np.flatnonzero((self.truth_image >= 0) & ((self.truth_ignored >> area) & 1 == 0))
            np.add.at(out[..., area], (self.truth_image[of], self.truth_class[of]), 1)
        return out


def match(
    truths: Truths,
    detections: Detections,
    *,
    kind: Kind,
    images: Ints,
    classes: Ints,
    detection_area: Floats | None = None,
    sigmas: Floats | None = None,
    rules: Rules = COCO,
    known: Known | None = None,
) -> Matches:
    """Match every detection of these images and classes; rows of others are left out, as COCO leaves them out.

    ``images`` come in the order in which equal scores of different images are to stand; COCO's is ascending by id.
    ``detection_area`` (d,) px² overrides what is computed from the boxes (bbox), masks (segm) or keypoints' extent.
    ``sigmas`` (k,) are the keypoints' deviations; COCO's for 17 keypoints, 1/k otherwise. ``rules`` are another
    protocol's. ``known`` overlaps, all of 0.5 and more, are taken instead of comparing anything.
    """
    layout = lay_out(
        truths,
        detections,
        kind=kind,
        images=np.asarray(images, dtype=np.int64),
        classes=np.unique(classes),
        detection_area=detection_area,
        sigmas=sigmas,
        least=float(THRESHOLDS[0]),
        counted=rules.counted,
        truth_counted=rules.truth_counted,
        known=known,
    )
    columns = layout.solve(
        ignore=ignored(truths, kind),
        thresholds=THRESHOLDS,
        ranges=np.array(list(AREAS.values())),
        limit=(LIMITS.get(rules.protocol) or MAX_DETECTIONS[kind])[-1],
        unsure=rules.unsure,
    )
    return Matches(
        kind=kind,
        protocol=rules.protocol,
        group=rules.group,
        sigmas=None if sigmas is None else np.asarray(sigmas, dtype=np.float64),
        **columns,
    )


def ignored(truths: Truths, kind: Kind) -> NDArray[np.bool_]:
    """(t,) which truths count in no area range: crowds, those a source ignores, those without a labelled keypoint."""
    out = truths.crowd if truths.ignore is None else truths.crowd | truths.ignore
    if kind == "keypoints":
        out = out | ~(needed(truths.keypoints, "truths", kind)[:, :, 2] > 0).any(axis=1)
    return out


_BITS = np.unpackbits(np.arange(16, dtype=np.uint8)[:, None], axis=1, bitorder="little")[:, : len(AREA_NAMES)] != 0
