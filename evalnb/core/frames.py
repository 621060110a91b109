"""Images that are frames of a video: what is kept of each beside its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evalnb.core.images import ImageRecord

KEY = "video"
"""The key in ``ImageRecord.extra``; an export to COCO writes it back, and an import takes it."""


@dataclass(frozen=True, slots=True)
class FrameOf:
    """Where in which video an image was."""

    name: str
    """The video file's name."""
    sha256: str
    """Of its bytes."""
    frame: int
    """From 0 on, in the order in which the frames are shown."""
    time_s: float
    """When it is shown, from the video's own clock."""
    fps: float
    """The video's frames a second, on average; 0 where it does not say."""

    def extra(self) -> dict[str, Any]:
        """As an image keeps it."""
        return {KEY: asdict(self)}


def frame_of(image: ImageRecord) -> FrameOf | None:
    """The frame that an image is; None if it is none, or if what a file said of it is no such thing."""
    said = image.extra.get(KEY)
    if not isinstance(said, Mapping):
        return None
    match said:
        case {
            "name": str(name),
            "sha256": str(sha256),
            "frame": int(frame),
            "time_s": int() | float() as time_s,
            "fps": int() | float() as fps,
        }:
            return FrameOf(name, sha256, frame, float(time_s), float(fps))
        case _:
            return None
