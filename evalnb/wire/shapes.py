"""Shapes and the ops that change them, as the canvas and the server speak of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from evalnb.core import masks, records
from evalnb.wire.base import Received, Wire

# A number is a number: neither "1" nor true is taken for one.
_Float = Annotated[float, Field(strict=True)]
_Int = Annotated[int, Field(strict=True)]
_Bool = Annotated[bool, Field(strict=True)]

Box = tuple[_Float, _Float, _Float, _Float]
"""x, y, w, h in image pixels."""


class BoxGeometry(Wire):
    """An axis-aligned box."""

    kind: Literal["box"] = "box"
    box: Box

    def record(self) -> records.Geometry:
        """The core record of it."""
        return records.Geometry("box", self.box)


class PolygonGeometry(Wire):
    """One or more polygon parts, each x0, y0, x1, y1, …; ``box`` encloses them."""

    kind: Literal["polygon"] = "polygon"
    box: Box
    parts: list[list[_Float]]

    def record(self) -> records.Geometry:
        """The core record of it."""
        return records.Geometry("polygon", self.box, parts=tuple(tuple(part) for part in self.parts))


class MaskGeometry(Wire):
    """COCO's compressed runs; ``size`` is height, width of the image."""

    kind: Literal["mask"] = "mask"
    box: Box
    size: tuple[_Int, _Int]
    counts: str

    def record(self) -> records.Geometry:
        """The core record of it; Invalid if the runs do not fill the size."""
        return records.Geometry("mask", self.box, mask=masks.from_string(self.counts, self.size))


class KeypointsGeometry(Wire):
    """Keypoints x, y, visibility (0, 1, 2)."""

    kind: Literal["keypoints"] = "keypoints"
    box: Box
    points: list[tuple[_Float, _Float, _Int]]

    def record(self) -> records.Geometry:
        """The core record of it."""
        return records.Geometry("keypoints", self.box, points=tuple(self.points))


Geometry = Annotated[BoxGeometry | PolygonGeometry | MaskGeometry | KeypointsGeometry, Field(discriminator="kind")]


def geometry_of(record: records.Geometry) -> Geometry:
    """A core geometry on the wire."""
    match record.kind:
        case "box":
            return BoxGeometry(box=record.box)
        case "polygon":
            return PolygonGeometry(box=record.box, parts=[list(part) for part in record.parts])
        case "mask":
            if record.mask is None:
                raise ValueError("a mask geometry without its mask")
            return MaskGeometry(box=record.box, size=record.mask.size, counts=masks.to_string(record.mask))
        case "keypoints":
            return KeypointsGeometry(box=record.box, points=list(record.points))


class Shape(Wire):
    """One annotation as it stands at revision ``rev``."""

    id: UUID
    class_id: int
    geometry: Geometry
    crowd: bool = False
    attributes: dict[str, Any] = {}
    tags: list[str] = []
    rev: int = 1
    deleted: bool = False

    @classmethod
    def of(cls, annotation: records.Annotation) -> Shape:
        """A core annotation on the wire."""
        return cls(
            id=annotation.id,
            class_id=annotation.class_id,
            geometry=geometry_of(annotation.geometry),
            crowd=annotation.crowd,
            attributes=dict(annotation.attributes),
            tags=list(annotation.tags),
            rev=annotation.revision,
            deleted=annotation.deleted,
        )


class Patch(Received):
    """The properties an op sets; those left out stay. Geometry is one property."""

    class_id: _Int | None = None
    geometry: Geometry | None = None
    crowd: _Bool | None = None
    attributes: dict[str, Any] | None = None
    tags: list[str] | None = None

    @model_serializer(mode="wrap")
    def _without_gaps(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class Op(Received):
    """One edit. The client makes ``client_op_id``; sending an op twice changes nothing the second time."""

    client_op_id: UUID
    shape_id: UUID
    base_rev: int = Field(strict=True, ge=0, lt=2**53)
    """The revision that the client saw; 0 for create."""
    action: Literal["create", "update", "delete", "restore"]
    patch: Patch = Patch()


class OpResult(Wire):
    """What became of an op."""

    client_op_id: UUID
    status: Literal["applied", "duplicate", "conflict", "refused"]
    """conflict: applied, last writer wins, and ``conflicts`` names what was overwritten. refused: see ``reason``."""
    shape: Shape | None = None
    conflicts: list[str] = []
    theirs: Patch | None = None
    """On conflict, the values that were overwritten: both versions are kept and shown."""
    reason: str = ""
