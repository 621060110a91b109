"""Datasets and their images over HTTP."""

from datetime import datetime

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.http.base import Name, example


class DatasetItem(Wire):
    """A dataset as a list shows it."""

    id: int
    project: str
    name: str
    images: int
    annotations: int
    classes: int
    complete: bool
    """False while an import into it has not ended."""
    created_at: datetime | None


class DatasetPage(Wire):
    """Datasets by id. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[DatasetItem]
    next: int | None


class NewDataset(Received):
    """An empty dataset to be made, with classes in this order."""

    model_config = example(name="warehouse", classes=["person", "pallet", "forklift"])

    name: Name
    classes: list[Name] = Field(default=[], max_length=10_000)


class Renamed(Received):
    """What a dataset or a project is to be called."""

    model_config = example(name="warehouse, north")

    name: Name


class DatasetClass(Wire):
    """A class of a dataset, and how many annotations are of it."""

    id: int
    name: str
    color: str
    supercategory: str
    keypoints: list[str]
    annotations: int


class DatasetTag(Wire):
    """A tag of a dataset's images, and how many bear it."""

    name: str
    images: int


class DatasetDetail(Wire):
    """A dataset with its classes in the source's order, and its tags by name."""

    id: int
    project_id: int
    name: str
    images: int
    annotations: int
    classes: list[DatasetClass]
    tags: list[DatasetTag]
    complete: bool
    created_at: datetime | None


class DatasetImage(Wire):
    """An image as a list shows it. Width and height are pixels as it is looked at."""

    id: int
    dataset_id: int
    file_name: str
    width: int
    height: int
    tags: list[str]


class DatasetImagePage(Wire):
    """Images by id. ``total``, how many the slice has, comes with the first page only."""

    items: list[DatasetImage]
    next: int | None
    total: int | None


class ImageDetail(Wire):
    """An image, its place (0-based) in the dataset, and its neighbours there."""

    id: int
    dataset_id: int
    project_id: int
    dataset: str
    file_name: str
    width: int
    height: int
    tags: list[str]
    index: int
    among: int
    """How many images the dataset, or the slice that was asked for, has."""
    previous: int | None
    next: int | None
    annotations: int
    seq: int
    """How often it was edited."""


class ImagePredictions(Wire):
    """A run's predictions on an image, the surest first, column by column."""

    image_id: int
    run_id: int
    boxes: list[tuple[float, float, float, float]]
    """x, y, w, h in pixels."""
    scores: list[float]
    class_ids: list[int]
    rles: list[str] | None
    """Masks as COCO's compressed runs of the image's size, where the run has them."""
