"""How far labels agree: two people's of the same images, or a person's with a run's predictions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from evalnb.core.slices import Slice
from evalnb.errors import Invalid
from evalnb.registry.agreeing import ALL, Labels, compare
from evalnb.store import Store
from evalnb.store.repositories import images
from evalnb.wire.http import AgreementDetail, AgreementRow, DisagreedImage
from evalnb_server import access
from evalnb_server.answers import READ, Id
from evalnb_server.deps import OpenStore, Who
from evalnb_server.narrowing import Part

router = APIRouter(prefix="/datasets/{dataset_id}/agreement", tags=["datasets"])
MOST_IMAGES = 50_000
"""Of more images than this an answer would keep its asker, and everybody else, waiting."""
MOST_WORST = 200

Iou = Annotated[float, Query(gt=0, le=1, description="At least so much must two shapes overlap to be one object.")]
Masks = Annotated[bool, Query(description="Overlaps of masks, not of boxes.")]


@router.get("/datasets/{other_dataset_id}", operation_id="agreement_people", responses=READ)
def people(
    store: OpenStore,
    who: Who,
    dataset_id: Id,
    other_dataset_id: Id,
    part: Part,
    iou: Iou = 0.5,
    masks: Masks = False,
) -> AgreementDetail:
    """How far the labels of two datasets of the same images (by their source keys) agree, by class and by image."""
    with store.database.transaction() as session:
        names = [access.dataset(session, who, one).name for one in (dataset_id, other_dataset_id)]
        _small(session, dataset_id, part)
    left, right = Labels(dataset_id, part), Labels(other_dataset_id)
    return _detail(store, left, right, names, iou=iou, masks=masks)


@router.get("/runs/{run_id}", operation_id="agreement_run", responses=READ)
def run(
    store: OpenStore,
    who: Who,
    dataset_id: Id,
    run_id: Id,
    part: Part,
    iou: Iou = 0.5,
    masks: Masks = False,
    confidence: Annotated[float, Query(ge=0, le=1, description="Only predictions at or above it.")] = 0.25,
) -> AgreementDetail:
    """How far a dataset's labels agree with what a run predicts on its images."""
    with store.database.transaction() as session:
        name = access.dataset(session, who, dataset_id).name
        of = access.run(session, who, run_id)
        _small(session, dataset_id, part)
    right = Labels(of.dataset_id, run_id=of.id, confidence=confidence)
    return _detail(store, Labels(dataset_id, part), right, [name, of.name], iou=iou, masks=masks)


def _small(session: Session, dataset_id: int, part: Slice) -> None:
    count = images.count(session, dataset_id, part)
    if count > MOST_IMAGES:
        raise Invalid(
            f"{count:,} images are more than the {MOST_IMAGES:,} that are compared at once",
            remedy="narrow them by tag, class or file name; or use dataset.agreement in a notebook",
        )


def _detail(
    store: Store, left: Labels, right: Labels, names: list[str], *, iou: float, masks: bool
) -> AgreementDetail:
    found = compare(store, left, right, iou=iou, masks=masks)
    table, confusion, worst = found.by_class(), found.confusion(), found.by_image()
    theirs = {} if right.run_id is not None else dict(found.images)
    rows = {str(row["class"]): _row(row) for row in table.reset_index().to_dict("records")}
    return AgreementDetail(
        left=names[0],
        right=names[1],
        iou=iou,
        masks=masks,
        images=len(found.images),
        every=rows.pop(ALL),
        classes=list(rows.values()),
        names=[str(name) for name in confusion.index],
        confusion=confusion.to_numpy().tolist(),
        differing=len(worst),
        worst=[
            DisagreedImage(
                id=int(id),
                other_id=theirs.get(int(id)),
                file_name=row["file_name"],
                agreed=row["agreed"],
                other_class=row["other class"],
                only_left=row["only left"],
                only_right=row["only right"],
                f1=row["F1"],
            )
            for id, row in zip(worst.index[:MOST_WORST], worst.head(MOST_WORST).to_dict("records"), strict=True)
        ],
    )


def _row(row: Mapping[Hashable, Any]) -> AgreementRow:
    return AgreementRow(
        name=row["class"],
        left=row["left"],
        right=row["right"],
        agreed=row["agreed"],
        f1=row["F1"],
        mean_iou=row["mean IoU"],
        alpha=row["alpha"],
    )
