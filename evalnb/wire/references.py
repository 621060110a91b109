"""How an image is referred to."""

from evalnb.wire.base import Wire


class VideoFrame(Wire):
    """Where in a video an image was."""

    name: str
    """The video file's."""
    sha256: str
    """Of the video."""
    frame: int
    """From 0 on."""
    time_s: float
    fps: float
    """The video's own, on average; 0 where it does not say."""


class ImageRef(Wire):
    """An image by its place in the widget's slice."""

    id: int
    index: int
    name: str
    width: int
    height: int
    tags: list[str] = []
    video: VideoFrame | None = None
    """None where it is no frame of a video."""
