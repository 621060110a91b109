"""Datasets, and the lists of their images."""

from __future__ import annotations

from fastapi import APIRouter

from evalnb.core.datasets import DatasetContents, DatasetCounts
from evalnb.core.images import ImageRecord
from evalnb.registry import datasets as registry
from evalnb.store.repositories import datasets, images
from evalnb.wire.http import (
    DatasetClass,
    DatasetDetail,
    DatasetImage,
    DatasetImagePage,
    DatasetItem,
    DatasetPage,
    DatasetTag,
    NewDataset,
    Renamed,
)
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, After, CalledNow, Id, Limit, cut
from evalnb_server.deps import OneSession, Who
from evalnb_server.narrowing import Part

router = APIRouter(tags=["datasets"])


@router.get("/projects/{project_id}/datasets", operation_id="datasets_list", responses=READ)
def page(session: OneSession, who: Who, project_id: Id, after: After = 0, limit: Limit = 100) -> DatasetPage:
    """The project's datasets, by id."""
    access.project(session, who, project_id)
    # One more than asked for tells whether there is a next page.
    found, last = cut(datasets.page(session, project_id, after=after, limit=limit + 1), limit)
    return DatasetPage(items=[_item(one) for one in found], next=last.dataset.id if last else None)


@router.post("/projects/{project_id}/datasets", operation_id="datasets_create", status_code=201, responses=WRITE)
def create(session: OneSession, who: Who, project_id: Id, asked: NewDataset) -> DatasetDetail:
    """Make an empty dataset; its classes get the ids 1, 2, 3, …"""
    access.project(session, who, project_id, role="annotator")
    made = registry.create(session, project_id, asked.name, asked.classes)
    return _detail(registry.contents(session, made))


@router.get("/datasets/{dataset_id}", operation_id="datasets_get", responses=READ)
def get(session: OneSession, who: Who, dataset_id: Id) -> DatasetDetail:
    """A dataset with its classes and tags, and how much there is of each."""
    access.dataset(session, who, dataset_id)
    return _detail(registry.contents(session, dataset_id))


@router.patch("/datasets/{dataset_id}", operation_id="datasets_rename", responses=WRITE)
def rename(session: OneSession, who: Who, dataset_id: Id, asked: Renamed) -> DatasetDetail:
    """Call a dataset otherwise. Admins of its project only."""
    access.dataset(session, who, dataset_id, role="admin")
    registry.rename(session, dataset_id, asked.name)
    return _detail(registry.contents(session, dataset_id))


@router.delete("/datasets/{dataset_id}", operation_id="datasets_delete", status_code=204, responses=WRITE)
def remove(session: OneSession, who: Who, dataset_id: Id, name: CalledNow) -> None:
    """Delete a dataset with its annotations and their history, its runs and evaluations; reports stay. Admins of its
    project only."""
    access.dataset(session, who, dataset_id, role="admin")
    registry.remove(session, dataset_id, name=name)


@router.get("/datasets/{dataset_id}/images", operation_id="images_list", responses=READ)
def page_of_images(
    session: OneSession, who: Who, dataset_id: Id, wanted: Part, after: After = 0, limit: Limit = 100
) -> DatasetImagePage:
    """The images of a dataset, or of a slice of it, by id."""
    access.dataset(session, who, dataset_id)
    found, last = cut(images.page(session, dataset_id, wanted, after=after, limit=limit + 1), limit)
    return DatasetImagePage(
        items=[_image(one) for one in found],
        next=last.id if last else None,
        # Whoever goes on to the next page knows it already.
        total=None if after else images.count(session, dataset_id, wanted),
    )


def _item(one: DatasetCounts) -> DatasetItem:
    return DatasetItem(
        id=one.dataset.id,
        project=one.project,
        name=one.dataset.name,
        images=one.images,
        annotations=one.annotations,
        classes=one.classes,
        complete=one.dataset.complete,
        created_at=one.dataset.created_at,
    )


def _detail(one: DatasetContents) -> DatasetDetail:
    return DatasetDetail(
        id=one.dataset.id,
        project_id=one.dataset.project_id,
        name=one.dataset.name,
        images=one.images,
        annotations=sum(one.per_class.values()),
        classes=[
            DatasetClass(
                id=of.id,
                name=of.name,
                color=one.taxonomy.color(of.id),
                supercategory=of.supercategory,
                keypoints=list(of.keypoints),
                annotations=one.per_class.get(of.id, 0),
            )
            for of in one.taxonomy
        ],
        tags=[DatasetTag(name=name, images=many) for name, many in one.per_tag.items()],
        complete=one.dataset.complete,
        created_at=one.dataset.created_at,
    )


def _image(one: ImageRecord) -> DatasetImage:
    return DatasetImage(
        id=one.id,
        dataset_id=one.dataset_id,
        file_name=one.file_name,
        width=one.width,
        height=one.height,
        tags=list(one.tags),
    )
