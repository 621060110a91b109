"""What the Annotator says of a whole track: one object over the images of a sequence."""

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
