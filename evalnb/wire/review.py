"""What the Annotator says of an image's review: its status, comments, and what its shapes were before."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.shapes import Shape

Status = Literal["todo", "doing", "review", "accepted", "rejected"]


class CommentInfo(Wire):
    """A remark pinned to a place, in image pixels."""

    id: UUID
    x: float
    y: float
    text: str
    author: str
    at: datetime
    resolved_by: str
    """Empty while it is open."""
    resolved_at: datetime | None = None
    """None while it is open, and of what was resolved before times were kept."""


class ReviewAsk(Received):
    """How far an image's labels have come."""

    ask: Literal["review"] = "review"
    image_id: int


class ReviewReply(Wire):
    """The state after whatever was asked; comments oldest first."""

    image_id: int
    status: Status
    assignee: str
    author: str
    at: datetime | None
    comments: list[CommentInfo]


class ReviewedPush(Wire):
    """The review of the watched image is another: ask for it."""

    push: Literal["reviewed"] = "reviewed"
    image_id: int


class ReviewSetAsk(Received):
    """Set the status, or who is to do it; what is left out stays."""

    ask: Literal["review_set"] = "review_set"
    image_id: int
    status: Status | None = None
    assignee: str | None = Field(default=None, max_length=200)


class CommentAsk(Received):
    """Pin a comment. Sent again with its id it is pinned once."""

    ask: Literal["comment"] = "comment"
    image_id: int
    comment_id: UUID
    x: float = Field(allow_inf_nan=False)
    y: float = Field(allow_inf_nan=False)
    text: str = Field(max_length=4000)


class ResolveAsk(Received):
    """A comment is dealt with, or is open again."""

    ask: Literal["resolve"] = "resolve"
    image_id: int
    comment_id: UUID
    resolved: bool


class PastAsk(Received):
    """What a shape was before; or, without one, which shapes of the image are deleted."""

    ask: Literal["past"] = "past"
    image_id: int
    shape_id: UUID | None = None


class PastChange(Wire):
    """A property, or one attribute, as it was and as it became; in words."""

    name: str
    before: str
    after: str


class PastEdit(Wire):
    """One edit: by whom, when, of what."""

    rev: int
    author: str
    at: datetime
    action: Literal["create", "update", "delete", "restore", "tag", "untag"]
    changes: list[PastChange]
    """What it set. Of a shape that was drawn, what it was drawn as."""


class PastReply(Wire):
    """Edits of the shape, oldest first; or the deleted shapes with the edit that deleted each, the latest first."""

    image_id: int
    shape_id: UUID | None
    edits: list[PastEdit]
    deleted: list[Shape]


class StepsAsk(Received):
    """What the asker may undo and redo on an image, done on whatever page."""

    ask: Literal["steps"] = "steps"
    image_id: int


class StepChange(Wire):
    """A shape before and after a step; None where it was not there."""

    shape_id: UUID
    before: Shape | None
    after: Shape | None


class StepInfo(Wire):
    """What was done at once."""

    changes: list[StepChange]
    tags: dict[str, bool]
    """Tags of the image that were set (true) or taken away."""
    op_id: UUID
    """Of one of its ops, by which ``StepAsk`` names it."""
    images: int
    """How many images it touched: more than one, and ``StepAsk`` takes it back on all of them."""


class StepsReply(Wire):
    """The nearest last."""

    image_id: int
    undo: list[StepInfo]
    redo: list[StepInfo]


class StepAsk(Received):
    """Take back a step of the asker's on every image that it touched, or do it again."""

    ask: Literal["step"] = "step"
    op_id: UUID
    """Of one of its ops, or any id that begins as theirs do."""
    as_id: UUID
    """The new edits' ids begin as this one does, of version 8; sent again with it, nothing is done twice."""
    forward: bool = False


class StepReply(Wire):
    """What that came to. Ask for the shapes of these images anew."""

    image_ids: list[int]
    shapes: int
    kept: int
    """So many shapes are no longer as the step left them, and stay as they are."""


class RestoreAsk(Received):
    """Give a shape the values of one of its revisions, as a new edit; answered as an ``apply``."""

    ask: Literal["restore"] = "restore"
    image_id: int
    shape_id: UUID
    rev: int
