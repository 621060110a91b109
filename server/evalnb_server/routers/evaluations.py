"""Evaluations: lists of them, and the numbers, curves and images of any slice of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy.orm import Session

from evalnb.core.metrics.accumulate import COCO_KEYS
from evalnb.runs.behind import behind, in_cell
from evalnb.runs.evaluation import Evaluation
from evalnb.store.repositories import evaluations
from evalnb.store.repositories.evaluations import EvaluationRecord, Origin
from evalnb.wire.http import (
    MOST_INT,
    ByConfidence,
    ClassScores,
    ClassTable,
    ConfusionMatrix,
    Curves,
    EvaluationClass,
    EvaluationDetail,
    EvaluationItem,
    EvaluationPage,
    EvaluationSummary,
    EvaluationTag,
    IntervalItem,
    IntervalTable,
    MarkedImage,
    MarkedImagePage,
    PrecisionRecall,
    Text,
)
from evalnb_server import access
from evalnb_server.answers import READ, After, Id, Limit, cut
from evalnb_server.deps import OneSession, OpenEvaluations, OpenStore, Who
from evalnb_server.narrowing import Narrows
from evalnb_server.routers.runs import OfDataset

router = APIRouter(tags=["evaluations"])
PROBLEMS_MAX = 50

Iou = Annotated[float, Query(ge=0.5, le=0.95, description="0.5, 0.55, … 0.95.")]
Operating = Annotated[float, Query(ge=0, le=1, description="Detections at or above it count.")]
Replicates = Annotated[int, Query(ge=100, le=2000, description="How many resampled datasets.")]
Level = Annotated[float, Query(ge=0.5, le=0.999)]


@router.get("/projects/{project_id}/evaluations", operation_id="evaluations_list", responses=READ)
def page(
    session: OneSession,
    who: Who,
    project_id: Id,
    dataset: OfDataset = None,
    run: Annotated[
        int | SkipJsonSchema[None], Query(ge=1, le=MOST_INT, description="Only those of this run, by its id.")
    ] = None,
    after: After = 0,
    limit: Limit = 100,
) -> EvaluationPage:
    """The project's evaluations, the newest first."""
    access.project(session, who, project_id)
    some = evaluations.page(session, project_id, dataset_id=dataset, run_id=run, after=after, limit=limit + 1)
    found, last = cut(some, limit)
    return EvaluationPage(items=_items(session, found), next=last.id if last else None)


def opened(evaluation_id: Id, who: Who, store: OpenStore, kept: OpenEvaluations) -> Evaluation:
    """The evaluation of the path, open."""
    with store.database.transaction() as session:
        access.evaluation(session, who, evaluation_id)
    return kept.evaluation(evaluation_id)


def narrowed(one: Annotated[Evaluation, Depends(opened)], narrowing: Narrows) -> Evaluation:
    """The same, narrowed by the query."""
    return narrowing.of(one)


Narrowed = Annotated[Evaluation, Depends(narrowed)]


@router.get("/evaluations/{evaluation_id}", operation_id="evaluations_get", responses=READ)
def get(store: OpenStore, who: Who, kept: OpenEvaluations, evaluation_id: Id) -> EvaluationDetail:
    """An evaluation, and what its slices can be made of."""
    with store.database.transaction() as session:
        item = _items(session, [access.evaluation(session, who, evaluation_id)])[0]
    one = kept.evaluation(evaluation_id)
    places = one.rows().places(one.matches)
    tags = Counter(tag for tags in one.images.tags for tag in tags)
    return EvaluationDetail(
        evaluation=item,
        images=one.image_count(),
        classes=[EvaluationClass(id=id, name=one.named(id)) for id in one.matches.classes[places].tolist()],
        tags=[EvaluationTag(name=name, images=many) for name, many in sorted(tags.items())],
        area=one.area,  # type: ignore[arg-type]  # one of the four
        problems=[str(problem) for problem in one.problems[:PROBLEMS_MAX]],
        problem_count=len(one.problems),
    )


@router.get("/evaluations/{evaluation_id}/summary", operation_id="evaluations_summary", responses=READ)
def summary(one: Narrowed) -> EvaluationSummary:
    """COCO's numbers of a slice. Nothing is matched again."""
    table = one.per_class()
    return EvaluationSummary(
        numbers=dict(one.summary()),
        images=one.image_count(),
        truths=int(table["truths"].sum()),
        detections=int(table["detections"].sum()),
    )


@router.get("/evaluations/{evaluation_id}/classes", operation_id="evaluations_classes", responses=READ)
def classes(one: Narrowed) -> ClassTable:
    """AP, AP50, AP75 and AR of each class of a slice."""
    rows = one.per_class().rename(columns={"class": "name"}).to_dict("records")
    return ClassTable(items=[ClassScores.model_validate(row) for row in rows])


@router.get("/evaluations/{evaluation_id}/curves", operation_id="evaluations_curves", responses=READ)
def curves(one: Narrowed, iou: Iou = 0.5) -> Curves:
    """Precision over recall of each class that has truths, and precision, recall and F1 over confidence."""
    by_recall, by_confidence = one.curve_data(iou=iou), one.confidence_data(iou=iou)
    groups = list(by_recall.groupby("class", sort=False))
    return Curves(
        iou=iou,
        recall=groups[0][1]["recall"].tolist() if groups else [],
        classes=[
            PrecisionRecall(
                name=str(name), precision=rows["precision"].tolist(), confidence=rows["confidence"].tolist()
            )
            for name, rows in groups
        ],
        by_confidence=ByConfidence.model_validate(by_confidence.to_dict("list")),
    )


@router.get("/evaluations/{evaluation_id}/confusion", operation_id="evaluations_confusion", responses=READ)
def confusion(one: Narrowed, iou: Iou = 0.5, at: Operating = 0.25) -> ConfusionMatrix:
    """Which classes are taken for which, matched whatever the class."""
    table = one.confusion(iou=iou, confidence=max(at, one.confidence))
    return ConfusionMatrix(
        iou=iou,
        confidence=max(at, one.confidence),
        classes=[str(name) for name in table.columns[:-1]],
        counts=table.to_numpy().tolist(),
    )


@router.get("/evaluations/{evaluation_id}/intervals", operation_id="evaluations_intervals", responses=READ)
def intervals(one: Narrowed, replicates: Replicates = 1000, level: Level = 0.95) -> IntervalTable:
    """The numbers of a slice with bootstrap intervals over its images."""
    rows = one.intervals(replicates=replicates, level=level).to_dict("records")
    return IntervalTable(level=level, replicates=replicates, items=[IntervalItem.model_validate(row) for row in rows])


@router.get("/evaluations/{evaluation_id}/images", operation_id="evaluations_images", responses=READ)
def images(
    one: Narrowed,
    mark: Annotated[
        Literal["worst", "TP", "FP", "FN", "cell"],
        Query(description="The lowest F1, most of one kind of outcome, or most of a cell of the confusion matrix."),
    ] = "worst",
    of: Annotated[Text, Query(description="Only outcomes of this class.")] = "",
    truth: Annotated[Text, Query(description="The cell's row, by its class; empty: background.")] = "",
    detected: Annotated[Text, Query(description="The cell's column, by its class; empty: background.")] = "",
    iou: Iou = 0.5,
    at: Operating = 0.25,
    after: After = 0,
    limit: Limit = 100,
) -> MarkedImagePage:
    """The images behind a mark, those with most of it first, with their counts at an operating point."""
    confidence = max(at, one.confidence)
    if mark == "cell":
        table = in_cell(one, truth or None, detected or None, confidence=confidence, iou=iou)
    else:
        table = behind(one, mark, class_name=of or None, confidence=confidence, iou=iou)
    # The order never changes: a place in it is as good a key as an id.
    rows = table.iloc[after : after + limit].rename(columns={"image": "id"}).to_dict("records")
    beyond = after + limit < len(table)
    return MarkedImagePage(
        items=[MarkedImage.model_validate(row) for row in rows],
        next=after + limit if beyond else None,
        total=len(table),
    )


def _items(session: Session, found: Sequence[EvaluationRecord]) -> list[EvaluationItem]:
    origins = evaluations.origins(session, {one.run_id for one in found})
    return [_item(one, origins[one.run_id]) for one in found]


def _item(one: EvaluationRecord, origin: Origin) -> EvaluationItem:
    return EvaluationItem(
        id=one.id,
        project_id=origin.project_id,
        run_id=one.run_id,
        run=origin.run_name,
        dataset_id=origin.dataset_id,
        dataset=origin.dataset_name,
        model=origin.model_name,
        version=origin.model_version,
        kind=one.kind,
        # PostgreSQL keeps objects by the length of their keys.
        numbers={name: one.summary[name] for name in COCO_KEYS if name in one.summary},
        created_at=one.created_at,
    )
