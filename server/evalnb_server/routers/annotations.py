"""The shapes of an image, the ops that change them, and the log of what was changed."""

from __future__ import annotations

from fastapi import APIRouter

from evalnb import edits
from evalnb.edits import Edit
from evalnb.wire.annotator import ApplyReply, ShapesReply
from evalnb.wire.http import EditItem, EditPage, Ops
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, After, Id, Limit, cut
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/images/{image_id}", tags=["annotations"])


@router.get("/annotations", operation_id="annotations_list", responses=READ)
def shapes(session: OneSession, who: Who, image_id: Id) -> ShapesReply:
    """The image's shapes that are not deleted, and the sequence number they stand at."""
    access.image(session, who, image_id)
    return edits.shapes(session, image_id)


@router.post("/annotations", operation_id="annotations_apply", responses=WRITE)
def apply(session: OneSession, who: Who, image_id: Id, asked: Ops) -> ApplyReply:
    """Apply ops, in order, in one transaction; what the answer calls applied is saved.

    An op that was sent before changes nothing the second time. Of two who change one property, the later wins, and
    the answer is a ``conflict`` that shows what was overwritten. A ``refused`` op has a reason; the others go on.
    """
    access.image(session, who, image_id, role="annotator")
    return edits.apply(session, image_id, asked.ops, author=who.name)


@router.get("/history", operation_id="annotations_history", responses=READ)
def history(session: OneSession, who: Who, image_id: Id, after: After = 0, limit: Limit = 100) -> EditPage:
    """Who changed what on the image, the oldest edit first."""
    access.image(session, who, image_id)
    found, last = cut(edits.history(session, image_id=image_id, after=after, limit=limit + 1), limit)
    return EditPage(items=[_item(one) for one in found], next=last.seq if last else None)


def _item(one: Edit) -> EditItem:
    return EditItem(
        seq=one.seq,
        client_op_id=one.client_op_id,
        shape_id=one.shape_id,
        action=one.action,
        base_rev=one.base_rev,
        rev=one.rev,
        patch=dict(one.patch),
        before=dict(one.before),
        conflicts=list(one.conflicts),
        author=one.author,
        at=one.at,
    )
