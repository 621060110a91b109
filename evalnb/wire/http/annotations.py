"""Edits over HTTP; shapes and ops themselves are those of the canvas."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.shapes import Op


class Ops(Received):
    """Ops on one image, applied in this order."""

    ops: list[Op] = Field(min_length=1, max_length=1_000)


class EditItem(Wire):
    """An edit as it was applied. ``patch`` and ``before`` hold the touched properties by name."""

    seq: int
    client_op_id: UUID
    shape_id: UUID
    action: Literal["create", "update", "delete", "restore"]
    base_rev: int
    rev: int
    patch: dict[str, Any]
    before: dict[str, Any]
    conflicts: list[str]
    author: str
    at: datetime | None


class EditPage(Wire):
    """Edits of one image, the oldest first. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[EditItem]
    next: int | None
