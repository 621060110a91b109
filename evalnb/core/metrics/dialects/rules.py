"""The rules of average precision, one by one: what COCO's tool does, and what others do in its place.

Two tools that read the same boxes give two numbers because some of these differ, and for no other reason. A rule is
named by what it does; who does it is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeAlias

Crowds: TypeAlias = Literal["ignored", "ignored above", "dropped"]
Nameless: TypeAlias = Literal["never matched", "matched"]
Sizes: TypeAlias = Literal["up to 1e10", "any"]
Limit: TypeAlias = Literal["100 per class", "100 per image", "300 per image", "300 per image or more"]
Overlap: TypeAlias = Literal["float64", "float64 corners", "float32 corners", "float32", "fractions"]
Thresholds: TypeAlias = Literal["even", "hundredths", "float32"]
Choice: TypeAlias = Literal["later", "earlier", "best only"]
Scores: TypeAlias = Literal["float64", "float32"]
Ties: TypeAlias = Literal["stable", "unstable", "hits first"]
Recalls: TypeAlias = Literal["even", "hundredths", "float32"]
Area: TypeAlias = Literal["steps", "trapezoid", "trapezoid to 1"]
Classes: TypeAlias = Literal["with truths", "seen"]
Nothing: TypeAlias = Literal["-1", "0"]


@dataclass(frozen=True, slots=True)
class Rules:
    """One way to take average precision. Without arguments it is COCO's; the order is that in which rules change."""

    crowds: Crowds = "ignored"
    nameless: Nameless = "never matched"
    sizes: Sizes = "up to 1e10"
    limit: Limit = "100 per class"
    overlap: Overlap = "float64"
    thresholds: Thresholds = "even"
    choice: Choice = "later"
    scores: Scores = "float64"
    ties: Ties = "stable"
    recalls: Recalls = "even"
    area: Area = "steps"
    classes: Classes = "with truths"
    nothing: Nothing = "-1"

    def steps(self) -> Iterator[tuple[str, Rules]]:
        """From COCO's rules to these, one rule at a time: what the rule now does, and all rules as they stand then.

        The order is that of the fields, so that the parts of two tools compare; another order would give other parts
        with the same sum.
        """
        rules = Rules()
        for one in fields(self):
            mine = getattr(self, one.name)
            if mine != one.default:
                rules = replace(rules, **{one.name: mine})
                yield TEXT[one.name][mine], rules


TEXT: dict[str, dict[str, str]] = {
    "crowds": {
        "ignored": "a detection on a crowd does not count",
        "ignored above": "a detection exactly at the threshold on a crowd counts",
        "dropped": "crowds are dropped: a detection on one is false",
    },
    "nameless": {
        "never matched": "a truth with id 0 is never matched",
        "matched": "a truth with id 0 is matched like others",
    },
    "sizes": {
        "up to 1e10": "only areas up to 10¹⁰ px² count",
        "any": "every area counts",
    },
    "limit": {
        "100 per class": "100 detections of an image and class",
        "100 per image": "100 detections of an image, all classes together",
        "300 per image": "300 detections of an image, all classes together",
        "300 per image or more": "300 detections of an image, all classes together (more if it has more truths)",
    },
    "overlap": {
        "float64": "IoU of x, y, w, h in float64",
        "float64 corners": "IoU of corners in float64, the least number added to the union",
        "float32 corners": "boxes are float32 corners",
        "float32": "IoU in float32, 10⁻⁷ added to the union",
        "fractions": "IoU of boxes as fractions of the image",
    },
    "thresholds": {
        "even": "IoU thresholds in even float64 steps",
        "hundredths": "IoU thresholds are 50/100, 55/100 …",
        "float32": "IoU thresholds are float32",
    },
    "choice": {
        "later": "of truths with equal IoU the last is taken",
        "earlier": "of truths with equal IoU the first is taken",
        "best only": "a detection takes the truth of its highest IoU or none",
    },
    "scores": {
        "float64": "scores are float64",
        "float32": "scores are float32: more of them are equal",
    },
    "ties": {
        "stable": "equal scores stay in their order",
        "unstable": "equal scores in no order: one unstable sort of all classes",
        "hits first": "of equal scores, true positives go first",
    },
    "recalls": {
        "even": "recall steps in even float64 steps",
        "hundredths": "recall steps are 1/100, 2/100 …",
        "float32": "recall steps are float32",
    },
    "area": {
        "steps": "mean precision at 101 recalls",
        "trapezoid": "area under lines between 101 recalls (trapezoid)",
        "trapezoid to 1": "area under lines between 101 recalls, the last of them down to recall 1",
    },
    "classes": {
        "with truths": "mean over classes that have truths",
        "seen": "a class that is detected and has no truths counts as 0",
    },
    "nothing": {
        "-1": "-1 where there is no truth",
        "0": "0 where there is no truth",
    },
}
"""What each rule does, in the words that tables and figures show."""
