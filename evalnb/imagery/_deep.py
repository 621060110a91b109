"""Pictures of more than 8 bits, or of other bands than a screen has: their values, as codes of 16 bits at most.

A code stands for the value ``offset + scale · code``. Whole numbers of 8 and 16 bits are kept exactly; wider ones and
fractions are spread over 65,536 codes from the lowest to the highest, which shows them and measures nothing.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.imagery._header import Header

Codes = NDArray[np.unsignedinteger[Any]]
"""(h, w, bands) uint8 or uint16."""

_TOP = 65_535
_SATURATED_PERCENT = 0.35
"""On either side of the window that a picture is first shown through: ImageJ's and others' habit."""
_BINS = 64
_COLORS = ("red", "green", "blue", "alpha")
_END = struct.Struct("<I8s")
_MARK = b"evalnb\x001"


@dataclass(frozen=True, slots=True)
class Coding:
    """What a picture's codes mean."""

    bands: tuple[str, ...]
    """Their names."""
    offset: float
    scale: float
    low: float
    """The value that ``decode`` shows as black."""
    high: float
    """As white."""

    def eight_bits(self, codes: Codes) -> NDArray[np.uint8]:
        """The picture as ``decode`` shows it: (h, w, 3) uint8 RGB. Of two bands the first counts, of many three."""
        shown = codes[..., :3] if codes.shape[2] >= 3 else codes[..., :1]
        values = self.offset + self.scale * shown.astype(np.float64)
        spread = 255.0 / (self.high - self.low) if self.high > self.low else 0.0
        eight = np.rint((np.clip(values, self.low, self.high) - self.low) * spread).astype(np.uint8)
        return eight if eight.shape[2] == 3 else np.repeat(eight, 3, axis=2)


@dataclass(frozen=True, slots=True)
class Band:
    """What is told of a band, so that a window can be chosen."""

    name: str
    low: float
    """The values between which all but the darkest and the brightest 0.35 % of the pixels lie."""
    high: float
    least: float
    most: float
    begin: float
    end: float
    """Where the histogram lies: the window and half of it on either side, as far as there are values."""
    counts: tuple[int, ...]


def coded(
    opened: Callable[[], Any], header: Header, *, watched: Callable[[Any], Any] = lambda image: image
) -> tuple[Any, Coding]:
    """A libvips image of the picture's codes, orientation applied, and what they mean. ``opened`` opens the picture
    anew; each pass that finds an extreme is over an image that went through ``watched``."""
    import pyvips

    image = opened()
    names = _names(image)
    if image.format == "uchar":
        coding = Coding(names, 0.0, 1.0, 0.0, 255.0)
    elif image.format in {"ushort", "short"}:
        small = watched(opened()).max() <= 4095 and (image.format == "ushort" or watched(opened()).min() >= 0)
        top = 4095.0 if small else float(_TOP)
        offset = 0.0 if image.format == "ushort" else -32768.0
        coding = Coding(names, offset, 1.0, 0.0, top)
        if offset:
            image = (image - offset).cast("ushort")
    else:
        # Where a value is no number, it is shown as the lowest.
        low = float(watched(_finite(opened(), np.inf)).min())
        high = float(watched(_finite(opened(), -np.inf)).max())
        if not np.isfinite([low, high]).all():
            low = high = 0.0
        scale = (high - low) / _TOP if high > low else 1.0
        coding = Coding(names, low, scale, low, high)
        image = ((_finite(image, low) - low) / scale).rint().cast("ushort")
    image = image.copy(interpretation="multiband")
    image.set_type(pyvips.GValue.gint_type, "orientation", header.orientation)
    return (image.autorot() if header.orientation != 1 else image), coding


def described(codes: Codes, coding: Coding) -> list[Band]:
    """What each band of a picture holds, by a level of it."""
    found = []
    for n, name in enumerate(coding.bands):
        band = codes[..., n]
        counts = np.bincount(band.ravel(), minlength=1)
        reached = np.cumsum(counts)
        cut = reached[-1] * _SATURATED_PERCENT / 100
        low, high = np.searchsorted(reached, cut, side="right"), np.searchsorted(reached, reached[-1] - cut)
        least, most = int(band.min()), int(band.max())
        high = max(high, low + 1)
        around = max((int(high) - int(low)) // 2, 1)
        begin, end = max(int(low) - around, least), min(int(high) + around, most)
        bins = np.histogram(np.arange(begin, end + 1), _BINS, (begin, end + 1), weights=counts[begin : end + 1])[0]
        ends = {"low": low, "high": high, "least": least, "most": most, "begin": begin, "end": end}
        values = {what: coding.offset + coding.scale * int(code) for what, code in ends.items()}
        found.append(Band(name, **values, counts=tuple(int(one) for one in bins)))
    return found


def levels(codes: Codes, smallest_px: int) -> list[Codes]:
    """The picture and its halves, rounded up, down to one of at most ``smallest_px``; each pixel the mean of four."""
    made = [codes]
    while max(made[-1].shape[:2]) > smallest_px:
        made.append(halved(made[-1]))
    return made


def halved(codes: Codes) -> Codes:
    """Half of a level in each direction, rounded up."""
    height, width = codes.shape[:2]
    even = np.pad(codes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(np.uint32)
    added = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
    return ((added + 2) >> 2).astype(codes.dtype)


def signed(descriptor: int, coding: Coding) -> None:
    """Append to a pyramid's file what its codes mean: readers of TIFF do not look there."""
    said = json.dumps(asdict(coding)).encode()
    os.lseek(descriptor, 0, os.SEEK_END)
    for part in (said, _END.pack(len(said), _MARK)):
        while part:
            part = part[os.write(descriptor, part) :]


def coding_of(descriptor: int) -> Coding | None:
    """What a pyramid's codes mean; None where it shows the picture as it is seen."""
    size = os.fstat(descriptor).st_size
    if size < _END.size:
        return None
    length, mark = _END.unpack(os.pread(descriptor, _END.size, size - _END.size))
    if mark != _MARK or length > size - _END.size:
        return None
    said = json.loads(os.pread(descriptor, length, size - _END.size - length))
    return Coding(tuple(said.pop("bands")), **said)


def _finite(image: Any, otherwise: float) -> Any:
    image = image.cast("double")
    return ((image == image) & (image.abs() < np.finfo(np.float64).max)).ifthenelse(image, otherwise)


def _names(image: Any) -> tuple[str, ...]:
    if image.bands == 1:
        return ("value",)
    if image.interpretation in {"srgb", "rgb16", "rgb"} and image.bands >= 3:
        return tuple(_COLORS[n] if n < len(_COLORS) else f"band {n + 1}" for n in range(image.bands))
    return tuple(f"band {n + 1}" for n in range(image.bands))
