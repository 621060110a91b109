"""Reviews over HTTP: images by how far their labels have come, and what is set of many at once."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.http.base import Key, example
from evalnb.wire.http.datasets import DatasetImage
from evalnb.wire.review import CommentInfo, Status

Assignee = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
"""Somebody's name on one line; empty: nobody."""


class ReviewedImage(DatasetImage):
    """An image as a list of reviews shows it. One that nobody touched is to do, and nobody's."""

    status: Status
    assignee: str
    """Empty: nobody's."""
    open_comments: int


class ReviewPage(Wire):
    """Images by id. ``total``, how many there are, comes with the first page only."""

    items: list[ReviewedImage]
    next: int | None
    total: int | None


class StatusCount(Wire):
    """How many of a dataset's images are of a status."""

    status: Status
    images: int


class AssigneeCount(Wire):
    """How many of a dataset's images are somebody's."""

    name: str
    images: int


class ReviewCounts(Wire):
    """How far a dataset has come. Every status is there; of people, whoever has an image."""

    statuses: list[StatusCount]
    assignees: list[AssigneeCount]


class ReviewsSet(Received):
    """The status, the assignee or both of many images; what is left out stays."""

    model_config = example(image_ids=[3, 4], status="review", assignee="ada")

    image_ids: list[Key] = Field(min_length=1, max_length=10_000)
    status: Status | None = None
    assignee: Assignee | None = None


class ReviewChange(Wire):
    """A change of an image's status or assignee: both as they stood after it."""

    status: Status
    assignee: str
    author: str
    at: datetime


class ImageReview(Wire):
    """How far an image's labels have come, the comments on it, and what became of its status; each oldest first."""

    image_id: int
    status: Status
    assignee: str
    author: str
    at: datetime | None
    comments: list[CommentInfo]
    changes: list[ReviewChange]
