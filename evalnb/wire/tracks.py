"""What the Annotator says of sequences: the frames of a video, and tracks, each one object over the images."""

from typing import Literal
from uuid import UUID

from evalnb.wire.base import Received, Wire
from evalnb.wire.references import ImageRef


class TrackAsk(Received):
    """Where a track's shapes stand."""

    ask: Literal["track"] = "track"
    track_id: UUID


class Frame(Wire):
    """A track's shape on one image."""

    image: ImageRef
    shape_id: UUID
    keyframe: bool
    outside: bool


class TrackReply(Wire):
    """The shapes that are not deleted, on images of the slice, in their order."""

    track_id: UUID
    frames: list[Frame]
    complete: bool
    """False where the track goes on beyond what is told."""


class SequenceAsk(Received):
    """Which images of the slice are of the same video as this one."""

    ask: Literal["sequence"] = "sequence"
    image_id: int


class SequenceReply(Wire):
    """The first of them and the last, by their places; both None where the image is of no video."""

    image_id: int
    first: ImageRef | None
    last: ImageRef | None
