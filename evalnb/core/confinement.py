"""What a process that reads hostile files gives up before it opens the first one.

It is called in the child, after everything that is needed has been imported: afterwards nothing can be opened for
writing by name, nothing can be started, and there is no network to reach.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import Any

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38

# Not a wall, an alarm: a reader calls none of these, so whatever does has broken out of it.
_ALARMS = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.spawn", "ctypes.dlopen")
_ALARMS_BESIDE_THREADS = ("socket.connect", "socket.bind", *_ALARMS[1:-1])
_BROKEN_OUT = 77


def confine(
    *,
    memory_bytes: int,
    open_files: int,
    cpu_s: int | None = None,
    written_bytes: int | None = None,
    threads: bool = False,
) -> None:
    """Take from this process what reading files does not need; a step that the platform lacks is left out.

    ``memory_bytes`` bounds its address space, ``cpu_s`` all its work, ``written_bytes`` each file it writes (None: no
    limit). ``threads`` are for libraries that compute with them; such a process may also load what they load late.
    """
    limits = {"RLIMIT_AS": memory_bytes, "RLIMIT_NOFILE": open_files, "RLIMIT_CORE": 0}
    if cpu_s is not None:
        limits["RLIMIT_CPU"] = cpu_s
    if written_bytes is not None:
        limits["RLIMIT_FSIZE"] = written_bytes
    if not threads:
        limits["RLIMIT_NPROC"] = 0
    with contextlib.suppress(ImportError):
        import resource

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
    alarms = _ALARMS_BESIDE_THREADS if threads else _ALARMS

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        writes = not threads and event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event.startswith(alarms):
            os._exit(_BROKEN_OUT)

    sys.addaudithook(heard)
