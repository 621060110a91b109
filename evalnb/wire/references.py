"""How an image is referred to."""

from evalnb.wire.base import Wire


class ImageRef(Wire):
    """An image by its place in the widget's slice."""

    id: int
    index: int
    name: str
    width: int
    height: int
    tags: list[str] = []
