"""Become another user, then run a program: ``python _as_user.py UID GID PROGRAM ARGUMENT…``, started by root alone.

PostgreSQL refuses to run as root, yet root's home (0700, often under /root) is closed to everybody else. Opening
those directories to the world would be worse than the problem, and moving the data elsewhere would lose it with the
volume that the home is on. So the program keeps one Linux capability across the change of user: to *enter and read*
directories (CAP_DAC_READ_SEARCH), or CAP_DAC_OVERRIDE where a container grants only that one. Nobody gains by it: the
server's only door is a socket in that same closed directory.
"""

import ctypes
import os
import sys

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
_PR_SET_KEEPCAPS, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 28, 47, 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522


def become(uid: int, gid: int) -> None:
    """Drop to ``uid`` and ``gid``, keeping the right to enter closed directories where the kernel allows it."""
    if sys.platform != "linux":
        _drop(uid, gid)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    words = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; low word then high word
    libc.capget(header, words)
    permitted = words[1]
    kept = next((cap for cap in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if permitted >> cap & 1), None)
    if kept is None:
        _drop(uid, gid)
        return
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    # Without this bit access(2) takes no account of the capabilities of anybody but root, and initdb asks access(2)
    # whether it may run the programs beside it: they can lie in a closed directory, too (an environment in /root).
    libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    _drop(uid, gid)
    bit = 1 << kept
    libc.capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0))
    # A refusal here is not an error yet: the program says which path it cannot enter, if any.
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, kept, 0, 0)


def _drop(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])
