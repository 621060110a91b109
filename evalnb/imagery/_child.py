"""Decode images for a parent that does not trust them; see ``_confined``.

This file is run as a script in a process of its own. It opens nothing: files come as descriptors over the socket that
it was born with, each answered by {"ok": [width, height, mime, orientation]}, {"refused": [kind, what happened, the
remedy]} or {"memory": true}.

Usage: python _child.py SOCKET MEMORY_BYTES FOLDER…
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import Any

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
_CPU_S = 900
"""For all the images of one child together; the parent's patience with each is shorter."""


def confine(memory_bytes: int) -> None:
    """Take from this process what decoding does not need; a step that the platform lacks is left out."""
    try:
        import resource
    except ImportError:
        resource = None  # type: ignore[assignment]
    if resource is not None:
        limits = {
            "RLIMIT_AS": memory_bytes,
            "RLIMIT_CPU": _CPU_S,
            "RLIMIT_FSIZE": 0,
            "RLIMIT_NOFILE": 32,
            "RLIMIT_NPROC": 0,
            "RLIMIT_CORE": 0,
        }
        for name, value in limits.items():
            if hasattr(resource, name):
                with contextlib.suppress(ValueError, OSError):
                    resource.setrlimit(getattr(resource, name), (value, value))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        # A network namespace of its own has no way out; -1 where the system does not grant one.
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWNET)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    sys.addaudithook(_alarm)


_ALARMS = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.spawn", "ctypes.dlopen")


def _alarm(event: str, arguments: tuple[Any, ...]) -> None:
    # Not a wall, an alarm: from here on nothing calls these, so whatever does has broken out of a decoder.
    if event.startswith(_ALARMS) or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        os._exit(77)


def main(arguments: list[str]) -> int:
    """Answer until the parent closes its end."""
    sys.path[:0] = arguments[2:]
    from evalnb.core.children import born
    from evalnb.errors import EvalnbError
    from evalnb.imagery._whole import read_whole

    link = born(int(arguments[0]))
    confine(int(arguments[1]))
    link.send({"ready": True})
    while (frame := link.receive()) is not None:
        answer: dict[str, Any] = {}
        for descriptor in frame.files:
            with os.fdopen(descriptor, "rb") as file:
                try:
                    header = read_whole(file, frame.head["name"])
                    answer = {"ok": [header.width, header.height, header.mime, header.orientation]}
                except EvalnbError as error:
                    answer = {"refused": [type(error).__name__, error.happened, error.remedy]}
                except MemoryError:
                    answer = {"memory": True}
        link.send(answer)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
