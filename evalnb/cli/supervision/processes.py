"""Processes by identity. A pid alone is reused by the kernel; a pid with the time of its birth is one process."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

# psutil works the birth out from the boot time, which moves a little when the clock is set.
_BIRTH_TOLERANCE_S = 2.0


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """One process: its pid and when it was born (seconds since the epoch)."""

    pid: int
    born: float

    def process(self) -> psutil.Process | None:
        """The process itself, or None where it has ended (a zombie has) or its pid belongs to another one now."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.born) > _BIRTH_TOLERANCE_S:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None


def myself() -> Identity:
    """This process."""
    own = psutil.Process()
    return Identity(own.pid, own.create_time())


def identify(pid: int) -> Identity | None:
    """The identity of the process that has this pid now, or None."""
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def family(roots: Iterable[Identity], *, spare: Iterable[int] = ()) -> set[Identity]:
    """The living ones of ``roots`` with everything they started, but nothing at or below a pid in ``spare``."""
    spared = set(spare)
    found: set[Identity] = set()
    for root in roots:
        process = root.process()
        if process is None or root.pid in spared:
            continue
        found.add(root)
        with suppress(psutil.NoSuchProcess):
            _gather(process.children(recursive=True), root.pid, spared, found)
    return found


def _gather(descendants: list[psutil.Process], root: int, spared: set[int], found: set[Identity]) -> None:
    # psutil lists a parent before its children, so one pass is enough to leave whole branches out.
    ours = {root}
    for process in descendants:
        with suppress(psutil.NoSuchProcess):
            if process.pid not in spared and process.ppid() in ours:
                ours.add(process.pid)
                found.add(Identity(process.pid, process.create_time()))


def living(identities: Iterable[Identity]) -> set[Identity]:
    """Those that still run."""
    return {one for one in identities if one.process() is not None}


def send(identities: Iterable[Identity], number: signal.Signals) -> None:
    """Signal each that still runs."""
    for one in identities:
        process = one.process()
        if process is not None:
            # AccessDenied: a pid of another user is not one that we started.
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.send_signal(number)


def end(
    roots: Iterable[Identity], *, known: Iterable[Identity] = (), spare: Iterable[int] = (), grace_s: float = 8.0
) -> set[Identity]:
    """End ``roots`` and all that they started; give what even SIGKILL could not end (normally nothing).

    The roots are asked first (SIGTERM), because each knows best how to end its own: JupyterLab its kernels, the
    worker its job. What is left when the roots are gone, or ``grace_s`` is over, is asked itself and then killed.
    ``known`` are descendants seen earlier, whose parents may be dead.
    """
    roots = set(roots)
    spared = set(spare)
    all_of_them = {one for one in known if one.pid not in spared} | family(roots, spare=spared)
    send(roots, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while living(roots) and time.monotonic() < deadline:
        time.sleep(0.05)
        all_of_them |= family(all_of_them, spare=spared)
    for number, patience_s in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 2.0)):
        all_of_them |= family(all_of_them, spare=spared)
        left = living(all_of_them)
        send(left, number)
        deadline = time.monotonic() + patience_s
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = living(left)
    return living(all_of_them)


def kill(roots: Iterable[Identity], *, known: Iterable[Identity] = (), spare: Iterable[int] = ()) -> None:
    """End all of them at once, unasked."""
    spared = set(spare)
    send({one for one in known if one.pid not in spared} | family(roots, spare=spared), signal.SIGKILL)


def memory_bytes(root: Identity) -> int:
    """The resident memory of a process and everything it started. Shared pages are counted once for each."""
    total = 0
    for one in family([root]):
        with suppress(psutil.Error):
            total += psutil.Process(one.pid).memory_info().rss
    return total
