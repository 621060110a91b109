"""How far the labels of images have come: lists by status and assignee, setting many, and one image's review."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from evalnb.store.repositories import review_lists, reviews
from evalnb.store.repositories.review_lists import Reviewed, Wanted
from evalnb.wire.http import (
    Assignee,
    AssigneeCount,
    ImageReview,
    ReviewChange,
    ReviewCounts,
    ReviewedImage,
    ReviewPage,
    ReviewsSet,
    StatusCount,
)
from evalnb.wire.review import CommentInfo, Status
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, After, Id, Limit, cut
from evalnb_server.deps import OneSession, Who
from evalnb_server.narrowing import Part

router = APIRouter(tags=["reviews"])


def _wanted(
    status: Annotated[Status | None, Query(description="Images of this status.")] = None,
    assignee: Annotated[Assignee | None, Query(description="Images of this person.")] = None,
    unassigned: Annotated[bool, Query(description="Images that are nobody's; without `assignee`.")] = False,
) -> Wanted:
    return Wanted(status, assignee or ("" if unassigned else None))


@router.get("/datasets/{dataset_id}/reviews", operation_id="reviews_list", responses=READ)
def page(
    session: OneSession,
    who: Who,
    dataset_id: Id,
    part: Part,
    wanted: Annotated[Wanted, Depends(_wanted)],
    after: After = 0,
    limit: Limit = 100,
) -> ReviewPage:
    """The images of a dataset, or of a slice of it, with their reviews, by id: all, or of a status or a person."""
    access.dataset(session, who, dataset_id)
    found, last = cut(review_lists.page(session, dataset_id, part, wanted, after=after, limit=limit + 1), limit)
    return ReviewPage(
        items=[_item(one) for one in found],
        next=last.image.id if last else None,
        # Whoever goes on to the next page knows it already.
        total=None if after else review_lists.count(session, dataset_id, part, wanted),
    )


@router.get("/datasets/{dataset_id}/reviews/counts", operation_id="reviews_counts", responses=READ)
def counts(session: OneSession, who: Who, dataset_id: Id) -> ReviewCounts:
    """How many images of a dataset there are of each status, and of each person."""
    access.dataset(session, who, dataset_id)
    return _counts(review_lists.counts(session, dataset_id))


@router.post("/datasets/{dataset_id}/reviews", operation_id="reviews_set", responses=WRITE)
def put(session: OneSession, who: Who, dataset_id: Id, asked: ReviewsSet) -> ReviewCounts:
    """Set the status, the assignee or both of images: all of them, or none where the dataset lacks one."""
    access.dataset(session, who, dataset_id, role="annotator")
    given = {"status": asked.status, "assignee": asked.assignee}
    reviews.put(session, dataset_id, asked.image_ids, author=who.name, **given)
    return _counts(review_lists.counts(session, dataset_id))


@router.get("/images/{image_id}/review", operation_id="reviews_get", responses=READ)
def get(session: OneSession, who: Who, image_id: Id) -> ImageReview:
    """One image's status and assignee, the comments on it, and the log of its status."""
    access.image(session, who, image_id)
    one = reviews.get(session, image_id)
    log = reviews.changes(session, image_id)
    return ImageReview(
        image_id=image_id,
        status=one.status,
        assignee=one.assignee,
        author=one.author,
        at=one.at,
        comments=[CommentInfo(**asdict(remark)) for remark in one.comments],
        changes=[
            ReviewChange(status=past.status, assignee=past.assignee, author=past.author, at=past.at) for past in log
        ],
    )


def _counts(found: review_lists.Counts) -> ReviewCounts:
    return ReviewCounts(
        statuses=[StatusCount(status=name, images=many) for name, many in found.by_status.items()],
        assignees=[AssigneeCount(name=name, images=many) for name, many in found.by_assignee.items()],
    )


def _item(one: Reviewed) -> ReviewedImage:
    image = one.image
    return ReviewedImage(
        id=image.id,
        dataset_id=image.dataset_id,
        file_name=image.file_name,
        width=image.width,
        height=image.height,
        tags=list(image.tags),
        status=one.status,
        assignee=one.assignee,
        open_comments=one.open_comments,
    )
