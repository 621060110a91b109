"""One tile of a picture: from its decoded pixels, or from its pyramid."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from evalnb.core.tiling import Box, Tiling
from evalnb.errors import Invalid
from evalnb.imagery import _deep
from evalnb.imagery._pyramid import Pyramid

RECIPE = 2
"""Part of every tile's ETag: raised when a tile of the same picture comes out differently than before."""
_JPEG_QUALITY = 85
_WEBP_QUALITY = 80


def warm() -> None:
    """Load the encoders now: Pillow loads its plugins at their first use."""
    tile = Image.new("RGB", (2, 2))
    for kind in ("jpg", "png", "webp"):
        encode(tile, kind)


def from_picture(picture: Any, tiling: Tiling, level: int, x: int, y: int, kind: str) -> bytes:
    """A tile of a decoded picture (a Pillow RGB image). Every pixel is the mean of those that it stands for."""
    box, factor = tiling.box(level, x, y), tiling.factor(level)
    whole = (
        box.left * factor,
        box.top * factor,
        min(picture.width, box.right * factor),
        min(picture.height, box.bottom * factor),
    )
    part = picture.crop(whole) if factor == 1 else picture.reduce(factor, box=whole)
    return encode(part, kind)


def from_pyramid(pyramid: Pyramid, tiling: Tiling, level: int, x: int, y: int, kind: str) -> bytes:
    """A tile of a pyramid file, of which only the tiles beneath it are read."""
    box = tiling.box(level, x, y)
    page = tiling.last_level - level
    if page < pyramid.count:
        if pyramid.coding is None:
            return pyramid.cut(page, box, kind)
        return encode(Image.fromarray(pyramid.coding.eight_bits(pyramid.pixels(page, box))), kind)
    # Smaller than the pyramid's smallest level, which is a tile or less.
    reduced = _seen(pyramid, pyramid.count - 1).reduce(1 << (page - pyramid.count + 1))
    return encode(_padded(reduced, tiling.size(level), box), kind)


def values_from_pyramid(pyramid: Pyramid, tiling: Tiling, level: int, x: int, y: int) -> _deep.Codes:
    """The codes of a tile of a deep pyramid, (h, w, bands), without overlap."""
    page = tiling.last_level - level
    if page < pyramid.count:
        return pyramid.pixels(page, tiling.box(level, x, y, overlap=0))
    codes: _deep.Codes = pyramid.pixels(pyramid.count - 1)
    for _ in range(page - pyramid.count + 1):
        codes = _deep.halved(codes)
    return _fitted(codes, tiling.size(level))


def values_from_levels(levels: list[_deep.Codes], tiling: Tiling, level: int, x: int, y: int) -> _deep.Codes:
    """The codes of a tile of a picture whose levels are in memory, the largest first."""
    down = tiling.last_level - level
    codes = levels[min(down, len(levels) - 1)]
    for _ in range(down - len(levels) + 1):
        codes = _deep.halved(codes)
    box = tiling.box(level, x, y, overlap=0)
    return codes[box.top : box.bottom, box.left : box.right]


def _fitted(codes: _deep.Codes, size: tuple[int, int]) -> _deep.Codes:
    """A whole level of just that width and height: its last row and column repeated, or left out."""
    wider, taller = max(0, size[0] - codes.shape[1]), max(0, size[1] - codes.shape[0])
    padded: _deep.Codes = np.pad(codes, ((0, taller), (0, wider), (0, 0)), mode="edge")
    return padded[: size[1], : size[0]]


def _seen(pyramid: Pyramid, page: int) -> Any:
    """A whole level, which is a small one, as it is seen."""
    pixels = pyramid.pixels(page)
    if pyramid.coding is not None:
        return Image.fromarray(pyramid.coding.eight_bits(pixels))
    return Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[..., 0]).convert("RGB")


def small(pyramid: Pyramid, side_px: int) -> bytes:
    """A JPEG of a whole pyramid, its longer side at most ``side_px``, from the smallest level that will do."""
    page = pyramid.count - 1
    while page and max(pyramid.size(page)) < side_px:
        page -= 1
    picture = _seen(pyramid, page)
    picture.thumbnail((side_px, side_px))
    return encode(picture, "jpg")


def encode(tile: Any, kind: str) -> bytes:
    """The tile's file: jpg, png or webp."""
    out = io.BytesIO()
    if kind == "jpg":
        tile.save(out, "JPEG", quality=_JPEG_QUALITY)
    elif kind == "png":
        tile.save(out, "PNG", compress_level=1)
    elif kind == "webp":
        tile.save(out, "WEBP", quality=_WEBP_QUALITY, method=0)
    else:
        raise Invalid(f"there are no {kind!r} tiles", remedy="ask for jpg, png or webp")
    return out.getvalue()


def _padded(picture: Any, size: tuple[int, int], box: Box) -> Any:
    """Cut ``box`` from a level that may lack a last row or column: libvips rounds levels down, Deep Zoom up."""
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.NEAREST)
    return picture.crop((box.left, box.top, box.right, box.bottom))
