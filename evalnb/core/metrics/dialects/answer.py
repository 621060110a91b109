"""Average precision of the same boxes under any rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from evalnb.core.metrics.dialects.area import recalls, under
from evalnb.core.metrics.dialects.boxes import Boxes
from evalnb.core.metrics.dialects.chosen import Chosen, chosen
from evalnb.core.metrics.dialects.claims import Outcome, Pairs, claims, pairs
from evalnb.core.metrics.dialects.rules import Rules
from evalnb.core.metrics.dialects.ties import hits_first, order
from evalnb.core.records import Floats

_T = TypeVar("_T")


class Answers:
    """What any rules make of the same boxes. A stage whose rules have not changed since the last call is not run
    again, so that rules switched one at a time cost little more than one set of them."""

    def __init__(self, boxes: Boxes) -> None:
        self._boxes = boxes
        self._last: dict[str, tuple[tuple[str, ...], Any]] = {}

    def ap(self, rules: Rules) -> Floats:
        """(10,) mean average precision at IoU 0.5, 0.55 … 0.95; -1 or 0 where there is nothing to measure."""
        some = self._chosen(rules)
        outcome = self._claims(rules)
        by_class = self._by_class(some, outcome, rules)
        counts = np.repeat(outcome.truths[:, None] > 0, 10, axis=1)
        if rules.classes == "seen":
            np.logical_or.at(counts, some.class_of, outcome.counts)
        many = counts.sum(axis=0)
        if not many.all():
            return np.full(10, float(rules.nothing))
        mean: Floats = np.where(counts, by_class, 0).sum(axis=0) / many
        return mean

    def _by_class(self, some: Chosen, outcome: Outcome, rules: Rules) -> Floats:
        """(k, 10)"""
        boxes = self._boxes
        ranked = order(boxes, some, ties=rules.ties, scores=rules.scores)
        steps = recalls(rules.recalls)
        start = np.searchsorted(some.class_of, np.arange(boxes.classes + 1))
        out = np.zeros((boxes.classes, 10))
        for t in range(10):
            hit, counts = outcome.hit[:, t], outcome.counts[:, t]
            line = hits_first(some, ranked, hit) if rules.ties == "hits first" else ranked
            hit, counts = hit[line], counts[line]
            for k in np.flatnonzero(outcome.truths):
                rows = slice(start[k], start[k + 1])
                out[k, t] = under(hit[rows][counts[rows]], int(outcome.truths[k]), area=rules.area, steps=steps)
        return out

    def _chosen(self, rules: Rules) -> Chosen:
        crowds = rules.crowds if rules.limit == "300 per image or more" else "ignored"
        return self._once(
            "chosen",
            (rules.limit, rules.scores, crowds),
            lambda: chosen(self._boxes, limit=rules.limit, scores=rules.scores, crowds=crowds),
        )

    def _pairs(self, rules: Rules) -> Pairs:
        return self._once(
            "pairs",
            (rules.limit, rules.scores, rules.crowds, rules.overlap),
            lambda: pairs(self._boxes, self._chosen(rules), rule=rules.overlap),
        )

    def _claims(self, rules: Rules) -> Outcome:
        asked = (rules.crowds, rules.nameless, rules.sizes, rules.thresholds, rules.choice)
        return self._once(
            "claims",
            (rules.limit, rules.scores, rules.overlap, *asked),
            lambda: claims(self._boxes, self._chosen(rules), self._pairs(rules), rules),
        )

    def _once(self, stage: str, asked: tuple[str, ...], work: Callable[[], _T]) -> _T:
        if stage not in self._last or self._last[stage][0] != asked:
            self._last[stage] = (asked, work())
        value: _T = self._last[stage][1]
        return value
