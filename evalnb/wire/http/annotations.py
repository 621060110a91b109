"""Edits over HTTP; shapes and ops themselves are those of the canvas."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.http.base import example
from evalnb.wire.shapes import Op


class Ops(Received):
    """Ops on one image, applied in this order."""

    model_config = example(
        ops=[
            {
                "client_op_id": "7a0d8f0c-1f1f-4a3e-9d3c-5f6f0a1b2c3d",
                "shape_id": "0b8c1f4e-93d5-4a51-8e1a-2d6f7c8b9a0e",
                "base_rev": 0,
                "action": "create",
                "patch": {"class_id": 1, "geometry": {"kind": "box", "box": [40, 60, 120, 80]}},
            }
        ]
    )

    ops: list[Op] = Field(min_length=1, max_length=1_000)


class EditItem(Wire):
    """An edit as it was applied. ``patch`` and ``before`` hold the touched properties by name."""

    seq: int
    client_op_id: UUID
    shape_id: UUID
    action: Literal["create", "update", "delete", "restore", "tag", "untag"]
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
