"""Images from strangers, decoded in a process that can do nothing else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from evalnb import errors
from evalnb.errors import EvalnbError, Unavailable, Unsafe
from evalnb.imagery._header import Header, unreadable

MEMORY_BYTES = 3 << 30
"""Address space of the child: 400 MP of RGBA, and the libraries."""
TIMEOUT_S = 60.0
_START_S = 60.0
_IMAGES = 200
"""Decoded by one child before a fresh one takes its place."""
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
        self._child: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._read = 0

    def __enter__(self) -> ConfinedReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path, *, name: str) -> Header:
        """The header of an image file whose every pixel can be decoded; errors call it ``name``.

        Unsafe if it is no allowed format, too large, or more than the child's memory or time can take; Invalid if it
        is damaged or truncated; NotFound if it cannot be opened.
        """
        try:
            file = path.open("rb")
        except OSError as error:
            raise unreadable(name, error) from error
        with file, self._turn:
            answer = self._ask(file.fileno(), name)
        if "ok" in answer:
            return Header(*answer["ok"])
        kind, happened, remedy = answer["refused"]
        if kind == "MemoryError":
            raise _too_much(name, f"takes more than {self._memory_bytes / 1e9:.1f} GB of memory to decode")
        refused: type[EvalnbError] = getattr(errors, kind, Unsafe)
        raise refused(happened, remedy=remedy)

    def close(self) -> None:
        """End the child."""
        with self._turn:
            self._end()

    def _ask(self, descriptor: int, name: str) -> dict[str, Any]:
        line = self._started()
        try:
            # A name is for the error alone; what does not fit into one message is cut.
            socket.send_fds(line, [name.encode("utf-8", "replace")[:1000]], [descriptor])
            said = self._hear(line, within_s=self._timeout_s)
        except TimeoutError:
            self._end()
            raise _too_much(name, f"takes more than {self._timeout_s:g} s to decode") from None
        except OSError as error:
            self._end()
            raise Unavailable(f"{name} could not be decoded ({error})", remedy="try again") from error
        if not said.endswith(b"\n"):
            code = self._end()
            raise _too_much(name, f"ended its decoder (exit status {code})")
        self._read += 1
        answer: dict[str, Any] = json.loads(said)
        if self._read >= _IMAGES or answer.get("refused", [""])[0] == "MemoryError":
            self._end()
        return answer

    def _hear(self, line: socket.socket, *, within_s: float) -> bytes:
        until = time.monotonic() + within_s
        said = b""
        while not said.endswith(b"\n"):
            line.settimeout(max(0.01, until - time.monotonic()))
            try:
                more = line.recv(1 << 16)
            except ConnectionError:
                more = b""
            if not more:
                break
            said += more
        return said

    def _started(self) -> socket.socket:
        if self._line is not None and self._child is not None and self._child.poll() is None:
            return self._line
        self._end()
        ours, theirs = socket.socketpair()
        with theirs:
            command = [
                # No user environment, no working directory on the path, no byte code written.
                *(sys.executable, "-E", "-P", "-B", str(Path(__file__).with_name("_child.py"))),
                *(str(theirs.fileno()), str(self._memory_bytes), *dict.fromkeys(_FOLDERS)),
            ]
            try:
                self._child = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno()],
                    env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"},
                    cwd=os.sep,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise Unavailable(f"no decoder could be started ({error})", remedy="free some memory") from error
        self._line, self._read = ours, 0
        try:
            ready = self._hear(ours, within_s=_START_S) == b"ready\n"
        except TimeoutError:
            ready = False
        if not ready:
            code = self._end()
            raise Unavailable(
                f"the decoder does not start (exit status {code})",
                remedy="free some memory; `evalnb doctor` checks that Pillow can be used",
            )
        return ours

    def _end(self) -> int | None:
        """End the child; its exit status if it had ended by itself."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._child is None:
            return None
        child, self._child = self._child, None
        try:
            return child.wait(0.5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return None


def _too_much(name: str, why: str) -> Unsafe:
    return Unsafe(f"{name} {why}", remedy="open it in an image editor, and save it again as PNG or JPEG")
