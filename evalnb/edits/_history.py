"""Read the log: shapes as they stand, what changed since, their history, any past revision."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from evalnb.edits._apply import apply
from evalnb.edits._state import PROPERTIES, back, patch_of, replay, untagged
from evalnb.errors import Invalid, NotFound
from evalnb.store.repositories import annotations
from evalnb.store.repositories import edits as log
from evalnb.store.repositories.edits import Action, Edit
from evalnb.wire.annotator import ApplyReply, ShapesReply
from evalnb.wire.shapes import Op, Patch, Shape


def shapes(session: Session, image_id: int, *, until: int | None = None) -> ShapesReply:
    """The image's shapes that are not deleted, in their order: now, or as they stood at sequence number ``until``
    (0: before the first edit). NotFound if there is no such image, Invalid if its log has no such number."""
    # The sequence first: read after the shapes it could vouch for an edit that they do not show.
    seq = log.sequence(session, image_id)
    if until is None:
        found = [Shape.of(one) for one in annotations.of_image(session, image_id)]
        return ShapesReply(image_id=image_id, seq=seq, shapes=found, tags=log.tags(session, image_id))
    if not 0 <= until <= seq:
        raise Invalid(f"image {image_id} has edits 0 to {seq}, not {until}", remedy="take one of those")
    then = rebuild(session, image_id, until=until)
    made = history(session, image_id=image_id)
    edited = {one.shape_id for one in made}
    every = [Shape.of(one) for one in annotations.of_image(session, image_id, deleted=True)]
    # What the log speaks of is as it was, or was not there yet; the rest was never touched.
    stood = [then.get(one.id) if one.id in edited else one for one in every]
    return ShapesReply(
        image_id=image_id,
        seq=until,
        shapes=[one for one in stood if one and not one.deleted],
        tags=untagged(log.tags(session, image_id), [one for one in made if one.seq > until]),
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What edits ``after + 1`` to ``seq`` of an image did."""

    after: int
    seq: int
    shapes: list[Shape]
    """Those that they touched, tombstones too, as they stand now."""
    tags: list[str] | None
    """The image's as they stand now, if one was set or taken away."""
    authors: list[str]
    complete: bool
    """False where there is too much to tell, or ``after`` is not of this log: then ``shapes`` is empty."""


def since(session: Session, image_id: int, after: int, *, most: int = 500) -> Changes:
    """What changed on an image above sequence ``after``, by at most ``most`` edits. NotFound if there is no image.

    A shape may be newer than ``seq``: an edit that comes between is told again with the next changes, and its
    revision says that it is known.
    """
    head = log.sequence(session, image_id)
    if not 0 <= after <= head or head - after > most:
        return Changes(after=after, seq=head, shapes=[], tags=None, authors=[], complete=False)
    made = log.of_image(session, image_id, after=after) if head > after else []
    if not made:
        return Changes(after=after, seq=after, shapes=[], tags=None, authors=[], complete=True)
    touched = dict.fromkeys(one.shape_id for one in made if not one.is_tag)
    found = log.records(session, touched)
    return Changes(
        after=after,
        seq=made[-1].seq,
        shapes=[Shape.of(found[id]) for id in touched],
        tags=log.tags(session, image_id) if any(one.is_tag for one in made) else None,
        authors=list(dict.fromkeys(one.author for one in made)),
        complete=True,
    )


def history(
    session: Session,
    *,
    image_id: int | None = None,
    shape_id: UUID | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[Edit]:
    """The edits of an image, or of one shape, oldest first. NotFound if the image does not exist.

    Of an image, only ``limit`` edits, and only those whose sequence number is above ``after``, if so asked.

    A shape that was imported and never touched has no edits.
    """
    if (image_id is None) == (shape_id is None):
        raise TypeError("history takes either image_id or shape_id")
    if shape_id is not None:
        return log.of_shape(session, shape_id)
    assert image_id is not None
    log.sequence(session, image_id)
    return log.of_image(session, image_id, after=after, limit=limit)


def rebuild(session: Session, image_id: int, *, until: int | None = None) -> dict[UUID, Shape]:
    """The image's shapes that were ever edited, tombstones too, from the log alone: as they stand, or as they stood
    at sequence number ``until``. NotFound if there is no such image.

    What was drawn here is replayed from nothing. What was imported begins at the values that its first edits
    overwrote; properties that no edit touched are taken from the table.
    """
    edits = [one for one in history(session, image_id=image_id) if not one.is_tag]
    drawn = {one.shape_id for one in edits if one.action == "create"}
    start: dict[UUID, Shape] = {}
    for id, record in log.records(session, {one.shape_id for one in edits} - drawn).items():
        shape = Shape.of(record)
        for one in reversed([one for one in edits if one.shape_id == id]):
            shape = back(shape, one)
        start[id] = shape
    return replay([one for one in edits if until is None or one.seq <= until], start)


def restore(session: Session, shape_id: UUID, rev: int, *, author: str) -> ApplyReply:
    """Give a shape the values that it had at revision ``rev``, as a new edit; a deleted one comes back.

    NotFound if there is no such shape, or it never had that revision.
    """
    record = log.records(session, [shape_id]).get(shape_id)
    if record is None:
        raise NotFound(f"there is no shape {shape_id}", remedy="take an id from edits.history of its image")
    log.lock(session, record.image_id)
    now = Shape.of(log.records(session, [shape_id])[shape_id])
    if not 1 <= rev <= now.rev:
        raise NotFound(f"shape {shape_id} has revisions 1 to {now.rev}, not {rev}", remedy="take one of those")
    then = now
    for one in reversed(log.of_shape(session, shape_id, after_rev=rev)):
        then = back(then, one)
    differing = [name for name in PROPERTIES if getattr(then, name) != getattr(now, name)]
    action: Action | None
    if then.deleted:
        action = None if now.deleted else "delete"
    else:
        action = "restore" if now.deleted else "update" if differing else None
    op = Op(
        client_op_id=uuid4(),
        shape_id=shape_id,
        base_rev=now.rev,
        action=action or "update",
        patch=Patch() if then.deleted else patch_of(then, differing),
    )
    return apply(session, record.image_id, [op] if action else [], author=author)
