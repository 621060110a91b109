"""What a job's process prints, bounded: for the job's log, and for the last words of one that crashed."""

from __future__ import annotations

import codecs
import os
import re
import threading
from collections import deque

PENDING_LINES = 200
"""Lines kept between two writes to the log (about a second); of more, the oldest are left out and counted."""
LINE_CHARACTERS = 2000
TAIL_LINES = 30

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Output:
    """Reads a pipe to its end in a thread of its own, so that the process never blocks on a full pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._pending: deque[str] = deque()
        self._left_out = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._line = ""
        self._thread = threading.Thread(target=self._read, name="job output", daemon=True)
        self._thread.start()

    def take(self) -> str:
        """The whole lines that came since the last call."""
        with self._lock:
            lines, self._pending = list(self._pending), deque()
            left_out, self._left_out = self._left_out, 0
        if left_out:
            lines.insert(0, f"[evalnb] … {left_out} lines left out")
        return "".join(f"{line}\n" for line in lines)

    def put_back(self, text: str) -> None:
        """Keep what could not be written for the next ``take``."""
        with self._lock:
            self._pending.extendleft(reversed(text.splitlines()))
            self._bound()

    def tail(self) -> str:
        """The last lines."""
        with self._lock:
            return "\n".join(self._tail)

    def join(self, timeout_s: float) -> None:
        """Wait for the pipe's end. A grandchild that left the session may hold it open; hence the limit."""
        self._thread.join(timeout_s)

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while chunk := os.read(self._descriptor, 65536):
            self._feed(decoder.decode(chunk))
        if self._line:
            self._keep(self._line)

    def _feed(self, text: str) -> None:
        *whole, self._line = (self._line + text.replace("\r\n", "\n")).split("\n")
        for line in whole:
            self._keep(line)
        # A progress bar rewrites its line after each carriage return; what it wrote over is gone on a terminal too.
        self._line = self._line.rpartition("\r")[2][-LINE_CHARACTERS:]

    def _keep(self, line: str) -> None:
        shown = _ANSI.sub("", line.rpartition("\r")[2]).replace("\0", "")[:LINE_CHARACTERS]
        with self._lock:
            self._tail.append(shown)
            self._pending.append(shown)
            self._bound()

    def _bound(self) -> None:
        while len(self._pending) > PENDING_LINES:
            self._pending.popleft()
            self._left_out += 1
