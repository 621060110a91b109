"""Two evaluations of the same images, compared as pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from evalnb.runs.comparison import Comparison
from evalnb.wire.http import ComparedImage, ComparisonDetail, ComparisonRow
from evalnb_server import access
from evalnb_server.answers import READ, Id
from evalnb_server.deps import OpenEvaluations, OpenStore, Who
from evalnb_server.narrowing import Narrows
from evalnb_server.routers.evaluations import Level, Replicates

if TYPE_CHECKING:
    import pandas as pd

router = APIRouter(prefix="/evaluations/{evaluation_id}/compare", tags=["evaluations"])
MOST_TAGS, MOST_IMAGES = 20, 50


@router.get("/{other_id}", operation_id="evaluations_compare", responses=READ)
def compare(
    store: OpenStore,
    who: Who,
    kept: OpenEvaluations,
    evaluation_id: Id,
    other_id: Id,
    narrowing: Narrows,
    replicates: Replicates = 1000,
    level: Level = 0.95,
) -> ComparisonDetail:
    """This evaluation less another on the same images: differences, intervals, probabilities, and one sentence.

    Both are narrowed alike. 422 where they do not stand for the same images or were not matched alike.
    """
    with store.database.transaction() as session:
        for one in (evaluation_id, other_id):
            access.evaluation(session, who, one)
    made = kept.comparison(
        evaluation_id,
        other_id,
        narrowing.part,
        confidence=narrowing.confidence,
        replicates=replicates,
        level=level,
    )
    return _detail(evaluation_id, other_id, made)


def _detail(this: int, other: int, made: Comparison) -> ComparisonDetail:
    images = made.images
    lost = images[images["difference"] < 0].iloc[::-1]
    return ComparisonDetail(
        this=this,
        other=other,
        sentence=made.sentence,
        warning=made.warning,
        level=made.level,
        replicates=made.replicates,
        images=len(images),
        wins=made.wins,
        losses=made.losses,
        numbers=_rows(made.numbers, "number"),
        classes=_rows(made.classes, "class"),
        slices=_rows(made.slices.drop(columns="images"), "tag") if len(made.slice_tags()) <= MOST_TAGS else [],
        won=_images(images[images["difference"] > 0]),
        lost=_images(lost),
    )


def _rows(table: pd.DataFrame, name: str) -> list[ComparisonRow]:
    return [ComparisonRow.model_validate(row) for row in table.rename(columns={name: "name"}).to_dict("records")]


def _images(table: pd.DataFrame) -> list[ComparedImage]:
    rows = table.head(MOST_IMAGES).rename(columns={"image": "id"}).to_dict("records")
    return [ComparedImage.model_validate(row) for row in rows]
