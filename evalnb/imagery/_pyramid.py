"""A pyramid's file, open: levels that halve, of which only the tiles that are asked for are read."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.tiling import Box
from evalnb.imagery import _deep, _vips

_JPEG_QUALITY, _WEBP_QUALITY = 85, 80


class Pyramid:
    """A tiled TIFF whose pages halve. It keeps a descriptor of its own, and its pages open: one of a gigapixel names
    tens of thousands of tiles before the first can be read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._pages: dict[int, Any] = {}

    def close(self) -> None:
        """Give the file back."""
        self._pages.clear()
        os.close(self._descriptor)

    @cached_property
    def coding(self) -> _deep.Coding | None:
        """What its codes mean; None where it shows the picture as it is seen."""
        return _deep.coding_of(self._descriptor)

    @cached_property
    def count(self) -> int:
        """How many levels there are."""
        first = self._page(0)
        return int(first.get("n-pages")) if first.get_typeof("n-pages") else 1

    def size(self, page: int) -> tuple[int, int]:
        """Width and height of a level."""
        level = self._page(page)
        return level.width, level.height

    def cut(self, page: int, box: Box, kind: str) -> bytes:
        """A rectangle of a level, encoded as jpg, webp or png."""
        import pyvips

        try:
            part = _part(self._page(page), box)
            if kind == "jpg":
                return bytes(part.jpegsave_buffer(Q=_JPEG_QUALITY, keep="none"))
            if kind == "webp":
                return bytes(part.webpsave_buffer(Q=_WEBP_QUALITY, effort=0, keep="none"))
            return bytes(part.pngsave_buffer(compression=1, keep="none"))
        except pyvips.Error as error:
            raise _vips.refused("the pyramid", error) from error

    def pixels(self, page: int, box: Box | None = None) -> NDArray[Any]:
        """A rectangle of a level, (h, w, bands); the whole of it, if it is a small one, without ``box``."""
        import pyvips

        level = self._page(page)
        try:
            part = level if box is None else _part(level, box)
            return np.asarray(part.numpy()).reshape(part.height, part.width, part.bands)
        except pyvips.Error as error:
            raise _vips.refused("the pyramid", error) from error

    def _page(self, page: int) -> Any:
        import pyvips

        if page not in self._pages:
            try:
                source = pyvips.Source.new_from_descriptor(self._descriptor)
                self._pages[page] = pyvips.Image.tiffload_source(source, page=page)
            except pyvips.Error as error:
                raise _vips.refused("the pyramid", error) from error
        return self._pages[page]


def _part(level: Any, box: Box) -> Any:
    """A rectangle of a level. Where it reaches beyond the level the last pixels are repeated: libvips rounds levels
    down, Deep Zoom up."""
    # A level of one row has lost it all.
    left, top = min(box.left, level.width - 1), min(box.top, level.height - 1)
    right, bottom = min(box.right, level.width), min(box.bottom, level.height)
    part = level.crop(left, top, max(right - left, 1), max(bottom - top, 1))
    if (part.width, part.height) != (box.width, box.height):
        part = part.embed(0, 0, box.width, box.height, extend="copy")
    return part
