"""Slices in a query string, meaning what ``where`` means in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from evalnb.core.slices import Slice
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.opened import narrowed
from evalnb.wire.evaluation import AreaName
from evalnb.wire.http import Text

Tags = Annotated[list[Text], Query(default_factory=list, max_length=50, description="Images that bear all of them.")]
Classes = Annotated[list[Text], Query(alias="class", default_factory=list, max_length=200)]
FileName = Annotated[Text, Query(description="Images whose file name contains this.")]


def of_images(
    tag: Tags,
    class_: Classes,
    area: Annotated[list[AreaName], Query(default_factory=list, description="An annotation of such a size.")],
    text: FileName = "",
) -> Slice:
    """A slice of a dataset: images that bear an annotation of one of the classes, in one of the ranges."""
    return Slice().where(tag=tag, classes=class_ or None, area=area or None, text=text)


Part = Annotated[Slice, Depends(of_images)]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What ``evaluation.where`` takes."""

    part: Slice
    confidence: float

    def of(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation, narrowed; NotFound for a class that it does not name."""
        return narrowed(evaluation, self.part, confidence=self.confidence)


def of_evaluation(
    tag: Tags,
    class_: Classes,
    area: Annotated[AreaName, Query(description="The range of sizes that numbers are taken over.")] = "all",
    text: FileName = "",
    confidence: Annotated[float, Query(ge=0, le=1, description="Only detections at or above it.")] = 0.0,
) -> Narrowing:
    """A slice of an evaluation."""
    wanted = Slice().where(tag=tag, classes=class_ or None, area=None if area == "all" else area, text=text)
    return Narrowing(wanted, confidence)


Narrows = Annotated[Narrowing, Depends(of_evaluation)]
