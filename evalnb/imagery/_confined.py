"""Images from strangers, decoded in a process that can do nothing else."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import PIL

from evalnb import errors
from evalnb.core.children import Child, ChildLost
from evalnb.errors import EvalnbError, Unavailable, Unsafe
from evalnb.imagery._header import Header, unreadable

MEMORY_BYTES = 3 << 30
"""Address space of the child: 400 MP of RGBA, and the libraries."""
TIMEOUT_S = 60.0
_START_S = 120.0
_IMAGES = 200
"""Read by one child before a fresh one takes its place."""
_SCRIPT = Path(__file__).with_name("_child.py")
_FOLDERS = [str(Path(one).parents[n]) for one, n in ((errors.__file__, 1), (np.__file__, 1), (PIL.__file__, 1))]


class ConfinedReader:
    """Reads images to their last pixel in a child process: no files but those handed to it, no network, no writing,
    bounded memory and time. What kills the child is refused, and the next image gets a new one.

    One image at a time; threads wait for each other, which bounds the memory of all of them together.
    """

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES, timeout_s: float = TIMEOUT_S) -> None:
        self._memory_bytes = memory_bytes
        self._timeout_s = timeout_s
        self._turn = threading.Lock()
        self._read = 0
        self._child = Child(
            lambda descriptor: [
                # No user environment, no working directory on the path, no byte code written.
                *(sys.executable, "-E", "-P", "-B", str(_SCRIPT)),
                *(str(descriptor), str(memory_bytes), *dict.fromkeys(_FOLDERS)),
            ],
            environment={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"},
        )

    def __enter__(self) -> ConfinedReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path, *, name: str) -> Header:
        """The header of an image file whose every pixel can be decoded; errors call it ``name``.

        Unsafe if it is no allowed format, too large, or more than the child's memory or time can take; Invalid if it
        is damaged or truncated; NotFound if it cannot be opened; Unavailable if no child can be started.
        """
        try:
            file = path.open("rb")
        except OSError as error:
            raise unreadable(name, error) from error
        with file, self._turn:
            self._started()
            try:
                answer = self._child.ask({"name": name}, files=[file.fileno()], within_s=self._timeout_s).head
            except ChildLost as error:
                why = (
                    f"takes more than {self._timeout_s:g} s to decode"
                    if error.late
                    else f"cannot be decoded: {error}"
                )
                raise _too_much(name, why) from error
            self._read += 1
            if self._read >= _IMAGES or "memory" in answer:
                self._child.close()
        if "memory" in answer:
            raise _too_much(name, f"takes more than {self._memory_bytes / 1e9:.1f} GB of memory to decode")
        if "ok" in answer:
            return Header(*answer["ok"])
        kind, happened, remedy = answer["refused"]
        refused: type[EvalnbError] = getattr(errors, kind, Unsafe)
        raise refused(happened, remedy=remedy)

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def _started(self) -> None:
        # By a question of its own: a child that cannot start says nothing about the image.
        if self._child.pid is not None:
            return
        try:
            self._child.ask({}, within_s=_START_S)
        except ChildLost as error:
            raise Unavailable(f"no image can be decoded here: {error}", remedy="free some memory") from error
        self._read = 0


def _too_much(name: str, why: str) -> Unsafe:
    return Unsafe(f"{name} {why}", remedy="open it in an image editor, and save it again as PNG or JPEG")
