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


class Turned(Wire):
    """A rectangle turned about its centre; ``angle`` in radians, clockwise as an image is seen."""

    center: tuple[_Float, _Float]
    size: tuple[_Float, _Float]
    angle: _Float

    def record(self) -> records.Turned:
        """The core record of it."""
        return records.Turned(self.center, self.size, self.angle)


class RotatedGeometry(Wire):
    """A rotated box; ``box`` is the upright one around it."""

    kind: Literal["rotated"] = "rotated"
    box: Box
    turned: Turned

    def record(self) -> records.Geometry:
        """The core record of it."""
        return records.Geometry("rotated", self.box, turned=self.turned.record())


class EllipseGeometry(Wire):
    """The ellipse that fills ``turned``; ``box`` is the upright one around it."""

    kind: Literal["ellipse"] = "ellipse"
    box: Box
    turned: Turned

    def record(self) -> records.Geometry:
        """The core record of it."""
        return records.Geometry("ellipse", self.box, turned=self.turned.record())


class PolygonGeometry(Wire):
    """One or more polygon parts, each x0, y0, x1, y1, …, less ``holes``; ``box`` encloses them."""

    kind: Literal["polygon"] = "polygon"
    box: Box
    parts: list[list[_Float]]
    holes: list[list[_Float]] = []

    def record(self) -> records.Geometry:
        """The core record of it."""
        return records.Geometry("polygon", self.box, parts=_runs(self.parts), holes=_runs(self.holes))


class PolylineGeometry(Wire):
    """One or more lines, each x0, y0, x1, y1, …; ``box`` encloses them."""

    kind: Literal["polyline"] = "polyline"
    box: Box
    parts: list[list[_Float]]

    def record(self) -> records.Geometry:
        """The core record of it."""
        return records.Geometry("polyline", self.box, parts=_runs(self.parts))


class PointsGeometry(Wire):
    """Points x, y without names; ``box`` encloses them."""

    kind: Literal["points"] = "points"
    box: Box
    points: list[tuple[_Float, _Float]]

    def record(self) -> records.Geometry:
        """The core record of it."""
        flat = tuple(value for point in self.points for value in point)
        return records.Geometry("points", self.box, parts=(flat,))


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


Geometry = Annotated[
    BoxGeometry
    | RotatedGeometry
    | PolygonGeometry
    | PolylineGeometry
    | PointsGeometry
    | EllipseGeometry
    | MaskGeometry
    | KeypointsGeometry,
    Field(discriminator="kind"),
]


def geometry_of(record: records.Geometry) -> Geometry:
    """A core geometry on the wire."""
    match record.kind:
        case "box":
            return BoxGeometry(box=record.box)
        case "rotated":
            return RotatedGeometry(box=record.box, turned=_turned(record))
        case "ellipse":
            return EllipseGeometry(box=record.box, turned=_turned(record))
        case "polygon":
            parts, holes = [list(part) for part in record.parts], [list(part) for part in record.holes]
            return PolygonGeometry(box=record.box, parts=parts, holes=holes)
        case "polyline":
            return PolylineGeometry(box=record.box, parts=[list(part) for part in record.parts])
        case "points":
            flat = record.parts[0]
            return PointsGeometry(box=record.box, points=list(zip(flat[0::2], flat[1::2], strict=True)))
        case "mask":
            if record.mask is None:
                raise ValueError("a mask geometry without its mask")
            return MaskGeometry(box=record.box, size=record.mask.size, counts=masks.to_string(record.mask))
        case "keypoints":
            return KeypointsGeometry(box=record.box, points=list(record.points))


def _runs(parts: list[list[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(part) for part in parts)


def _turned(record: records.Geometry) -> Turned:
    if record.turned is None:
        raise ValueError(f"a geometry of kind {record.kind} without its turned rectangle")
    return Turned(center=record.turned.center, size=record.turned.size, angle=record.turned.angle)


class Track(Wire):
    """A shape's place in a track: one object over the frames of a sequence. Without ``id`` it stands alone."""

    id: UUID | None = None
    keyframe: _Bool = True
    """Drawn by a person or a model; false: computed between the keyframes around it."""
    outside: _Bool = False
    """The object is not in sight from this frame on, up to the next keyframe."""

    def record(self) -> records.Track:
        """The core record of it."""
        return records.Track(self.id, self.keyframe, self.outside)


class Shape(Wire):
    """One annotation as it stands at revision ``rev``."""

    id: UUID
    class_id: int
    geometry: Geometry
    crowd: bool = False
    attributes: dict[str, Any] = {}
    tags: list[str] = []
    z: int = 0
    """The higher lies on top; of equals, the one drawn last."""
    track: Track = Track()
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
            z=annotation.z,
            track=Track(id=annotation.track.id, keyframe=annotation.track.keyframe, outside=annotation.track.outside),
            rev=annotation.revision,
            deleted=annotation.deleted,
        )

    def record(self, image_id: int) -> records.Annotation:
        """The core annotation of it, on that image."""
        return records.Annotation(
            id=self.id,
            image_id=image_id,
            class_id=self.class_id,
            geometry=self.geometry.record(),
            crowd=self.crowd,
            attributes=self.attributes,
            tags=tuple(self.tags),
            z=self.z,
            track=self.track.record(),
            revision=self.rev,
            deleted=self.deleted,
        )


class Patch(Received):
    """The properties an op sets; those left out stay. Geometry is one property."""

    class_id: _Int | None = None
    geometry: Geometry | None = None
    crowd: _Bool | None = None
    attributes: dict[str, Any] | None = None
    tags: list[str] | None = None
    z: Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)] | None = None
    track: Track | None = None

    @model_serializer(mode="wrap")
    def _without_gaps(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


WHOLE_IMAGE = UUID(int=0)
"""Stands for a shape's id where an op is of the image itself."""


class Op(Received):
    """One edit. The client makes ``client_op_id``; sending an op twice changes nothing the second time."""

    client_op_id: UUID
    shape_id: UUID
    base_rev: int = Field(strict=True, ge=0, lt=2**53)
    """The revision that the client saw; 0 for create."""
    action: Literal["create", "update", "delete", "restore", "tag", "untag"]
    """tag and untag are of the whole image: ``patch.tags`` names one tag, and ``shape_id`` is WHOLE_IMAGE."""
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
