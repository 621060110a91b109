"""What an author may undo and redo on an image, from the log alone: so that both outlive the page that did it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from evalnb.edits._state import back
from evalnb.store.repositories import edits as log
from evalnb.store.repositories.edits import Edit
from evalnb.wire.shapes import Shape

READ_MAX = 2000
"""So many of an author's latest edits of an image are looked at."""

REPLAYED = 8
"""The version of the ids of ops that undo or redo."""


@dataclass(frozen=True, slots=True)
class Change:
    """A shape before and after a step; None where it was not there."""

    shape_id: UUID
    before: Shape | None
    after: Shape | None


@dataclass(frozen=True, slots=True)
class Step:
    """What was done at once."""

    edits: tuple[Edit, ...]
    changes: tuple[Change, ...]
    tags: Mapping[str, bool]
    """Tags of the image that it set (True) or took away."""


def steps(session: Session, image_id: int, *, author: str, most: int = 30) -> tuple[list[Step], list[Step]]:
    """The author's steps on the image that can be undone, and those that were and can be done again; of each the
    nearest ``most``, the nearest last. NotFound if there is no such image.

    Edits whose op ids agree in their first 64 bits are one step. Ids of version 8 (RFC 9562: of one's own making) say
    that a step goes back or forth: it is the undo of the step before if it takes that back, and the redo of what was
    undone last if it does that again.
    """
    log.sequence(session, image_id)
    made = log.of_author(session, image_id, author, limit=READ_MAX)
    groups = _grouped(made)
    if len(made) == READ_MAX:
        # The first may have begun before what was read.
        del groups[0]
    undo, redo = _folded(groups, log.last_of_others(session, image_id, author))
    undo, redo = undo[-most:], redo[-most:]
    # Of each shape only the way back to the first of its revisions that is asked for.
    earliest: dict[UUID, int] = {}
    for one in (one for group in (*undo, *redo) for one in group if not one.is_tag):
        earliest[one.shape_id] = min(one.rev, earliest.get(one.shape_id, one.rev))
    since: dict[UUID, list[Edit]] = defaultdict(list)
    if earliest:
        for one in log.of_shapes(session, earliest, after_rev=min(earliest.values()) - 1):
            if one.rev >= earliest[one.shape_id]:
                since[one.shape_id].append(one)
    now = {id: Shape.of(record) for id, record in log.records(session, earliest).items()}
    states = {id: _states(shape, since[id]) for id, shape in now.items()}
    return [_step(group, states) for group in undo], [_step(group, states) for group in redo]


def _grouped(made: Sequence[Edit]) -> list[list[Edit]]:
    groups: list[list[Edit]] = []
    for one in made:
        if groups and groups[-1][-1].client_op_id.int >> 64 == one.client_op_id.int >> 64:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _folded(groups: Sequence[list[Edit]], others: Mapping[UUID, int]) -> tuple[list[list[Edit]], list[list[Edit]]]:
    undo: list[list[Edit]] = []
    redo: list[list[Edit]] = []
    for group in groups:
        replayed = group[0].client_op_id.version == REPLAYED
        if replayed and undo and _takes_back(group, undo[-1], others):
            redo.append(undo.pop())
        elif replayed and redo and _repeats(group, redo[-1], others):
            undo.append(redo.pop())
        else:
            undo.append(group)
            redo.clear()
    return undo, redo


def _takes_back(later: Sequence[Edit], earlier: Sequence[Edit], others: Mapping[UUID, int]) -> bool:
    opposite = {"create": "delete", "restore": "delete", "delete": "restore", "tag": "untag", "untag": "tag"}

    def undoes(one: Edit, former: Edit) -> bool:
        if former.action == "update":
            return one.action == "update" and one.patch.items() <= former.before.items()
        return one.action == opposite[former.action]

    return _pairs_up(later, earlier, undoes, others)


def _repeats(later: Sequence[Edit], earlier: Sequence[Edit], others: Mapping[UUID, int]) -> bool:
    def does_again(one: Edit, former: Edit) -> bool:
        if former.action == "update":
            return one.action == "update" and one.patch.items() <= former.patch.items()
        # What was drawn and undone is a tombstone, which is restored.
        return one.action == ("restore" if former.action == "create" else former.action)

    return _pairs_up(later, earlier, does_again, others)


def _pairs_up(
    later: Sequence[Edit], earlier: Sequence[Edit], fits: Callable[[Edit, Edit], bool], others: Mapping[UUID, int]
) -> bool:
    former = {_what(one): one for one in earlier}
    found = {_what(one): one for one in later}
    if len(former) < len(earlier) or len(found) < len(later) or not found.keys() <= former.keys():
        return False
    # What somebody else changed since may have left nothing to take back.
    missing = former.keys() - found.keys()
    if any(isinstance(one, str) or others.get(one, 0) <= former[one].seq for one in missing):
        return False
    return all(fits(one, former[what]) for what, one in found.items())


def _what(one: Edit) -> UUID | str:
    """What the edit is of: a shape, or a tag."""
    return str(one.patch["tags"][0]) if one.is_tag else one.shape_id


def _states(now: Shape, edits: Sequence[Edit]) -> dict[int, Shape]:
    """The shape at each of its revisions, back to the one before ``edits``, which must be its latest."""
    then = {now.rev: now}
    for one in reversed(edits):
        now = then[one.rev - 1] = back(now, one)
    return then


def _step(group: Sequence[Edit], states: Mapping[UUID, Mapping[int, Shape]]) -> Step:
    def there(id: UUID, rev: int) -> Shape | None:
        shape = states[id].get(rev)
        return None if shape is None or shape.deleted else shape

    return Step(
        edits=tuple(group),
        changes=tuple(
            Change(one.shape_id, there(one.shape_id, one.rev - 1), there(one.shape_id, one.rev))
            for one in group
            if one.shape_id in states
        ),
        tags={str(one.patch["tags"][0]): one.action == "tag" for one in group if one.is_tag},
    )
