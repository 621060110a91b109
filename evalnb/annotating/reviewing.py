"""The review of an image: its status, the comments on it, what its shapes were before, and the way back there."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy.orm import Session

from evalnb import edits
from evalnb.annotating.answers import Answers
from evalnb.annotating.desk import Reply
from evalnb.annotating.telling import told
from evalnb.errors import NotFound
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import reviews
from evalnb.wire.annotator import ApplyReply
from evalnb.wire.review import (
    CommentAsk,
    CommentInfo,
    PastAsk,
    PastEdit,
    PastReply,
    ResolveAsk,
    RestoreAsk,
    ReviewAsk,
    ReviewReply,
    ReviewSetAsk,
    StepAsk,
    StepChange,
    StepInfo,
    StepReply,
    StepsAsk,
    StepsReply,
)
from evalnb.wire.shapes import Shape


class Reviewing:
    """Answers what is asked of reviews; what is changed is changed under the name of whoever asks."""

    def __init__(self, answers: Answers, *, author: str) -> None:
        self._answers = answers
        self._author = author

    def review(self, ask: ReviewAsk) -> Reply:
        """How far the image has come."""
        with self._answers.transaction() as session:
            self._answers.own(session, ask.image_id)
            return _reply(session, ask.image_id)

    def stamps(self, image_ids: Collection[int]) -> dict[int, str]:
        """What tells each image's review from every other state of it."""
        with self._answers.transaction() as session:
            return reviews.stamps(session, image_ids)

    def review_set(self, ask: ReviewSetAsk) -> Reply:
        """Set its status, or who is to do it."""
        with self._answers.editing(ask.image_id) as (session, image):
            given = {"status": ask.status, "assignee": ask.assignee}
            reviews.put(session, image.dataset_id, [image.id], author=self._author, **given)
            return _reply(session, ask.image_id)

    def comment(self, ask: CommentAsk) -> Reply:
        """Pin a comment."""
        with self._answers.editing(ask.image_id) as (session, image):
            reviews.comment(
                session, image.id, id=ask.comment_id, x=ask.x, y=ask.y, text=ask.text, author=self._author
            )
            return _reply(session, ask.image_id)

    def resolve(self, ask: ResolveAsk) -> Reply:
        """Say that a comment is dealt with, or no longer."""
        with self._answers.editing(ask.image_id) as (session, image):
            reviews.resolve(session, image.id, ask.comment_id, resolved=ask.resolved, author=self._author)
            return _reply(session, ask.image_id)

    def past(self, ask: PastAsk) -> Reply:
        """A shape's edits, or the image's deleted shapes."""
        with self._answers.transaction() as session:
            self._answers.own(session, ask.image_id)
            if ask.shape_id is not None:
                log = edits.history(session, shape_id=ask.shape_id)
                names = self._answers.class_names(session)
                shown = [_edit(one, names) for one in log if one.image_id == ask.image_id]
                return Reply(PastReply(image_id=ask.image_id, shape_id=ask.shape_id, edits=shown, deleted=[]))
            every = [one for one in annotation_rows.of_image(session, ask.image_id, deleted=True) if one.deleted]
            log = edits.history(session, image_id=ask.image_id) if every else []
        last = {one.shape_id: one for one in log if one.action == "delete"}
        gone = [one for one in every if one.id in last]
        gone.sort(key=lambda one: -last[one.id].seq)
        return Reply(
            PastReply(
                image_id=ask.image_id,
                shape_id=None,
                edits=[_edit(last[one.id], {}) for one in gone],
                deleted=[Shape.of(one) for one in gone],
            )
        )

    def steps(self, ask: StepsAsk) -> Reply:
        """What the asker may undo and redo."""
        with self._answers.transaction() as session:
            self._answers.own(session, ask.image_id)
            undo, redo = edits.steps(session, ask.image_id, author=self._author)
        return Reply(StepsReply(image_id=ask.image_id, undo=[*map(_step, undo)], redo=[*map(_step, redo)]))

    def step(self, ask: StepAsk) -> StepReply:
        """Take a step back on all of its images, or do it again."""
        with self._answers.changing() as session:
            dataset_id, author = self._answers.dataset_id, self._author
            found = edits.replay(session, dataset_id, ask.op_id, author=author, as_id=ask.as_id, forward=ask.forward)
        return StepReply(image_ids=list(found.image_ids), shapes=found.shapes, kept=found.kept)

    def restore(self, ask: RestoreAsk) -> ApplyReply:
        """Give a shape the values of one of its revisions."""
        with self._answers.editing(ask.image_id) as (session, image):
            found = next(iter(annotation_rows.of_ids(session, [ask.shape_id])), None)
            if found is None or found.image_id != image.id:
                raise NotFound(f"image {image.id} has no shape {ask.shape_id}", remedy="take one of its own")
            return edits.restore(session, ask.shape_id, ask.rev, author=self._author)


def _reply(session: Session, image_id: int) -> Reply:
    one = reviews.get(session, image_id)
    return Reply(
        ReviewReply(
            image_id=image_id,
            status=one.status,
            assignee=one.assignee,
            author=one.author,
            at=one.at,
            comments=[
                CommentInfo(
                    id=remark.id,
                    x=remark.x,
                    y=remark.y,
                    text=remark.text,
                    author=remark.author,
                    at=remark.at,
                    resolved_by=remark.resolved_by,
                    resolved_at=remark.resolved_at,
                )
                for remark in one.comments
            ],
        )
    )


def _edit(one: edits.Edit, classes: Mapping[int, str]) -> PastEdit:
    assert one.at is not None
    return PastEdit(rev=one.rev, author=one.author, at=one.at, action=one.action, changes=told(one, classes))


def _step(one: edits.Step) -> StepInfo:
    changes = [StepChange(shape_id=part.shape_id, before=part.before, after=part.after) for part in one.changes]
    return StepInfo(changes=changes, tags=dict(one.tags), op_id=one.edits[0].client_op_id, images=one.images)
