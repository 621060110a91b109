"""libvips: pyramids of pictures too large to decode whole. Imported late; comes with the server's packages."""

from __future__ import annotations

import functools
import importlib.util
import io
import os
from collections.abc import Callable
from typing import Any

from evalnb.core.tiling import SIDE
from evalnb.errors import EvalnbError, MissingExtra, Unsafe
from evalnb.imagery import _deep
from evalnb.imagery._decode import check_pixels
from evalnb.imagery._header import Header, broken, header_of, open_image

_LOADERS = {
    "image/jpeg": "jpegload_source",
    "image/png": "pngload_source",
    "image/webp": "webpload_source",
    "image/tiff": "tiffload_source",
    "image/gif": "gifload_source",
}
_QUALITY = 90
_TILE_MOST_PX, _SMALLEST_MOST_PX = 1024, 2048
"""Of a pyramid that somebody else made: how large its tiles may be, and its smallest level."""
_COPIED_BYTES = 4 << 20
_OPERATIONS, _OPERATION_BYTES = 64, 32 << 20


@functools.cache
def there() -> bool:
    """Whether libvips can be imported."""
    return importlib.util.find_spec("pyvips") is not None


def need() -> None:
    """MissingExtra, with the command that installs it, without libvips."""
    if not there():
        raise MissingExtra("a pyramid needs the package 'pyvips'", remedy="run: pip install 'evalnb[server]'")


def warm() -> None:
    """Import libvips and bound what it keeps. What it loads late must be there before the limits fall."""
    import pyvips

    pyvips.cache_set_max(_OPERATIONS)
    pyvips.cache_set_max_mem(_OPERATION_BYTES)
    pyvips.Image.black(2, 2).jpegsave_buffer()


def build(
    source: int, target: int, *, name: str, max_pixels: int, tell: Callable[[float], None] = lambda _: None
) -> tuple[int, int]:
    """Write the pyramid of the picture in the descriptor ``source`` into ``target``: a tiled TIFF whose pages halve
    until one tile holds all; its width and height. ``tell`` is told the share that is done, a hundred times at most.

    The picture looks as ``decode`` shows it, orientation applied, alpha over white; of one that is ``deep`` the
    values are kept, without loss, and what they mean at the end of the file. A file that is such a pyramid already
    (a cloud-optimized GeoTIFF, for instance) is copied as it is. Memory grows with its width alone, except for
    formats that cannot be read from top to bottom (a turned or progressive JPEG, an interlaced PNG, BMP).
    Unsafe and Invalid as ``decode``.
    """
    import pyvips

    header = _checked(source, name, max_pixels)
    passes = _Passes(tell)
    coding = None
    try:
        if is_pyramid(source, header):
            if header.deep:
                _, coding = _deep.coded(lambda: _opened(source, header, name), header, watched=passes.look)
            passes.copied(source, target)
            if coding is not None:
                _deep.signed(target, coding)
            return header.width, header.height
        if header.deep:
            seen, coding = _deep.coded(lambda: _opened(source, header, name), header, watched=passes.look)
        else:
            seen = _as_seen(lambda: _opened(source, header, name), header)
        passes.last(seen)
        # By a name of the open file: to a descriptor libvips keeps the lower levels in memory, a third of the result.
        seen.tiffsave(
            f"/dev/fd/{target}",
            tile=True,
            tile_width=SIDE,
            tile_height=SIDE,
            pyramid=True,
            **({"compression": "lzw", "predictor": "horizontal"} if header.deep else {"compression": "jpeg"}),
            Q=_QUALITY,
            keep="none",
            bigtiff=seen.width * seen.height * seen.bands > (500_000_000 if header.deep else 2_000_000_000),
        )
        if coding is not None:
            _deep.signed(target, coding)
    except pyvips.Error as error:
        raise refused(name, error) from error
    return seen.width, seen.height


def is_pyramid(source: int, header: Header) -> bool:
    """Whether a file is a pyramid as ``build`` writes them: a TIFF whose pages are cut into tiles, each half of the
    one before, down to a small one, and whose pixels need no turning, no other colours and no other numbers."""
    import pyvips

    if header.mime != "image/tiff" or header.orientation != 1:
        return False

    def page(number: int) -> Any:
        os.lseek(source, 0, os.SEEK_SET)
        return pyvips.Image.tiffload_source(pyvips.Source.new_from_descriptor(source), page=number)

    first = page(0)
    count = first.get("n-pages") if first.get_typeof("n-pages") else 1
    if header.deep:
        kept = first.format in {"uchar", "ushort"}
    else:
        kept = first.format == "uchar" and first.interpretation in {"srgb", "b-w"} and not first.hasalpha()
    level = first
    for number in range(count) if kept else ():
        level = page(number) if number else first
        halved = [max(1, (side >> number)) for side in (first.width, first.height)]
        if (
            not level.get_typeof("tile-width")
            or max(level.get("tile-width"), level.get("tile-height")) > _TILE_MOST_PX
            or (level.bands, level.format) != (first.bands, first.format)
            or max(abs(level.width - halved[0]), abs(level.height - halved[1])) > 1
        ):
            return False
    return bool(kept and count > 1 and max(level.width, level.height) <= _SMALLEST_MOST_PX)


class _Passes:
    """Tells how far the passes over a picture are: a few that look at it, and one that writes."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._told = 0
        self._done = 0.0
        # libvips signals to what belongs to the Python object: it must live until the end.
        self._images: list[Any] = []

    def look(self, image: Any) -> Any:
        """One that looks: a third of what is left, as it knows of no other."""
        return self._watch(image, (1.0 - self._done) / 3)

    def last(self, image: Any) -> Any:
        """The one that writes."""
        return self._watch(image, 1.0 - self._done)

    def copied(self, source: int, target: int) -> None:
        """The one that copies the file."""
        begun, size, place = self._done, os.fstat(source).st_size, 0
        while part := os.pread(source, _COPIED_BYTES, place):
            place += len(part)
            while part:
                part = part[os.write(target, part) :]
            self._reached(begun + (1.0 - begun) * min(place / size, 1.0))

    def _reached(self, done: float) -> None:
        self._done = max(self._done, done)
        if int(100 * self._done) > self._told:
            self._told = int(100 * self._done)
            self._tell(self._told / 100)

    def _watch(self, image: Any, share: float) -> Any:
        begun = self._done

        def progress(_image: Any, state: Any) -> None:
            self._reached(begun + share * state.percent / 100)

        image.set_progress(True)
        image.signal_connect("eval", progress)
        self._images.append(image)
        return image


def codes(source: bytes | int, *, name: str, max_pixels: int | None = None) -> tuple[_deep.Codes, _deep.Coding]:
    """A whole picture's codes, (h, w, bands), and what they mean: of bytes, or of an open file. MissingExtra without
    libvips; Unsafe and Invalid as ``decode``."""
    import numpy as np

    need()
    import pyvips

    header = _checked(source, name, max_pixels)
    try:
        image, coding = _deep.coded(lambda: _opened(source, header, name), header)
        return np.asarray(image.numpy()).reshape(image.height, image.width, image.bands), coding
    except pyvips.Error as error:
        raise refused(name, error) from error


def _checked(source: bytes | int, name: str, max_pixels: int | None) -> Header:
    with io.BytesIO(source) if isinstance(source, bytes) else os.fdopen(os.dup(source), "rb") as file:
        file.seek(0)
        image, mime = open_image(file, name)
        if max_pixels is not None:
            check_pixels(image, max_pixels, name)
        return header_of(image, mime)


def _opened(source: bytes | int, header: Header, name: str) -> Any:
    import pyvips

    if isinstance(source, bytes):
        return getattr(pyvips.Image, _LOADERS[header.mime])(pyvips.Source.new_from_memory(source))
    if header.mime not in _LOADERS:
        return _by_pillow(source, name)
    load = getattr(pyvips.Image, _LOADERS[header.mime])
    # A turned picture is read in another order than it is written: libvips then keeps it on the disk.
    access = "sequential" if header.orientation == 1 else "random"
    os.lseek(source, 0, os.SEEK_SET)
    return load(pyvips.Source.new_from_descriptor(source), access=access, fail_on="truncated")


def _by_pillow(source: int, name: str) -> Any:
    """BMP, which this libvips does not read."""
    import numpy as np
    import pyvips

    from evalnb.imagery._decode import decode

    with os.fdopen(os.dup(source), "rb") as file:
        file.seek(0)
        return pyvips.Image.new_from_array(np.ascontiguousarray(decode(file.read(), name=name)))


def _as_seen(opened: Callable[[], Any], header: Header) -> Any:
    import pyvips

    image = opened()
    if image.interpretation == "cmyk":
        # As Pillow converts it: no profile, each ink dims what black leaves.
        black = 255 - image[3]
        image = ((255 - image[0:3]) * black / 255).rint().cast("uchar").copy(interpretation="srgb")
    elif image.interpretation == "multiband":
        image = image.copy(interpretation="srgb" if image.bands > 2 else "b-w")
    elif image.interpretation not in {"srgb", "b-w"}:
        image = image.colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=255)
    image = image.copy()
    # One source of truth for the turn: what ``probe`` found, which is what the browser and ``decode`` do.
    image.set_type(pyvips.GValue.gint_type, "orientation", header.orientation)
    return image.autorot() if header.orientation != 1 else image


def refused(name: str, error: Exception) -> EvalnbError:
    """The refusal for what libvips raised about a file."""
    said = " ".join(str(error).split())
    if "memory" in said or "unable to allocate" in said:
        return Unsafe(
            f"{name} takes more memory to decode than a picture may",
            remedy="save it again without interlacing or progressive coding, or cut it into parts",
        )
    return broken(name, RuntimeError(said.rpartition(": ")[2] or said))
