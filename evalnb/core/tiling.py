"""The geometry of a tiled picture as Deep Zoom (DZI) has it: level 0 is one pixel, the last one the whole picture."""

from __future__ import annotations

from dataclasses import dataclass

SIDE = 256
"""Pixels of a tile, without its overlap."""
OVERLAP = 1
"""Pixels that a tile shares with each neighbour, so that a viewer that scales leaves no seams."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels: left and top are in it, right and bottom are not."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Tiling:
    """A picture's levels and tiles."""

    width: int
    """Pixels of the whole picture."""
    height: int

    @property
    def last_level(self) -> int:
        """The level that is the whole picture."""
        return (max(self.width, self.height) - 1).bit_length()

    def factor(self, level: int) -> int:
        """How many of the picture's pixels one pixel of the level stands for, along each side."""
        return 1 << (self.last_level - level)

    def size(self, level: int) -> tuple[int, int]:
        """Width and height of a level in its own pixels, rounded up."""
        factor = self.factor(level)
        return -(-self.width // factor), -(-self.height // factor)

    def tiles(self, level: int) -> tuple[int, int]:
        """Columns and rows of a level."""
        width, height = self.size(level)
        return -(-width // SIDE), -(-height // SIDE)

    def has(self, level: int, x: int, y: int) -> bool:
        """Whether there is such a tile."""
        if not 0 <= level <= self.last_level:
            return False
        columns, rows = self.tiles(level)
        return 0 <= x < columns and 0 <= y < rows

    def box(self, level: int, x: int, y: int, *, overlap: int = OVERLAP) -> Box:
        """What a tile shows, in its level's pixels, its overlap included."""
        width, height = self.size(level)
        return Box(
            left=max(0, x * SIDE - overlap),
            top=max(0, y * SIDE - overlap),
            right=min(width, (x + 1) * SIDE + overlap),
            bottom=min(height, (y + 1) * SIDE + overlap),
        )
