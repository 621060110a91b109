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
_ENDS = (1 << 64) - 1


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
    images: int = 1
    """How many images it touched."""


def steps(session: Session, image_id: int, *, author: str, most: int = 30) -> tuple[list[Step], list[Step]]:
    """The author's steps on the image that can be undone, and those that were and can be done again; of each the
    nearest ``most``, the nearest last. NotFound if there is no such image.

    Edits whose op ids agree in their first 64 bits are one step, on whatever images they are. Ids of version 8
    (RFC 9562: of one's own making) say that a step goes back or forth: it is the undo of the step before if it takes
    that back, and the redo of what was undone last if it does that again. Where they end as another step's ids do, it
    is that one's, however long ago that was: ``replay`` made it, perhaps from another image.
    """
    log.sequence(session, image_id)
    made = log.of_author(session, image_id, author, limit=READ_MAX)
    groups = _grouped(made)
    if len(made) == READ_MAX:
        # The first may have begun before what was read.
        del groups[0]
    undo, redo = _folded(groups, log.last_of_others(session, image_id, author))
    undo, redo = undo[-most:], redo[-most:]
    states = states_of(session, [one for group in (*undo, *redo) for one in group if not one.is_tag])
    spans = log.spans(session, {head_of(group[0].client_op_id) for group in (*undo, *redo)})

    def step(group: Sequence[Edit]) -> Step:
        return _step(group, states, spans[head_of(group[0].client_op_id)])

    return [*map(step, undo)], [*map(step, redo)]


def head_of(op_id: UUID) -> int:
    """What the ids of a step's ops have in common."""
    return op_id.int >> 64


def states_of(session: Session, wanted: Sequence[Edit]) -> dict[UUID, dict[int, Shape]]:
    """Each of the shapes of these edits as it is now and was at each of its revisions, back to before the first of
    them; by revision."""
    earliest: dict[UUID, int] = {}
    for one in wanted:
        earliest[one.shape_id] = min(one.rev, earliest.get(one.shape_id, one.rev))
    since: dict[UUID, list[Edit]] = defaultdict(list)
    if earliest:
        for one in log.of_shapes(session, earliest, after_rev=min(earliest.values()) - 1):
            if one.rev >= earliest[one.shape_id]:
                since[one.shape_id].append(one)
    now = {id: Shape.of(record) for id, record in log.records(session, earliest).items()}
    return {id: _states(shape, since[id]) for id, shape in now.items()}


def change_of(one: Edit, states: Mapping[int, Shape]) -> Change:
    """The edit's shape before and after it; ``states`` as of ``states_of``."""

    def there(rev: int) -> Shape | None:
        shape = states.get(rev)
        return None if shape is None or shape.deleted else shape

    return Change(one.shape_id, there(one.rev - 1), there(one.rev))


def _grouped(made: Sequence[Edit]) -> list[list[Edit]]:
    # A step of several images takes its time: something else may be done on one of them meanwhile.
    groups: dict[int, list[Edit]] = {}
    for one in made:
        groups.setdefault(head_of(one.client_op_id), []).append(one)
    return list(groups.values())


def _folded(groups: Sequence[list[Edit]], others: Mapping[UUID, int]) -> tuple[list[list[Edit]], list[list[Edit]]]:
    undo: list[list[Edit]] = []
    redo: list[list[Edit]] = []
    for group in groups:
        replayed = group[0].client_op_id.version == REPLAYED
        if replayed and (place := _of_same_ends(group, undo)) is not None:
            redo.append(undo.pop(place))
        elif replayed and (place := _of_same_ends(group, redo)) is not None:
            undo.append(redo.pop(place))
        elif replayed and undo and _takes_back(group, undo[-1], others):
            redo.append(undo.pop())
        elif replayed and redo and _repeats(group, redo[-1], others):
            undo.append(redo.pop())
        else:
            undo.append(group)
            redo.clear()
    return undo, redo


def _of_same_ends(group: Sequence[Edit], stack: Sequence[Sequence[Edit]]) -> int | None:
    """The place of the step whose ids end as those of ``group`` do."""
    ends = {one.client_op_id.int & _ENDS for one in group}
    return next(
        (n for n, step in enumerate(stack) if any(one.client_op_id.int & _ENDS in ends for one in step)), None
    )


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


def _step(group: Sequence[Edit], states: Mapping[UUID, Mapping[int, Shape]], images: int) -> Step:
    return Step(
        edits=tuple(group),
        changes=tuple(change_of(one, states[one.shape_id]) for one in group if one.shape_id in states),
        tags={str(one.patch["tags"][0]): one.action == "tag" for one in group if one.is_tag},
        images=images,
    )
