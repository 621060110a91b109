"""Cut tiles, decode pictures and build pyramids for a parent that does not trust what is in them; see ``_tiler``.

This file is run as a script in a process of its own. Pictures come as descriptors over the socket that it was born
with; it opens nothing by name, and has neither the environment nor the addresses of its parent.

Usage: python _tile_child.py SOCKET MEMORY_BYTES FOLDER…
"""

from __future__ import annotations

import mmap
import os
import sys
import zlib
from collections import OrderedDict
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalnb.core.children import Frame, Link
    from evalnb.imagery._pyramid import Pyramid

_KEPT_BYTES = 192 << 20
"""Decoded pictures that are kept for their next tile: two of 24 MP, or many small ones."""
_KEPT_PYRAMIDS = 6
_DESCRIBED_PX = 1024
"""A band is described by the largest level that is no larger, or by the smallest there is."""


class Cutter:
    """Answers questions; keeps what it has opened, the least recently used goes first."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pictures: OrderedDict[str, Any] = OrderedDict()
        self._pyramids: OrderedDict[str, Pyramid] = OrderedDict()
        self._deep: OrderedDict[str, tuple[list[Any], Any]] = OrderedDict()

    def tile(self, frame: Frame) -> None:
        """One tile, encoded. Without a file and without knowing the picture it asks for the file."""
        from evalnb.core.tiling import Tiling
        from evalnb.imagery import _cut

        asked = frame.head
        tiling = Tiling(*asked["size"])
        where = (asked["level"], asked["x"], asked["y"])
        if asked["pyramid"]:
            pyramid = self._pyramid(asked["key"], frame.files)
            if pyramid is None:
                self._link.send({"need": True})
                return
            body = _cut.from_pyramid(pyramid, tiling, *where, asked["format"])
        else:
            picture = self._picture(asked["key"], asked["name"], frame.files)
            if picture is None:
                self._link.send({"need": True})
                return
            if picture.size != tuple(asked["size"]):
                # The file was replaced by one of another size since it was registered.
                tiling = Tiling(*picture.size)
            body = _cut.from_picture(picture, tiling, *where, asked["format"])
        self._link.send({"ok": True}, body)

    def values(self, frame: Frame) -> None:
        """Some bands of a tile of a deep picture, one after another, compressed."""
        import numpy as np

        from evalnb.core.tiling import Tiling
        from evalnb.errors import Invalid
        from evalnb.imagery import _cut

        asked = frame.head
        tiling = Tiling(*asked["size"])
        where = (asked["level"], asked["x"], asked["y"])
        if asked["pyramid"]:
            pyramid = self._pyramid(asked["key"], frame.files)
            codes = None if pyramid is None else _cut.values_from_pyramid(pyramid, tiling, *where)
        else:
            found = self._levels(asked["key"], asked["name"], frame.files)
            codes = None if found is None else _cut.values_from_levels(found[0], tiling, *where)
        if codes is None:
            self._link.send({"need": True})
            return
        height, width, bands = codes.shape
        wanted = asked["bands"]
        if beyond := [band for band in wanted if band >= bands]:
            raise Invalid(f"{asked['name']} has no band {beyond[0]}", remedy=f"its bands are 0 to {bands - 1}")
        planes = codes[..., wanted].transpose(2, 0, 1)
        # Differences along rows: half of the bytes and of the time, where neighbours are alike.
        steps = np.diff(planes, axis=2, prepend=planes.dtype.type(0)).astype(planes.dtype.newbyteorder("<"))
        told = {"width": width, "height": height, "bands": len(wanted), "bits": 8 * codes.dtype.itemsize}
        self._link.send({"ok": told}, zlib.compress(steps.tobytes(), 1))

    def describe(self, frame: Frame) -> None:
        """What a deep picture's codes mean, and what its bands hold; nothing of a pyramid that shows what is seen."""
        from evalnb.imagery import _deep

        asked = frame.head
        if asked["pyramid"]:
            pyramid = self._pyramid(asked["key"], frame.files)
            if pyramid is None:
                self._link.send({"need": True})
                return
            coding = pyramid.coding
            if coding is None:
                self._link.send({"ok": None})
                return
            page = pyramid.count - 1
            while page and max(pyramid.size(page - 1)) <= _DESCRIBED_PX:
                page -= 1
            codes = pyramid.pixels(page)
        else:
            found = self._levels(asked["key"], asked["name"], frame.files)
            if found is None:
                self._link.send({"need": True})
                return
            levels, coding = found
            codes = next((one for one in levels if max(one.shape[:2]) <= _DESCRIBED_PX), levels[-1])
        bands = [asdict(one) for one in _deep.described(codes, coding)]
        self._link.send({"ok": {"offset": coding.offset, "scale": coding.scale, "bands": bands}})

    def pixels(self, frame: Frame) -> None:
        """A whole picture, decoded into a file in memory that goes back to the parent."""
        from evalnb.core.children import memory_file
        from evalnb.imagery._decode import decode

        asked = frame.head
        found = decode(_read(frame.files[0]), max_pixels=asked["max_pixels"], name=asked["name"])
        place = memory_file("evalnb-pixels")
        try:
            os.ftruncate(place, found.nbytes)
            with mmap.mmap(place, found.nbytes) as shared:
                shared[:] = found.tobytes()
            self._link.send({"ok": list(found.shape)}, b"", [place])
        finally:
            os.close(place)

    def thumbnail(self, frame: Frame) -> None:
        """A small JPEG of a picture, or of a pyramid."""
        from evalnb.imagery import _cut
        from evalnb.imagery._pyramid import Pyramid
        from evalnb.imagery._thumbnail import thumbnail

        asked = frame.head
        if asked["pyramid"]:
            with closing(Pyramid(frame.files[0])) as pyramid:
                body = _cut.small(pyramid, asked["side"])
        else:
            body = thumbnail(_read(frame.files[0]), side_px=asked["side"], name=asked["name"])
        self._link.send({"ok": True}, body)

    def painted(self, frame: Frame) -> None:
        """A whole picture as a browser paints it."""
        from evalnb.imagery._browser import browser_bytes

        asked = frame.head
        body, mime = browser_bytes(_read(frame.files[0]), max_pixels=asked["max_pixels"], name=asked["name"])
        self._link.send({"ok": mime}, body)

    def pyramid(self, frame: Frame) -> None:
        """A tiled pyramid of the first file, written into the second."""
        from evalnb.imagery import _vips

        source, target = frame.files
        width, height = _vips.build(
            source,
            target,
            name=frame.head["name"],
            max_pixels=frame.head["max_pixels"],
            tell=lambda done: self._link.send({"progress": done}),
        )
        self._link.send({"ok": [width, height]})

    def _picture(self, key: str, name: str, files: list[int]) -> Any:
        from PIL import Image

        from evalnb.imagery._decode import decode

        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        if not files:
            return None
        made = Image.fromarray(decode(_read(files[0]), name=name))
        size = made.width * made.height * 3
        while self._pictures and size + sum(one.width * one.height * 3 for one in self._pictures.values()) > (
            _KEPT_BYTES
        ):
            self._pictures.popitem(last=False)
        if size <= _KEPT_BYTES:
            self._pictures[key] = made
        return made

    def _levels(self, key: str, name: str, files: list[int]) -> tuple[list[Any], Any] | None:
        from evalnb.core.tiling import SIDE
        from evalnb.imagery import _deep, _vips

        if key in self._deep:
            self._deep.move_to_end(key)
            return self._deep[key]
        if not files:
            return None
        codes, coding = _vips.codes(files[0], name=name)
        made = (_deep.levels(codes, SIDE), coding)
        self._deep[key] = made
        held = sum(one.nbytes for levels, _ in self._deep.values() for one in levels)
        while len(self._deep) > 1 and held > _KEPT_BYTES:
            held -= sum(one.nbytes for one in self._deep.popitem(last=False)[1][0])
        return made

    def _pyramid(self, key: str, files: list[int]) -> Pyramid | None:
        from evalnb.imagery._pyramid import Pyramid

        if key in self._pyramids:
            self._pyramids.move_to_end(key)
        elif files:
            self._pyramids[key] = Pyramid(files[0])
            if len(self._pyramids) > _KEPT_PYRAMIDS:
                self._pyramids.popitem(last=False)[1].close()
        else:
            return None
        return self._pyramids[key]


def _read(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()


def main(arguments: list[str]) -> int:
    """Answer until the parent closes its end."""
    sys.path[:0] = arguments[2:]
    from evalnb.core.children import born
    from evalnb.core.confinement import confine
    from evalnb.errors import EvalnbError
    from evalnb.imagery import _cut, _vips

    link = born(int(arguments[0]))
    _cut.warm()
    if _vips.there():
        _vips.warm()
    # libvips computes with threads.
    confine(memory_bytes=int(arguments[1]), open_files=256, threads=True)
    link.send({"ready": True})
    cutter = Cutter(link)
    questions = {
        "tile": cutter.tile,
        "values": cutter.values,
        "describe": cutter.describe,
        "thumbnail": cutter.thumbnail,
        "pixels": cutter.pixels,
        "painted": cutter.painted,
        "pyramid": cutter.pyramid,
    }
    while (frame := link.receive()) is not None:
        try:
            questions[frame.head["ask"]](frame)
        except EvalnbError as error:
            link.send({"refused": [type(error).__name__, error.happened, error.remedy]})
        except MemoryError:
            link.send({"refused": ["Unsafe", "memory", ""]})
        finally:
            for one in frame.files:
                os.close(one)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
