"""Why a process ended, in words that help."""

from __future__ import annotations

import signal
from pathlib import Path

from evalnb.core.jobs import JobFailure

STOPPED = 75
"""The body's exit code after it stopped on request (EX_TEMPFAIL: try again later)."""
LOST = 3
"""The body's exit code after its fence had become stale."""

_MEMORY = "use a smaller batch or image_size, close other programs, or use a machine with more memory"
_REMEDIES = {
    signal.SIGSEGV: "native code crashed: job.log's last lines say where; EVALNB_DEVICE=cpu avoids a broken driver",
    signal.SIGBUS: "most often /dev/shm is too small (Docker: --shm-size=2g), or a disk is full",
    signal.SIGILL: "a library was built for another processor; reinstall torch for this machine",
    signal.SIGTERM: "something outside evalnb ended it; submit it again",
}

_COUNTERS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
    Path("/proc/vmstat"),
)


def oom_kills() -> int:
    """How many processes the system has killed for want of memory so far; 0 where it does not say."""
    for path in _COUNTERS:
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition(" ")
            if name == "oom_kill" and value.strip().isdigit():
                return int(value)
    return 0


def explain(returncode: int, *, out_of_memory: bool, tail: str) -> JobFailure:
    """The failure of a body that ended without saying why. ``returncode`` as ``subprocess`` has it: −9 is SIGKILL."""
    if returncode < 0:
        name = _signal_name(-returncode)
        if returncode == -signal.SIGKILL and out_of_memory:
            happened, remedy = "the system killed the work for want of memory (SIGKILL)", _MEMORY
        elif returncode == -signal.SIGKILL:
            happened = "the work was killed from outside (SIGKILL), most often by the system for want of memory"
            remedy = _MEMORY
        else:
            happened = f"the work was ended by {name}"
            remedy = _REMEDIES.get(signal.Signals(-returncode), "job.log's last lines say what it was doing")
    elif returncode == STOPPED:
        happened = "the work was ended by SIGTERM"
        remedy = _REMEDIES[signal.SIGTERM]
    elif returncode == 0:
        happened, remedy = "the work ended without a result", "job.log's last lines say what it was doing"
    else:
        happened = f"the work ended with exit code {returncode} and did not say why"
        remedy = "job.log's last lines say what it was doing"
    return JobFailure(kind="Unavailable", happened=happened, remedy=remedy, detail=tail)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
