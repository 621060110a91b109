"""Objects followed through a sequence of images: what is said of them, what is found, what a correction undoes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from evalnb.core.masks import Rle
from evalnb.core.prompted import Mask, Points
from evalnb.core.records import Floats
from evalnb.errors import Invalid

Direction: TypeAlias = Literal["forward", "backward", "both"]
"""forward: what comes after each prompt. backward: what comes before it. both: forward, then what comes before each
object's first."""


class Frames(Protocol):
    """A sequence of images, read one by one when they are needed: a list, or anything that is indexed as one."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, frame: int, /) -> object:
        """(h, w, 3) uint8 RGB (greyscale, alpha and 16 bits are taken too), a path, or a file's bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class FramePrompt:
    """What is said of one object on one frame; as ``core.prompted`` has it, of one object."""

    frame: int
    """From 0."""
    object: Hashable
    """Any name: the same on other frames means the same object."""
    points: Points | None = None
    box: Sequence[float] | Floats | None = None
    """x0, y0, x1, y1."""
    mask: Mask | None = None
    """Alone it is taken as it is; beside points or a box it is the rough mask that they correct."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One object on one frame."""

    mask: Rle
    """Of the frame's own size; empty where the object is not there."""
    presence: float
    """How sure the model is that the object is there, 0 to 1; 1 where a mask was given."""

    @property
    def there(self) -> bool:
        """Whether any of it is in sight."""
        return self.mask.area_px > 0


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What was found on one frame."""

    frame: int
    found: Mapping[Hashable, Found]
    """By object; those that this pass does not follow here are left out."""
    problem: str = ""
    """Why the frame could not be read; nothing is found on it then, and following goes on beyond it."""


class Stretches:
    """Which frames of one object stand, and which prompt each was followed from.

    A stretch leads from a prompted frame to the next one. A new prompt undoes what was followed over it: what lies
    beyond it as seen from the prompt that it was followed from, up to the next. What was followed up to it stands, as
    does everything beyond the next prompt: there a person's word is nearer.
    """

    def __init__(self) -> None:
        self._prompted: list[int] = []
        self._origin: dict[int, int] = {}

    def prompt(self, frame: int) -> set[int]:
        """A prompt on ``frame``, new or in place of the one there. The frames that do not stand any more."""
        at = bisect_left(self._prompted, frame)
        if at == len(self._prompted) or self._prompted[at] != frame:
            insort(self._prompted, frame)
        undone = {one for one, origin in self._origin.items() if origin <= frame <= one or one <= frame <= origin}
        for one in undone:
            del self._origin[one]
        return undone

    @property
    def prompted(self) -> Sequence[int]:
        """The frames of the prompts, in order."""
        return self._prompted

    def did(self, frame: int, origin: int) -> None:
        """The frame was followed from the prompt on ``origin`` (itself, where it is prompted)."""
        self._origin[frame] = origin

    def stands(self, frame: int) -> bool:
        """Whether the frame needs nothing more."""
        return frame in self._origin

    def backward(self, frame: int) -> bool:
        """Whether it was followed from a later prompt."""
        return self._origin.get(frame, frame) > frame

    def origin(self, frame: int, *, backward: bool, first: bool = False) -> int | None:
        """The prompt that the frame is followed from: itself, else the nearest before it, or ``backward`` after it.

        ``first``: backward only before the object's first prompt. None where there is none.
        """
        if backward:
            at = bisect_left(self._prompted, frame)
            nearest = self._prompted[at] if at < len(self._prompted) else None
            return nearest if not (first and at) else None
        at = bisect_right(self._prompted, frame)
        return self._prompted[at - 1] if at else None


def checked_range(start: int | None, stop: int | None, count: int) -> tuple[int, int]:
    """``start`` and ``stop`` (None: all) of a sequence of ``count`` frames; Invalid outside it."""
    first, end = 0 if start is None else start, count if stop is None else stop
    if not 0 <= first <= end <= count:
        raise Invalid(
            f"frames {first} to {end} are asked for, of a sequence of {count}",
            remedy=f"use start and stop from 0 to {count}, as in range(start, stop)",
        )
    return first, end


def checked_frame(frame: int, count: int) -> int:
    """A frame's number; Invalid if the sequence has none of that number."""
    if not 0 <= frame < count:
        raise Invalid(f"there is no frame {frame} in a sequence of {count}", remedy=f"use 0 to {count - 1}")
    return int(frame)
