"""One shape through its edits: pure steps forward and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from evalnb.store.repositories.edits import Edit
from evalnb.wire.shapes import Patch, Shape

PROPERTIES = ("class_id", "geometry", "crowd", "attributes", "tags", "z", "track")
"""What a patch may set; each is overwritten as a whole."""


def values(patch: Patch) -> dict[str, Any]:
    """The properties that the patch sets, as the shapes' own values."""
    return {name: value for name in PROPERTIES if (value := getattr(patch, name)) is not None}


def patch_of(shape: Shape, names: Iterable[str]) -> Patch:
    """The patch that would write the shape's present values of these properties."""
    return Patch(**{name: getattr(shape, name) for name in names})


def forward(shape: Shape | None, edit: Edit) -> Shape:
    """The shape after ``edit``."""
    new = values(Patch.model_validate(edit.patch))
    if shape is None:
        return Shape(id=edit.shape_id, rev=edit.rev, **new)
    deleted = {"delete": True, "restore": False}.get(edit.action, shape.deleted)
    return shape.model_copy(update={**new, "rev": edit.rev, "deleted": deleted})


def back(shape: Shape, edit: Edit) -> Shape:
    """The shape before ``edit``, which must be its latest. Undoing a create leaves a tombstone at revision 0."""
    old = values(Patch.model_validate(edit.before))
    deleted = {"delete": False, "restore": True, "create": True}.get(edit.action, shape.deleted)
    return shape.model_copy(update={**old, "rev": edit.rev - 1, "deleted": deleted})


def replay(edits: Iterable[Edit], start: Mapping[UUID, Shape]) -> dict[UUID, Shape]:
    """The shapes, by id, after ``edits`` in their order, from the imported shapes in ``start``."""
    now = dict(start)
    for one in edits:
        now[one.shape_id] = forward(now.get(one.shape_id), one)
    return now


def untagged(tags: Sequence[str], edits: Sequence[Edit]) -> list[str]:
    """The image's tags before ``edits``, which must be its latest, oldest first."""
    then = list(tags)
    for one in reversed(edits):
        if one.is_tag:
            [tag] = one.patch["tags"]
            then = [other for other in then if other != tag] + list(one.before["tags"])
    return then
