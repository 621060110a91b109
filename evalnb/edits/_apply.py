"""Apply ops: order them, check them, write shapes and log in one transaction."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from evalnb.core.records import Annotation
from evalnb.edits._geometry import sound
from evalnb.edits._state import forward, patch_of, values
from evalnb.errors import Invalid
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import datasets
from evalnb.store.repositories import edits as log
from evalnb.store.repositories.edits import Edit, Head
from evalnb.wire.annotator import ApplyReply
from evalnb.wire.shapes import WHOLE_IMAGE, Op, OpResult, Patch, Shape

TAG_MAX = 100
"""So many characters has a tag at most, and an image so many tags."""
DEEPEST = 32
"""How many lists and objects attributes may stand within each other."""


def apply(
    session: Session, image_id: int, ops: Sequence[Op], *, author: str, dataset_id: int | None = None
) -> ApplyReply:
    """Apply ``ops`` to one image, in their order, in the caller's transaction; what is replied holds once it commits.

    Last writer wins, property by property; geometry is one property. Where somebody else changed a touched property
    since the op's ``base_rev``, the result is a conflict: applied, with the overwritten values in ``theirs`` and in
    the log. An op that is in the log already answers ``duplicate`` with the shape as it stands now. An op that cannot
    be applied is refused with its reason, and the others go on.

    NotFound if there is no such image, or none in the dataset, if one is named.
    """
    head = log.lock(session, image_id, dataset_id=dataset_id)
    batch = _Batch(session, head, ops, author)
    results = [batch.take(op) for op in ops]
    batch.write()
    return ApplyReply(image_id=image_id, seq=batch.seq, results=results)


class _Batch:
    """The ops of one call against one locked image."""

    def __init__(self, session: Session, head: Head, ops: Sequence[Op], author: str) -> None:
        self.seq = head.seq
        self._session = session
        self._head = head
        self._author = author
        asked = {op.patch.class_id for op in ops if op.patch.class_id is not None}
        self._classes = datasets.named_classes(session, head.dataset_id, asked)
        self._tags = list(head.tags)
        touched = {op.shape_id for op in ops if op.action not in ("tag", "untag")}
        seen = min((op.base_rev for op in ops), default=0)
        # One look at the log for both: every round trip to the database is one that a person waits for.
        found = log.known(session, {op.client_op_id for op in ops}, touched, after_rev=seen)
        self._done = {one.client_op_id: one for one in found}
        self._rows = annotation_rows.rows_of(session, list(touched))
        self._records = {id: annotation_rows.to_record(row) for id, row in self._rows.items()}
        self._shapes: dict[UUID, Shape] = {
            id: Shape.of(one) for id, one in self._records.items() if one.image_id == head.image_id
        }
        self._since: dict[UUID, list[Edit]] = defaultdict(list)
        for one in found:
            if one.shape_id in touched and one.rev > seen:
                self._since[one.shape_id].append(one)
        self._new: list[Edit] = []

    def take(self, op: Op) -> OpResult:
        """Apply one op, or say why not."""
        done = self._done.get(op.client_op_id)
        if done is not None and done.image_id == self._head.image_id:
            return OpResult(
                client_op_id=op.client_op_id,
                status="duplicate",
                shape=self._shapes.get(done.shape_id),
                conflicts=list(done.conflicts),
                theirs=Patch.model_validate({name: done.before[name] for name in done.conflicts})
                if done.conflicts
                else None,
            )
        shape = self._shapes.get(op.shape_id)
        try:
            if done is not None:
                raise Invalid(
                    f"op {op.client_op_id} was applied to image {done.image_id} already",
                    remedy="give every op an id of its own",
                )
            if op.action in ("tag", "untag"):
                return self._tag(op)
            patch = self._checked(op, shape)
        except Invalid as error:
            return OpResult(client_op_id=op.client_op_id, status="refused", shape=shape, reason=str(error))
        return self._apply(op, shape, patch)

    def _tag(self, op: Op) -> OpResult:
        """Set a tag of the image, or take it away. Where that is so already it is a duplicate and no edit: tags are a
        set, and two people who set different ones meet no conflict."""
        tag = self._checked_tag(op)
        there = tag in self._tags
        if there == (op.action == "tag"):
            return OpResult(client_op_id=op.client_op_id, status="duplicate")
        self._tags = [one for one in self._tags if one != tag] + [tag] * (not there)
        if len(self._tags) > TAG_MAX:
            self._tags.pop()
            raise Invalid(f"the image has {TAG_MAX} tags already", remedy="take one away first")
        self.seq += 1
        edit = Edit(
            image_id=self._head.image_id,
            seq=self.seq,
            client_op_id=op.client_op_id,
            shape_id=WHOLE_IMAGE,
            action=op.action,
            base_rev=0,
            rev=0,
            patch={"tags": [tag]},
            before={"tags": [tag] if there else []},
            conflicts=(),
            author=self._author,
        )
        self._done[op.client_op_id] = edit
        self._new.append(edit)
        return OpResult(client_op_id=op.client_op_id, status="applied")

    def _checked_tag(self, op: Op) -> str:
        named = op.patch.tags or []
        if op.shape_id != WHOLE_IMAGE or len(named) != 1 or set(values(op.patch)) != {"tags"}:
            raise Invalid(
                f"a {op.action} of shape {op.shape_id} with {len(named)} tags",
                remedy=f"name one tag in patch.tags, and {WHOLE_IMAGE} as the shape: it is the image's",
            )
        [tag] = named
        if not tag.strip() or tag != tag.strip() or len(tag) > TAG_MAX or not tag.isprintable():
            raise Invalid(
                f"{tag[:TAG_MAX]!r} is no tag",
                remedy=f"use 1 to {TAG_MAX} printable characters without spaces around",
            )
        _check_text("tags", tag)
        return tag

    def _checked(self, op: Op, shape: Shape | None) -> Patch:
        self._check_state(op, shape)
        patch = op.patch
        if patch.class_id is not None and patch.class_id not in self._classes:
            taxonomy = datasets.taxonomy(self._session, self._head.dataset_id)
            known = ", ".join(f"{one.id} ({one.name})" for one in taxonomy.classes[:5])
            remedy = f"use one of {known}" if known else "define one first: dataset.define_class('name')"
            raise Invalid(f"the dataset names no class {patch.class_id}", remedy=remedy)
        for name in ("attributes", "tags"):
            _check_storable(name, getattr(patch, name))
        if patch.geometry is not None:
            geometry = sound(patch.geometry, width=self._head.width, height=self._head.height)
            patch = patch.model_copy(update={"geometry": geometry})
        return patch

    def _check_state(self, op: Op, shape: Shape | None) -> None:
        if op.action == "create":
            if shape is not None or op.shape_id in self._records:
                raise Invalid(
                    f"shape {op.shape_id} exists already", remedy="update it, or give the new shape its own id"
                )
            if op.patch.class_id is None or op.patch.geometry is None:
                raise Invalid("a new shape needs a class and a geometry", remedy="set both in the op's patch")
            return
        if shape is None:
            raise Invalid(
                f"image {self._head.image_id} has no shape {op.shape_id}",
                remedy="create it, or fetch the image's shapes",
            )
        if op.action == "restore":
            if not shape.deleted:
                raise Invalid(f"shape {op.shape_id} is not deleted", remedy="update it instead")
            return
        if shape.deleted:
            by = next(
                (one.author for one in reversed(self._since[op.shape_id]) if one.action == "delete"), "somebody"
            )
            raise Invalid(f"{by} deleted shape {op.shape_id}", remedy="restore it first")
        if op.action == "update" and not values(op.patch):
            raise Invalid("the update sets nothing", remedy="set at least one property in its patch")
        if op.action == "delete" and values(op.patch):
            raise Invalid("a delete sets no properties", remedy="send the patch as an update of its own")

    def _apply(self, op: Op, shape: Shape | None, patch: Patch) -> OpResult:
        new = values(patch)
        conflicts: list[str] = []
        before = Patch()
        if shape is not None:
            overwritten = self._others_changed(op)
            if op.action != "delete":
                overwritten = {name for name in overwritten & set(new) if getattr(shape, name) != new[name]}
            conflicts = sorted(overwritten)
            before = patch_of(shape, set(new) | overwritten)
        self.seq += 1
        edit = Edit(
            image_id=self._head.image_id,
            seq=self.seq,
            client_op_id=op.client_op_id,
            shape_id=op.shape_id,
            action=op.action,
            base_rev=op.base_rev,
            rev=shape.rev + 1 if shape else 1,
            patch=patch.model_dump(mode="json"),
            before=before.model_dump(mode="json"),
            conflicts=tuple(conflicts),
            author=self._author,
        )
        after = forward(shape, edit)
        self._shapes[op.shape_id] = after
        self._since[op.shape_id].append(edit)
        self._done[op.client_op_id] = edit
        self._new.append(edit)
        return OpResult(
            client_op_id=op.client_op_id,
            status="conflict" if conflicts else "applied",
            shape=after,
            conflicts=conflicts,
            theirs=patch_of(shape, conflicts) if shape and conflicts else None,
        )

    def _others_changed(self, op: Op) -> set[str]:
        """The properties that other authors wrote in revisions that the op's author had not seen."""
        return {
            name
            for one in self._since[op.shape_id]
            if one.rev > op.base_rev and one.author != self._author
            for name in one.patch
        }

    def write(self) -> None:
        """Write the changed shapes, the tags and the log."""
        changed = dict.fromkeys(one.shape_id for one in self._new if not one.is_tag)
        if self._tags != list(self._head.tags):
            log.write_tags(self._session, self._head, self._tags)
        log.write(self._session, self._head, [self._record(self._shapes[id]) for id in changed], self._rows)
        log.append(self._session, self._head, self._new)

    def _record(self, shape: Shape) -> Annotation:
        geometry = shape.geometry.record()
        old = self._records.get(shape.id)
        if old is not None and geometry.kind != "keypoints":
            # Keypoints that a source gave beside an outline stay when the outline is edited.
            geometry = replace(geometry, points=old.geometry.points)
        return replace(shape.record(self._head.image_id), geometry=geometry)


def _check_storable(name: str, value: Mapping[str, Any] | Sequence[str] | None) -> None:
    """Invalid for what does not come back from PostgreSQL's jsonb: what is no JSON, numbers beyond a double's reach,
    text with NUL or half a surrogate pair, and nesting that serializers give up on."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        one, depth = pending.pop()
        if depth > DEEPEST:
            raise Invalid(f"{name} is nested more than {DEEPEST} deep", remedy="keep it flatter")
        if isinstance(one, Mapping):
            pending += ((inner, depth + 1) for pair in one.items() for inner in pair)
        elif isinstance(one, (list, tuple)):
            pending += ((inner, depth + 1) for inner in one)
        elif isinstance(one, str):
            _check_text(name, one)
        elif isinstance(one, (int, float)):
            # Also a NaN is not within.
            if not abs(one) <= sys.float_info.max:
                raise Invalid(f"{name} holds a number that is not finite", remedy="use finite numbers")
        elif one is not None:
            raise Invalid(f"{name} holds a {type(one).__name__}", remedy="use what JSON has a word for")


def _check_text(name: str, text: str) -> None:
    if "\0" in text:
        raise Invalid(f"{name} holds a NUL character", remedy="leave it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"{name} cannot be stored ({error})", remedy="use valid text") from error
