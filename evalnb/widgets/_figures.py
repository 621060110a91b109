"""The numbers behind the Evaluation widget's figures. Nothing here matches again but what an edit touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import metrics
from evalnb.core.matching import AREA_NAMES, bit
from evalnb.core.metrics.accumulate import numbers, summary_keys
from evalnb.core.metrics.counts import ByImage
from evalnb.core.metrics.meetings import Meetings, meetings, nearby_in
from evalnb.core.near import Near
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import NotFound
from evalnb.runs.evaluation import Evaluation
from evalnb.wire.evaluation import (
    CellMark,
    ClassMark,
    EvaluationQuery,
    ImageItem,
    Mark,
    ScoresMark,
    SizesMark,
    WorstMark,
)

SCORE_EDGES = np.linspace(0, 1, 51)
SIZE_EDGES = 2.0 ** np.linspace(2, 10, 33)
"""√area in px, eight bars to a power of four; 32 and 96 px, COCO's bounds, are drawn as lines."""
OPERATING = 0.25
"""The confidence of an operating point where the query names none."""
CURVES_MAX = 6
CONFUSED_MAX = 20

HIT, GHOST, MISS, MARKED = 0, 1, 2, 4


@dataclass(frozen=True, eq=False)
class Figures:
    """One evaluation, asked again and again."""

    whole: Evaluation

    @cached_property
    def tags(self) -> dict[str, int]:
        """How many images bear each tag."""
        out: dict[str, int] = {}
        for tags in self.whole.images.tags:
            for one in tags:
                out[one] = out.get(one, 0) + 1
        return dict(sorted(out.items()))

    @cached_property
    def records(self) -> tuple[Truths, Detections]:
        """What was matched, read once."""
        return self.whole.records()

    @cached_property
    def class_places(self) -> Ints:
        """The places of the classes that the whole has."""
        return self.whole.rows().places(self.whole.matches)

    @cached_property
    def score_bin(self) -> NDArray[np.uint8]:
        """(d,) the bar of each detection's score."""
        return _bins(SCORE_EDGES, self.whole.matches.score)

    @cached_property
    def size_bin(self) -> NDArray[np.uint8]:
        """(t,) the bar of each truth's size."""
        return _bins(SIZE_EDGES, np.sqrt(np.maximum(self.records[0].area, 0)))

    @cached_property
    def whole_numbers(self) -> list[float]:
        """The numbers without a query."""
        return list(self.whole.summary().values())

    @cached_property
    def whole_ap(self) -> Floats:
        """(k,) AP of each class without a query."""
        return metrics.per_class(self.whole.matches, self.whole.rows(), area=self.whole.area).ap

    def narrowed(self, query: EvaluationQuery) -> Evaluation:
        """``where``, as the query says. NotFound for a class that the evaluation has not."""
        known = set(self.whole.matches.classes.tolist())
        for one in query.classes or ():
            if one not in known:
                raise NotFound(f"the evaluation has no class {one}", remedy="run the cell again")
        return self.whole.where(
            tag=query.tags,
            classes=None if query.classes is None else [self.whole.named(one) for one in query.classes],
            area=None if query.area in ("all", self.whole.area) else query.area,
            confidence=query.confidence,
        )

    def numbers(self, query: EvaluationQuery) -> list[float]:
        """The numbers of a query."""
        one = self.narrowed(query)
        return list(metrics.summary(one.matches, one.rows(), area=one.area).values())

    def at_once(self, query: EvaluationQuery) -> AtOnce:
        """All that follows a slider, from one count of the part."""
        one = self.narrowed(query)
        matches, part, area = one.matches, one.rows(), AREA_NAMES.index(one.area)
        threshold = one.threshold_of(query.iou)
        found = metrics.tally(matches, part, area=one.area, curves=True)
        places = part.places(matches)
        per_class = np.full((len(matches.classes), 5), np.nan, np.float32)
        per_class[places] = np.stack(
            [
                found.precision[:, area].mean(axis=1),
                found.precision[:, area, 0],
                found.recall[:, area].mean(axis=1),
                found.truths[:, area],
                found.detections,
            ],
            axis=1,
        )
        some = found.truths[:, area] > 0
        curves = found.curve[:, area, threshold]
        chosen = np.flatnonzero(some) if query.classes and len(query.classes) <= CURVES_MAX else np.empty(0, int)
        mean = curves[some].mean(axis=0) if some.any() else np.zeros(len(metrics.RECALLS))
        return AtOnce(
            numbers=numbers(matches, found, one.area),
            per_class=per_class[self.class_places],
            curves=np.vstack([mean, curves[chosen]]).astype(np.float32),
            curve_classes=matches.classes[places[chosen]].tolist(),
            scores=self._scores(query, threshold, area),
            sizes=self._sizes(one),
            images=one.image_count(),
            truths=int(found.truths[:, area].sum()),
            detections=int(found.detections.sum()),
        )

    def _scores(self, query: EvaluationQuery, threshold: int, area: int) -> NDArray[np.int32]:
        """(2, s) hits and ghosts by score, whatever the confidence: the bars stand still under the brush."""
        key = query.model_copy(update={"confidence": 0.0}).model_dump_json()
        known: tuple[str, NDArray[np.int32]] | None = self.__dict__.get("_counted")
        if known is None or known[0] != key:
            known = self.__dict__["_counted"] = (key, self._count_scores(query, threshold, area))
        return known[1]

    def _count_scores(self, query: EvaluationQuery, threshold: int, area: int) -> NDArray[np.int32]:
        matches, part = self.whole.matches, self._whatever_confidence(query).rows()
        keep = matches.score >= part.confidence
        if part.images is not None:
            keep &= part.images[matches.image]
        if part.classes is not None:
            wanted = np.zeros(len(matches.classes), bool)
            wanted[part.classes] = True
            keep &= np.repeat(wanted, np.diff(matches.start))
        word = np.uint64(1) << bit(threshold, area)
        claims = matches.claim_at[keep[matches.claim_at]]
        of = keep[matches.claim_at]
        hit = ((matches.claim_matched[of] & ~matches.claim_ignored[of]) & word) != 0
        nothing = (matches.claim_ignored[of] & word) != 0
        many = len(SCORE_EDGES) - 1
        hits = np.bincount(self.score_bin[claims[hit]], minlength=many)
        # A claim may be for another overlap or range: what it is here, its own words say.
        counting = keep & ((matches.flags >> np.uint8(area)) & 1 == 0)
        counting[claims] = ~nothing
        ghosts = np.bincount(self.score_bin[counting], minlength=many) - hits
        return np.stack([hits, ghosts]).astype(np.int32)

    def _sizes(self, one: Evaluation) -> NDArray[np.int32]:
        """(2, z) found and missed truths by size, at IoU 0.5 and whatever the range."""
        matches, part = one.matches, one.rows()
        of = part.truths(matches) & (matches.truth_ignored & 1 == 0)
        found = np.zeros(len(of), bool)
        sure = (matches.claim_truth >= 0) & (matches.score[matches.claim_at] >= part.confidence)
        found[matches.claim_truth[sure]] = True
        many = len(SIZE_EDGES) - 1
        return np.stack([np.bincount(self.size_bin[of & which], minlength=many) for which in (found, ~found)]).astype(
            np.int32
        )

    # ---------------------------------------------------------------------------------- an operating point

    def confused(self, query: EvaluationQuery) -> tuple[NDArray[np.int32], list[int], int]:
        """The confusion matrix, the ids of the classes that it shows, and how many others it sums up as one."""
        one = self.narrowed(query)
        truth, found = self._cells(one, self.meetings(query, one))
        k = len(one.matches.classes)
        full = np.zeros((k + 1, k + 1), np.int64)
        np.add.at(full, (truth, found), 1)
        places = one.rows().places(one.matches)
        if len(places) <= CONFUSED_MAX:
            at = np.append(places, k)
            return full[np.ix_(at, at)].astype(np.int32), one.matches.classes[places].tolist(), 0
        among = full[:k, :k] - np.diag(np.diag(full[:k, :k]))
        wrong = (among.sum(axis=0) + among.sum(axis=1))[places]
        shown = np.sort(places[np.argsort(-wrong, kind="stable")[: CONFUSED_MAX - 1]])
        group = np.full(k + 1, len(shown))
        group[shown], group[k] = np.arange(len(shown)), len(shown) + 1
        small = np.zeros((len(shown) + 2, len(shown) + 2), np.int64)
        np.add.at(small, (group[truth], group[found]), 1)
        return small.astype(np.int32), one.matches.classes[shown].tolist(), len(places) - len(shown)

    def meetings(self, query: EvaluationQuery, one: Evaluation) -> Meetings:
        """Who met whom, whatever the class; the last one asked for is kept."""
        key = query.model_dump_json()
        known: tuple[str, Meetings] | None = self.__dict__.get("_met")
        if known is None or known[0] != key:
            met = meetings(
                self.whole.near,
                one.rows(),
                iou=query.iou,
                confidence=operating(query),
                same_class=False,
            )
            known = self.__dict__["_met"] = (key, met)
        return known[1]

    def _cells(self, one: Evaluation, met: Meetings) -> tuple[Ints, Ints]:
        """(m,) places of the truths' and the detections' classes; the number of classes stands for background."""
        k = len(one.matches.classes)
        class_of = np.repeat(np.arange(k), np.diff(one.matches.start))
        truth = np.where(met.truth >= 0, _pick(one.matches.truth_class, met.truth), k)
        return truth.astype(np.int64), np.where(met.detection >= 0, _pick(class_of, met.detection), k)

    # ------------------------------------------------------------------------------------ images behind a mark

    def behind(self, query: EvaluationQuery, mark: Mark) -> tuple[Ints, Ints, ByImage]:
        """The places of the images behind a mark, best first, how much each has of it, and all images' counts."""
        one = self.narrowed(query)
        if isinstance(mark, ClassMark):
            one = one.where(classes=[self.whole.named(mark.class_id)])
        part, threshold = one.rows(), one.threshold_of(query.iou)
        table = metrics.by_image(one.matches, part, confidence=operating(query), area=one.area, threshold=threshold)
        inside = np.ones(len(one.matches.images), bool) if part.images is None else part.images
        wrong = table.fp + table.fn
        if isinstance(mark, WorstMark | ClassMark):
            places = np.flatnonzero(inside & (wrong > 0))
            key = table.f1 if isinstance(mark, WorstMark) else -wrong
            places = places[np.lexsort((places, -wrong[places], key[places]))]
            return places, wrong, table
        count = np.bincount(self._marked_images(query, mark, one), minlength=len(inside))
        places = np.flatnonzero(inside & (count > 0))
        return places[np.lexsort((places, -count[places]))], count, table

    def _marked_images(self, query: EvaluationQuery, mark: CellMark | ScoresMark | SizesMark, one: Evaluation) -> Any:
        """The place of the image of each marked thing."""
        matches, part = one.matches, one.rows()
        if isinstance(mark, CellMark):
            met = self.meetings(query, one)
            some = self._in_cell(one, met, mark)
            truth, found = met.truth[some], met.detection[some]
            return np.where(truth >= 0, _pick(matches.truth_image, truth), _pick(matches.image, found))
        area = AREA_NAMES.index(one.area)
        if isinstance(mark, ScoresMark):
            rows, _ = self._whatever_confidence(query).rows().detections(matches)
            rows = np.arange(len(matches)) if isinstance(rows, slice) else rows
            score = matches.score[rows]
            rows = rows[(score >= mark.low) & (score <= mark.high)]
            word = np.uint64(1) << bit(one.threshold_of(query.iou), area)
            rows = rows[(matches.ignored[rows] & word) == 0]
            hit = (matches.matched[rows] & word) != 0
            return matches.image[rows if mark.outcome == "any" else rows[hit == (mark.outcome == "hit")]]
        of = part.truths(matches) & (matches.truth_ignored & 1 == 0)
        size = np.sqrt(np.maximum(self.records[0].area, 0))
        of &= (size >= mark.low) & (size < mark.high)
        if mark.outcome != "any":
            found = np.zeros(len(of), bool)
            sure = (matches.claim_truth >= 0) & (matches.score[matches.claim_at] >= part.confidence)
            found[matches.claim_truth[sure]] = True
            of &= found == (mark.outcome == "found")
        return matches.truth_image[of]

    def _whatever_confidence(self, query: EvaluationQuery) -> Evaluation:
        return self.narrowed(query.model_copy(update={"confidence": 0.0}))

    def _in_cell(self, one: Evaluation, met: Meetings, mark: CellMark) -> Any:
        truth, found = self._cells(one, met)
        k = len(one.matches.classes)
        place = {int(id): at for at, id in enumerate(one.matches.classes.tolist())}
        wanted = [k if id is None else place[id] for id in (mark.truth, mark.detected)]
        return (truth == wanted[0]) & (found == wanted[1])

    def items(self, places: Ints, count: Ints, table: ByImage) -> list[ImageItem]:
        """The images at these places."""
        about = self.whole.images
        return [
            ImageItem(
                id=int(about.id[at]),
                name=about.name[at],
                width=int(about.size[at, 1]),
                height=int(about.size[at, 0]),
                count=int(count[at]),
                hits=int(table.tp[at]),
                ghosts=int(table.fp[at]),
                misses=int(table.fn[at]),
                f1=float(table.f1[at]),
            )
            for at in places.tolist()
        ]

    def boxes(self, query: EvaluationQuery, mark: Mark, places: Ints) -> tuple[NDArray[np.int32], Floats, Ints]:
        """(m + 1,) where each image's boxes begin, (b, 4) x, y, w, h, and (b,) what they are."""
        one = self.narrowed(query)
        matches = one.matches
        keep = np.zeros(len(matches.images), bool)
        keep[places] = True
        part = metrics.Part(images=keep, classes=one.rows().classes)
        confidence = operating(query)
        if isinstance(mark, ScoresMark):
            confidence = min(confidence, mark.low)
        truths, detections = self.records
        met = meetings(
            Near.of(matches, truths, nearby_in(matches, truths, detections, places)),
            part,
            iou=query.iou,
            confidence=confidence,
            same_class=not isinstance(mark, CellMark),
        )
        truth, found = self._cells(one, met)
        kind = np.where(met.detection < 0, MISS, np.where((met.truth >= 0) & (truth == found), HIT, GHOST))
        kind = kind + MARKED * self._marked(one, met, truth, found, mark)
        image = np.where(
            met.detection >= 0, _pick(matches.image, met.detection), _pick(matches.truth_image, met.truth)
        )
        box = np.where(
            (met.detection >= 0)[:, None],
            _pick(detections.box, _pick(matches.row, met.detection)),
            _pick(truths.box, met.truth),
        )
        rank = np.full(len(matches.images), -1)
        rank[places] = np.arange(len(places))
        # Marked ones last: they are drawn over the others.
        order = np.lexsort((kind, rank[image]))
        start = np.searchsorted(rank[image][order], np.arange(len(places) + 1)).astype(np.int32)
        return start, box[order], kind[order]

    def _marked(self, one: Evaluation, met: Meetings, truth: Ints, found: Ints, mark: Mark) -> Any:
        if isinstance(mark, CellMark):
            return self._in_cell(one, met, mark)
        if isinstance(mark, ClassMark):
            at = int(np.searchsorted(one.matches.classes, mark.class_id))
            return ((truth == at) | (found == at)) & ((met.truth < 0) | (met.detection < 0))
        hit = (met.truth >= 0) & (met.detection >= 0)
        if isinstance(mark, ScoresMark):
            score = np.where(met.detection >= 0, _pick(one.matches.score, met.detection), -1.0)
            chosen = np.ones(len(hit), bool) if mark.outcome == "any" else hit == (mark.outcome == "hit")
            return (score >= mark.low) & (score <= mark.high) & chosen
        if isinstance(mark, SizesMark):
            size = np.sqrt(np.where(met.truth >= 0, _pick(self.records[0].area, met.truth), -1.0).clip(0))
            chosen = np.ones(len(hit), bool) if mark.outcome == "any" else hit == (mark.outcome == "found")
            return (met.truth >= 0) & (size >= mark.low) & (size < mark.high) & chosen
        return ~hit


@dataclass(frozen=True, slots=True, eq=False)
class AtOnce:
    """What ``Figures.at_once`` counts; see ``FiguresReply``."""

    numbers: list[float]
    per_class: NDArray[np.float32]
    curves: NDArray[np.float32]
    curve_classes: list[int]
    scores: NDArray[np.int32]
    sizes: NDArray[np.int32]
    images: int
    truths: int
    detections: int


def operating(query: EvaluationQuery) -> float:
    """The confidence of the operating point."""
    return query.confidence if query.confidence > 0 else OPERATING


def keys(evaluation: Evaluation) -> Sequence[str]:
    """The names of the numbers."""
    return summary_keys(evaluation.matches)


def _bins(edges: Floats, values: Floats) -> NDArray[np.uint8]:
    """(n,) the bar of each value; those outside go to the outermost."""
    return (np.searchsorted(edges, values, side="right") - 1).clip(0, len(edges) - 2).astype(np.uint8)


def _pick(values: NDArray[Any], at: NDArray[Any]) -> Any:
    """``values[at]``, and anything where ``at`` is -1, even of an empty column."""
    if len(values):
        return values[at]
    return np.zeros((len(at), *values.shape[1:]), values.dtype)
