"""Tiles, pixels and pyramids of pictures from strangers, made by processes that can do nothing else."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

from evalnb import errors
from evalnb.core.children import Child, ChildLost, Frame
from evalnb.core.ports import Pixels
from evalnb.core.tiling import Tiling
from evalnb.errors import Cancelled, EvalnbError, NotFound, Unsafe
from evalnb.imagery import _vips
from evalnb.imagery._decode import MAX_PIXELS
from evalnb.imagery._deep import Band
from evalnb.imagery._header import unreadable

PYRAMID_PIXELS = 24_000_000
"""Above this a picture gets a pyramid; up to it, it is decoded whole and kept for its next tiles."""
MAX_PYRAMID_PIXELS = 4_000_000_000
"""The largest picture that a pyramid is made of."""
_PYRAMID_CHILDREN = 2
"""So many at least cut the tiles of a pyramid, where there are so many."""
_TILE_MEMORY_BYTES = 2 << 30
_PYRAMID_MEMORY_BYTES = 6 << 30
"""Address space, of which threads' stacks and arenas take much; what is really used is far less."""
_PATIENCE_S = 60.0
_SCRIPT = Path(__file__).with_name("_tile_child.py")
_FOLDERS = [str(Path(one).parents[n]) for one, n in ((errors.__file__, 1), (np.__file__, 1), (PIL.__file__, 1))]


@dataclass(frozen=True, slots=True)
class SharedPixels:
    """A decoded picture in a file in memory. Whoever has it closes it."""

    descriptor: int
    shape: tuple[int, int, int]
    """Height, width, 3: uint8 RGB, orientation applied."""

    def array(self) -> Pixels:
        """The pixels, mapped and not copied; they outlive the descriptor."""
        size = self.shape[0] * self.shape[1] * self.shape[2]
        shared = mmap.mmap(self.descriptor, size, prot=mmap.PROT_READ)
        return np.frombuffer(shared, np.uint8).reshape(self.shape)

    def close(self) -> None:
        """Give the file back; the memory goes when the last map does."""
        os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Values:
    """Some bands of a tile, as codes."""

    width: int
    height: int
    bands: int
    bits: int
    """8 or 16 a code."""
    packed: bytes
    """zlib of the bands one after another, each row by row, little-endian; of a row the first code, and of each that
    follows the difference from the one before it, modulo 2 to the ``bits``."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What a picture holds that is more than a screen shows. A code stands for the value offset + scale · code."""

    offset: float
    scale: float
    bands: tuple[Band, ...]


class Tiler:
    """A few child processes that cut tiles. A picture keeps to one of them, which keeps it decoded; a pyramid, which
    any of them opens at once, is cut by as many as are free.

    A picture that kills its child is refused; the next question gets a new child. Threads may share one.
    """

    def __init__(self, *, children: int | None = None, memory_bytes: int = _TILE_MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        count = children or min(4, os.cpu_count() or 1)
        self._children = [_child(memory_bytes) for _ in range(count)]
        self._next = 0
        self._all_begun = False

    def tile(
        self,
        key: str,
        level: int,
        x: int,
        y: int,
        kind: str,
        *,
        name: str,
        size: tuple[int, int],
        opened: Callable[[], contextlib.AbstractContextManager[int]],
        pyramid: bool,
    ) -> bytes:
        """A tile's bytes as ``kind`` (jpg, png or webp), of the picture called ``key``.

        ``opened`` opens the picture's file, or its pyramid's, when no child knows it yet. NotFound for a tile that
        the picture does not have; Unsafe and Invalid as ``decode``.
        """
        _check(level, x, y, name, size)
        asked = {"ask": "tile", "size": size, "level": level, "x": x, "y": y, "format": kind, "pyramid": pyramid}
        return self._known(key, asked, name, opened).body

    def values(
        self,
        key: str,
        level: int,
        x: int,
        y: int,
        bands: Sequence[int],
        *,
        name: str,
        size: tuple[int, int],
        opened: Callable[[], contextlib.AbstractContextManager[int]],
        pyramid: bool,
    ) -> Values:
        """These bands of a tile of a picture that is ``deep``, without overlap. Errors as ``tile``."""
        _check(level, x, y, name, size)
        where = {"size": size, "level": level, "x": x, "y": y, "bands": list(bands), "pyramid": pyramid}
        answer = self._known(key, {"ask": "values", **where}, name, opened)
        return Values(**answer.head["ok"], packed=answer.body)

    def depth(
        self, key: str, *, name: str, opened: Callable[[], contextlib.AbstractContextManager[int]], pyramid: bool
    ) -> Depth | None:
        """What a picture that is ``deep`` holds; None of a pyramid that only shows what is seen.

        Errors as ``tile``.
        """
        told = self._known(key, {"ask": "describe", "pyramid": pyramid}, name, opened).head["ok"]
        if told is None:
            return None
        bands = tuple(Band(**{**one, "counts": tuple(one["counts"])}) for one in told["bands"])
        return Depth(told["offset"], told["scale"], bands)

    def pixels(self, file: int, *, name: str, max_pixels: int = MAX_PIXELS) -> SharedPixels:
        """A whole picture, decoded as ``decode`` does. Unsafe and Invalid as it."""
        self._next += 1
        child = self._children[self._next % len(self._children)]
        answer = self._asked(child, {"ask": "pixels", "name": name, "max_pixels": max_pixels}, name, [file])
        height, width, bands = answer.head["ok"]
        return SharedPixels(answer.files[0], (height, width, bands))

    def painted(self, file: int, *, name: str, max_pixels: int = MAX_PIXELS) -> tuple[bytes, str]:
        """A whole picture's bytes and MIME type as ``browser_bytes`` gives them. Errors as ``decode``."""
        self._next += 1
        child = self._children[self._next % len(self._children)]
        answer = self._asked(child, {"ask": "painted", "name": name, "max_pixels": max_pixels}, name, [file])
        return answer.body, answer.head["ok"]

    def thumbnail(self, file: int, side_px: int, *, name: str, pyramid: bool) -> bytes:
        """A JPEG of the picture (or pyramid) in a file, its longer side at most ``side_px``. Errors as ``decode``."""
        self._next += 1
        child = self._children[self._next % len(self._children)]
        asked = {"ask": "thumbnail", "name": name, "side": side_px, "pyramid": pyramid}
        return self._asked(child, asked, name, [file]).body

    def pids(self) -> list[int]:
        """The children that there are now."""
        return [child.pid for child in self._children if child.pid is not None]

    def close(self) -> None:
        """End the children."""
        for child in self._children:
            child.close()

    def _known(
        self,
        key: str,
        asked: dict[str, object],
        name: str,
        opened: Callable[[], contextlib.AbstractContextManager[int]],
    ) -> Frame:
        """Ask the child that keeps the picture called ``key``; give it the file if it does not know it yet."""
        child = self._free(key) if asked["pyramid"] else self._own(key)
        asked = {**asked, "key": key, "name": name}
        answer = self._asked(child, asked, name)
        if "need" in answer.head:
            with opened() as file:
                answer = self._asked(child, asked, name, [file])
        return answer

    def _own(self, key: str) -> Child:
        return self._children[zlib.crc32(key.encode()) % len(self._children)]

    def _free(self, key: str) -> Child:
        own = self._own(key)
        if not self._all_begun:
            self._all_begun = True
            # Beside the first answer: a process takes half a second to start, and nobody is to wait for it.
            threading.Thread(target=self._begin, name="evalnb-tilers", daemon=True).start()
        if not own.busy:
            return own
        return next((one for one in self._children if one.pid is not None and not one.busy), own)

    def _begin(self) -> None:
        for child in self._children[:_PYRAMID_CHILDREN]:
            # One that cannot be started says so to whoever asks it.
            with contextlib.suppress(ChildLost):
                child.warm()

    def _asked(self, child: Child, head: dict[str, object], name: str, files: list[int] | None = None) -> Frame:
        for again in (True, False):
            try:
                return _checked(child.ask(head, b"", files or [], within_s=_PATIENCE_S), name, self._memory_bytes)
            except ChildLost as error:
                # Once is chance: somebody ended it, or another picture had left it weak.
                if error.late or not again:
                    raise _too_much(name, f"could not be decoded: {error}") from error
        raise AssertionError("unreachable")


def build_pyramid(
    source: Path,
    target: Path,
    *,
    name: str,
    tell: Callable[[float], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    memory_bytes: int = _PYRAMID_MEMORY_BYTES,
) -> tuple[int, int]:
    """Write the tiled pyramid of a picture to ``target``, whole or not at all; its width and height.

    ``tell`` is told the share that is done. Memory grows with the picture's width alone: see docs/tiles.md for the
    formats of which that is not true. Cancelled within a fraction of a second when ``cancelled`` says so.
    MissingExtra without libvips; NotFound, Unsafe and Invalid as ``decode``.
    """
    _vips.need()
    part = target.with_name(f".{target.name}.part")
    # What libvips puts on a disk on the way is as large as the picture, and no affair of a small /tmp.
    scratch = target.with_name(f".{target.name}.scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    child = _child(memory_bytes, TMPDIR=str(scratch))
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(child, cancelled, done), name="pyramid-watch", daemon=True)
    try:
        with _opened(source, name) as file, part.open("w+b") as out:
            watch.start()
            try:
                answer = _checked(
                    child.ask(
                        {"ask": "pyramid", "name": name, "max_pixels": MAX_PYRAMID_PIXELS},
                        b"",
                        [file, out.fileno()],
                        within_s=600.0,
                        heard=lambda said: tell(said["progress"]),
                    ),
                    name,
                    memory_bytes,
                )
            except ChildLost as error:
                if cancelled():
                    raise Cancelled(
                        f"the pyramid of {name} was stopped", remedy="look at the image again to ask for it anew"
                    ) from error
                raise _too_much(name, f"could not be made into a pyramid: {error}") from error
            os.fsync(out.fileno())
        part.replace(target)
    finally:
        done.set()
        child.close()
        part.unlink(missing_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
    width, height = answer.head["ok"]
    return width, height


def _check(level: int, x: int, y: int, name: str, size: tuple[int, int]) -> None:
    if not Tiling(*size).has(level, x, y):
        raise NotFound(
            f"{name} has no tile {level}/{x}_{y}",
            remedy=f"its levels are 0 to {Tiling(*size).last_level}; its description says how large each is",
        )


def _watch(child: Child, cancelled: Callable[[], bool], done: threading.Event) -> None:
    # libvips tells of its progress in its own time; being asked to stop must not wait for it.
    while not done.wait(0.1):
        if cancelled():
            child.kill()
            return


@contextlib.contextmanager
def _opened(path: Path, name: str) -> Iterator[int]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(name, error) from error
    with file:
        yield file.fileno()


def _child(memory_bytes: int, **more: str) -> Child:
    def command(descriptor: int) -> list[str]:
        # No user environment, no working directory on the path, no byte code written.
        start = [sys.executable, "-E", "-P", "-B", str(_SCRIPT)]
        return [*start, str(descriptor), str(memory_bytes), *dict.fromkeys(_FOLDERS)]

    # One thread for each decoder but libvips', which bounds itself.
    return Child(
        command,
        environment={
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "LANG": "C.UTF-8",
            "MALLOC_ARENA_MAX": "2",
            **more,
        },
    )


def _checked(answer: Frame, name: str, memory_bytes: int) -> Frame:
    if "refused" not in answer.head:
        return answer
    kind, happened, remedy = answer.head["refused"]
    if happened == "memory":
        raise _too_much(name, f"takes more than {memory_bytes / 1e9:.1f} GB of memory to decode")
    refused: type[EvalnbError] = getattr(errors, kind, Unsafe)
    raise refused(happened, remedy=remedy)


def _too_much(name: str, why: str) -> Unsafe:
    return Unsafe(f"{name} {why}", remedy="open it in an image editor, and save it again as PNG or JPEG")
