"""How an image is shown: whole, or in tiles of 256 pixels at the resolution that the screen needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalnb.wire.base import Received, Wire

BANDS_AT_ONCE = 3
TILES_AT_ONCE = 16


class BandInfo(Wire):
    """What a band holds, in its own values."""

    name: str
    low: float
    """The values between which all but the darkest and the brightest 0.35 % of the pixels lie."""
    high: float
    least: float
    most: float
    begin: float
    """Where the histogram ``counts`` lies."""
    end: float
    counts: list[int]


class TilesInfo(Wire):
    """How it stands with an image's tiles. Level ``last_level`` is the image at its full size, each below it half of
    that, rounded up, level 0 one pixel."""

    state: Literal["ready", "making", "failed"]
    done: float | None = None
    """The share that is made, where that is known."""
    reason: str = ""
    """Why they could not be made, and what helps."""
    width: int
    height: int
    last_level: int
    bands: list[BandInfo] = []
    """Of an image that holds more than a screen shows: its tiles then come as codes, to be shown through a window."""
    offset: float = 0
    scale: float = 1
    """A code stands for the value offset + scale · code."""


class ImageAsk(Received):
    """An image: the reply carries its bytes as its one buffer, unless it is shown in tiles."""

    ask: Literal["image"] = "image"
    image_id: int
    whole: bool = True
    """False: only how it is shown; the asker has its bytes from elsewhere."""
    again: bool = False
    """Tiles that could not be made are to be tried once more."""


class ImageReply(Wire):
    """``mime`` as the browser's decoder wants it; orientation is already applied. Empty without bytes."""

    image_id: int
    mime: str = ""
    tiles: TilesInfo | None = None


Place = tuple[Annotated[int, Field(ge=0, le=40)], Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
"""Level, x and y of a tile."""


class TilesAsk(Received):
    """Some tiles of an image. ``bands``: places of those whose codes are wanted, of an image that has ``bands``."""

    ask: Literal["tiles"] = "tiles"
    image_id: int
    places: Annotated[list[Place], Field(min_length=1, max_length=TILES_AT_ONCE)]
    bands: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=BANDS_AT_ONCE)] = []


class TileInfo(Wire):
    """What a tile's buffer is: an encoded image of type ``mime``, with a pixel of each neighbour around it; or, where
    ``bits`` is 8 or 16, zlib of the bands' codes without overlap: one band after another, each row by row,
    little-endian, each code less the one before it in its row, modulo 2 to the ``bits``."""

    mime: str = ""
    bits: int = 0
    width: int = 0
    height: int = 0


class TilesReply(Wire):
    """A buffer for each tile, in the order of the ask."""

    image_id: int
    tiles: list[TileInfo]
