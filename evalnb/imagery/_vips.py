"""libvips: pyramids of pictures too large to decode whole. Imported late; comes with the server's packages."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

from evalnb.core.ports import Pixels
from evalnb.core.tiling import SIDE, Box
from evalnb.errors import EvalnbError, MissingExtra, Unsafe
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
_TILE_JPEG, _TILE_WEBP = 85, 80
_OPERATIONS, _OPERATION_BYTES = 64, 32 << 20


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

    The picture looks as ``decode`` shows it: orientation applied, alpha over white, more than 8 bits scaled by the
    same rule. Memory grows with its width alone, except for formats that cannot be read from top to bottom (a turned
    or progressive JPEG, an interlaced PNG, BMP). Unsafe and Invalid as ``decode``.
    """
    import pyvips

    header = _checked(source, name, max_pixels)
    try:
        seen = _as_seen(lambda: _opened(source, header, name), header)
        told = [-1]

        def progress(_image: Any, state: Any) -> None:
            if state.percent > told[0]:
                told[0] = state.percent
                tell(state.percent / 100)

        # The signals of one image: the last one, which everything before it is computed for.
        seen.set_progress(True)
        seen.signal_connect("eval", progress)
        # By a name of the open file: to a descriptor libvips keeps the lower levels in memory, a third of the result.
        seen.tiffsave(
            f"/dev/fd/{target}",
            tile=True,
            tile_width=SIDE,
            tile_height=SIDE,
            pyramid=True,
            compression="jpeg",
            Q=_QUALITY,
            keep="none",
            bigtiff=seen.width * seen.height * seen.bands > 2_000_000_000,
        )
    except pyvips.Error as error:
        raise _refused(name, error) from error
    return seen.width, seen.height


def page_count(descriptor: int) -> int:
    """How many levels a pyramid has."""
    first = _page(descriptor, 0)
    return int(first.get("n-pages")) if first.get_typeof("n-pages") else 1


def cut(descriptor: int, page: int, box: Box, kind: str) -> bytes:
    """A rectangle of a level, encoded. Where the box reaches beyond the level its last pixels are repeated: libvips
    rounds levels down, Deep Zoom up."""
    import pyvips

    level = _page(descriptor, page)
    try:
        right, bottom = min(box.right, level.width), min(box.bottom, level.height)
        part = level.crop(box.left, box.top, right - box.left, bottom - box.top)
        if (part.width, part.height) != (box.width, box.height):
            part = part.embed(0, 0, box.width, box.height, extend="copy")
        if kind == "jpg":
            return bytes(part.jpegsave_buffer(Q=_TILE_JPEG, keep="none"))
        if kind == "webp":
            return bytes(part.webpsave_buffer(Q=_TILE_WEBP, effort=0, keep="none"))
        return bytes(part.pngsave_buffer(compression=1, keep="none"))
    except pyvips.Error as error:
        raise _refused("the pyramid", error) from error


def page_size(descriptor: int, page: int) -> tuple[int, int]:
    """Width and height of a level."""
    level = _page(descriptor, page)
    return level.width, level.height


def page_pixels(descriptor: int, page: int) -> Pixels:
    """A whole level; only ever asked for a small one."""
    import numpy as np

    level = _page(descriptor, page)
    return np.asarray(level.numpy())


def _page(descriptor: int, page: int) -> Any:
    import pyvips

    try:
        return pyvips.Image.tiffload_source(pyvips.Source.new_from_descriptor(descriptor), page=page)
    except pyvips.Error as error:
        raise _refused("the pyramid", error) from error


def _checked(source: int, name: str, max_pixels: int) -> Header:
    with os.fdopen(os.dup(source), "rb") as file:
        file.seek(0)
        image, mime = open_image(file, name)
        check_pixels(image, max_pixels, name)
        return header_of(image, mime)


def _opened(source: int, header: Header, name: str) -> Any:
    import pyvips

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
    if image.bands == 1 and image.format != "uchar":
        image = _eight_bits(image, opened)
    elif image.format in {"ushort", "short"}:
        image = (image >> 8).cast("uchar")
        image = image.copy(interpretation="b-w" if image.bands < 3 else "srgb")
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


def _eight_bits(image: Any, opened: Callable[[], Any]) -> Any:
    """The rule of ``_decode._eight_bits``. The extremes need a pass of their own over the file."""
    look = opened()
    if image.format in {"ushort", "short"}:
        top = 4095 if look.max() <= 4095 and opened().min() >= 0 else 65535
        low, high = 0.0, float(top)
    else:
        low, high = float(look.min()), float(opened().max())
    scale = 255.0 / (high - low) if high > low else 0.0
    return ((image - low) * scale).rint().cast("uchar").copy(interpretation="b-w")


def _refused(name: str, error: Exception) -> EvalnbError:
    said = " ".join(str(error).split())
    if "memory" in said or "unable to allocate" in said:
        return Unsafe(
            f"{name} takes more memory to decode than a picture may",
            remedy="save it again without interlacing or progressive coding, or cut it into parts",
        )
    return broken(name, RuntimeError(said.rpartition(": ")[2] or said))
