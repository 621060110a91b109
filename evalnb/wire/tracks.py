"""What the Annotator says of sequences: the frames of a video, and tracks, each one object over the images."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.references import ImageRef
from evalnb.wire.shapes import Geometry, MaskGeometry


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


class Seed(Received):
    """What is followed: a track, and its shape on the image where it begins."""

    track_id: UUID
    geometry: Geometry


class FollowAsk(Received):
    """Follow tracks from an image on, a piece at each ask: with ``seeds`` it begins, without it goes on. Of two that
    begin the later one counts. ``StopAsk`` ends it within an image."""

    ask: Literal["follow"] = "follow"
    follow: UUID
    """The asker's own name for it."""
    image_id: int
    """Where it begins."""
    seeds: list[Seed] = Field(default=[], max_length=200)
    backward: bool = False
    count: int | None = Field(default=None, ge=1)
    """So many images at the most; left out, to the slice's end. A track's next keyframe ends it earlier."""


class FollowedShape(Wire):
    """A track on one image."""

    track_id: UUID
    mask: MaskGeometry | None
    """None: the object is not in sight."""
    presence: float
    """How sure the model is that it is, 0 to 1."""


class FollowedFrame(Wire):
    """What was found on one image."""

    image: ImageRef
    shapes: list[FollowedShape]
    problem: str = ""
    """Why the image could not be read; the following goes on beyond it."""


class FollowReply(Wire):
    """The images that were done since the last ask, at least one unless it ended."""

    follow: UUID
    of: int
    """So many images it takes in all, at the most."""
    frames: list[FollowedFrame]
    ended: bool
