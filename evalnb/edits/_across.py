"""A step that touched several images, taken back on all of them, and done again: in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.orm import Session

from evalnb.edits._apply import apply
from evalnb.edits._state import PROPERTIES, patch_of, values
from evalnb.edits._steps import REPLAYED, Change, change_of, head_of, states_of
from evalnb.errors import Invalid, NotFound
from evalnb.store.repositories import edits as log
from evalnb.store.repositories.edits import Edit
from evalnb.wire.shapes import WHOLE_IMAGE, Op, Shape

MOST = 20_000
"""A step of more edits than this is not taken back at once: its images would be held for too long."""
_LOW = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Replayed:
    """What taking a step back, or doing it again, came to."""

    image_ids: tuple[int, ...]
    """Where something changed."""
    shapes: int
    """How many shapes and tags did."""
    kept: int
    """How many did not, since they are no longer as the step left them."""


def replay(
    session: Session, dataset_id: int, op_id: UUID, *, author: str, as_id: UUID, forward: bool = False
) -> Replayed:
    """Take back the author's step that the op ``op_id`` is of, on every image of the dataset that it touched; or
    do it again, ``forward``.

    A property goes back only where it is as the step left it: what anybody changed since stays, and is counted. The
    new edits' ids begin as ``as_id`` does, a UUID of version 8, and end as those of the edits that they replay: by
    that the log tells which step went back, and sent again the same ask changes nothing.

    NotFound without such a step; Invalid for one of more than 20,000 edits, or an ``as_id`` of another version.
    """
    if as_id.version != REPLAYED:
        raise Invalid(f"{as_id} is of version {as_id.version}", remedy=f"give a UUID of version {REPLAYED}")
    done = log.of_step(session, dataset_id, author, head_of(as_id), limit=MOST)
    if done:
        return Replayed(tuple(sorted({one.image_id for one in done})), len(done), 0)
    made = log.of_step(session, dataset_id, author, head_of(op_id), limit=MOST + 1)
    if not made:
        raise NotFound(f"the log has no step of {op_id}", remedy="ask for the steps anew")
    if len(made) > MOST:
        raise Invalid(f"the step has more than {MOST:,} edits", remedy="undo it image by image")
    by_image: dict[int, list[Edit]] = defaultdict(list)
    for one in made:
        by_image[one.image_id].append(one)
    tags = {head.image_id: head.tags for head in log.hold(session, sorted(by_image))}
    states = states_of(session, [one for one in made if not one.is_tag])
    touched: dict[int, int] = {}
    kept = 0
    for image_id in sorted(by_image):
        ops, left = _ops(by_image[image_id], states, tags.get(image_id, ()), head_of(as_id) << 64, forward=forward)
        kept += left
        if ops:
            reply = apply(session, image_id, ops, author=author, dataset_id=dataset_id)
            touched[image_id] = sum(one.status == "applied" for one in reply.results)
    return Replayed(tuple(touched), sum(touched.values()), kept)


def _ops(
    made: Sequence[Edit], states: dict[UUID, dict[int, Shape]], tags: Sequence[str], head: int, *, forward: bool
) -> tuple[list[Op], int]:
    """The ops that replay one image's part of a step, and how many shapes are otherwise by now."""
    ops: list[Op] = []
    kept = 0
    whole: dict[UUID, tuple[Change, Edit]] = {}
    for one in made:
        id = UUID(int=head | (one.client_op_id.int & _LOW))
        if one.is_tag:
            [tag] = one.patch["tags"]
            if (tag in tags) == ((one.action == "tag") != forward):
                action = one.action if forward else {"tag": "untag", "untag": "tag"}[one.action]
                base = {"client_op_id": id, "shape_id": WHOLE_IMAGE, "base_rev": 0}
                ops.append(Op.model_validate({**base, "action": action, "patch": {"tags": [tag]}}))
            continue
        change = change_of(one, states[one.shape_id])
        first = whole.get(one.shape_id)
        whole[one.shape_id] = (replace(change, before=first[0].before) if first else change, one)
    for change, last in whole.values():
        now = states[change.shape_id][max(states[change.shape_id])]
        was, wanted = (change.before, change.after) if forward else (change.after, change.before)
        id = UUID(int=head | (last.client_op_id.int & _LOW))
        op, left = _op(id, now, was, wanted)
        ops += [op] if op else []
        kept += left
    return ops, kept


def _op(id: UUID, now: Shape, was: Shape | None, wanted: Shape | None) -> tuple[Op | None, bool]:
    """What makes the shape as it is ``wanted`` again, if it is as it ``was``; and whether it stays as it is since it
    is neither."""

    def op(**more: object) -> Op:
        return Op.model_validate({"client_op_id": id, "shape_id": now.id, "base_rev": now.rev, **more})

    if wanted is None:
        if was is None or now.deleted:
            return None, False
        alike = all(getattr(now, name) == getattr(was, name) for name in PROPERTIES)
        return (op(action="delete"), False) if alike else (None, True)
    if was is None:
        return (op(action="restore"), False) if now.deleted else (None, False)
    if now.deleted:
        return None, False
    names = [name for name in PROPERTIES if getattr(was, name) != getattr(wanted, name)]
    back = [name for name in names if getattr(now, name) == getattr(was, name)]
    left = any(getattr(now, name) not in (getattr(was, name), getattr(wanted, name)) for name in names)
    patch = patch_of(wanted, back)
    return (op(action="update", patch=patch) if values(patch) else None), left
