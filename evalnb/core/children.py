"""Child processes that are asked one thing at a time, over a socket that they were born with.

A frame is a JSON head, bytes behind it, and open files beside it: pixels travel as a file in memory that both sides
map, and are never copied through the socket. When either side goes, the other one reads the end.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

_PREFIX = struct.Struct("<II")
_MOST_FILES = 128
_MOST_HEAD_BYTES = 64 << 20


class ChildLost(Exception):
    """The child ended, or was ended because it took too long; the next question finds a new one."""

    def __init__(self, why: str, *, late: bool = False) -> None:
        super().__init__(why)
        self.late = late


@dataclass(frozen=True, slots=True)
class Frame:
    """What came over a link. Whoever receives it closes its files."""

    head: dict[str, Any]
    body: bytes = b""
    files: list[int] = field(default_factory=list)
    """Descriptors."""


class Link:
    """One end of a socket between a process and its child."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def send(self, head: Mapping[str, Any], body: bytes = b"", files: Sequence[int] = ()) -> None:
        """Send a frame; the files stay open here."""
        said = json.dumps(head).encode()
        # Files go with the first bytes. A socket may take fewer bytes than it was given.
        first = _PREFIX.pack(len(said), len(body)) + said
        sent = socket.send_fds(self._line, [first], list(files)) if files else 0
        self._line.sendall(first[sent:])
        if body:
            self._line.sendall(body)

    def receive(self, *, until: float | None = None) -> Frame | None:
        """The next frame; None at the end. ``until`` is a ``time.monotonic``; TimeoutError after it."""
        files: list[int] = []
        try:
            prefix = self._take(_PREFIX.size, files, until)
            if prefix is None:
                return None
            head_bytes, body_bytes = _PREFIX.unpack(prefix)
            if head_bytes > _MOST_HEAD_BYTES:
                return None
            head, body = self._take(head_bytes, files, until), self._take(body_bytes, files, until)
        except BaseException:
            _close(files)
            raise
        if head is None or body is None:
            _close(files)
            return None
        return Frame(json.loads(head), body, files)

    def close(self) -> None:
        """Close this end."""
        self._line.close()

    def _take(self, count: int, files: list[int], until: float | None) -> bytes | None:
        taken = bytearray()
        while len(taken) < count:
            self._line.settimeout(None if until is None else max(0.001, until - time.monotonic()))
            try:
                more, fresh, _, _ = socket.recv_fds(self._line, min(count - len(taken), 1 << 20), _MOST_FILES)
            except ConnectionError:
                return None
            files += fresh
            if not more:
                return None
            taken += more
        self._line.settimeout(None)
        return bytes(taken)


class Child:
    """A process that answers over a ``Link``; started when it is first asked, and again after it was lost.

    ``command`` makes the arguments from the descriptor of the child's end. Threads take turns.
    """

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        *,
        environment: Mapping[str, str],
        start_s: float = 120.0,
        log: IO[bytes] | int | None = subprocess.DEVNULL,
    ) -> None:
        self._command = command
        self._environment = environment
        self._start_s = start_s
        self._log = log
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Link | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process that is there now, if one is."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def busy(self) -> bool:
        """Whether it answers somebody, so that the next would wait."""
        return self._turn.locked()

    def warm(self) -> None:
        """Start it, unless it runs: the first question then finds it there. ChildLost if it cannot be."""
        with self._turn:
            self._started()

    def ask(
        self,
        head: Mapping[str, Any],
        body: bytes = b"",
        files: Sequence[int] = (),
        *,
        within_s: float,
        heard: Callable[[dict[str, Any]], None] | None = None,
    ) -> Frame:
        """The answer to a question. ``heard`` is told of frames before it, whose head has ``progress``; what it
        raises ends the child.

        ChildLost when the child ends, or says nothing for ``within_s``.
        """
        with self._turn:
            link = self._started()
            try:
                link.send(head, body, files)
                while True:
                    frame = link.receive(until=time.monotonic() + within_s)
                    if frame is None:
                        raise ChildLost(_ending(self._end()))
                    if heard is None or "progress" not in frame.head:
                        return frame
                    heard(frame.head)
            except TimeoutError:
                self._end()
                raise ChildLost(f"no answer within {within_s:g} s", late=True) from None
            except (OSError, ValueError) as error:
                raise ChildLost(f"{_ending(self._end())} ({error})") from error
            except ChildLost:
                raise
            except BaseException:
                # An answer is on its way that nobody will read.
                self._end()
                raise

    def kill(self) -> None:
        """End the process at once, in the middle of an answer too; whoever waits for it gets ChildLost."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process when its present answer is done."""
        with self._turn:
            self._end()

    def _started(self) -> Link:
        if self._link is not None and self._process is not None and self._process.poll() is None:
            return self._link
        self._end()
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                list(self._command(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                env=dict(self._environment),
                cwd=os.sep,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                # Ctrl+C is for whoever asks; its end closes the socket, and that ends the child.
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise ChildLost(f"it could not be started ({error})") from error
        finally:
            theirs.close()
        self._link = Link(ours)
        self.starts += 1
        try:
            ready = self._link.receive(until=time.monotonic() + self._start_s)
        except TimeoutError:
            self._end()
            raise ChildLost(f"it did not start within {self._start_s:g} s", late=True) from None
        if ready is None:
            raise ChildLost(_ending(self._end()))
        return self._link

    def _end(self) -> int | None:
        """End the child; its exit status, if it had ended by itself."""
        if self._link is not None:
            self._link.close()
            self._link = None
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            return process.wait(0.2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None


def memory_file(name: str) -> int:
    """The descriptor of a new file that lives in memory, or, where the system has none, of an unlinked one."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def born(descriptor: int) -> Link:
    """In the child: its end of the link. It says that it is ready with its first frame."""
    return Link(socket.socket(fileno=descriptor))


def _ending(status: int | None) -> str:
    if status is None:
        return "it was ended"
    return f"it was ended by signal {-status}" if status < 0 else f"it ended with exit status {status}"


def _close(files: Sequence[int]) -> None:
    for one in files:
        os.close(one)
