"""The processes of the embedded servers: who may start one, whether one lives, and how one is run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from evalnb.errors import Unavailable
from evalnb.store.embedded._place import Account

# The programs see none of this process's environment: PGPORT, PGOPTIONS or a locale would change what they do.
_CLEAN_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


@contextmanager
def only_one(lock: Path, *, wait_s: float = 180.0) -> Iterator[None]:
    """Hold ``lock`` against every other process and thread; the kernel lets go of it when the holder dies."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait_s
        while not _lock(descriptor):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"another process has held {lock} for {wait_s:.0f} s",
                    remedy="end whoever starts or stops the servers of this home, and try again",
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def claim_life(
    lock: Path, *, answers: Callable[[], bool], unreachable: Callable[[], None], wait_s: float
) -> int | None:
    """The right to start a server, as the descriptor it must inherit; or None once one answers.

    A server holds this lock from its first instruction to the end of its last child, because it inherits the
    descriptor: so the lock tells the dead from the living where a pidfile cannot (its number may be another program's
    by now, or belong to another container that shares the home). While somebody holds it, we wait for an answer.
    ``unreachable`` is called when none came for three seconds.

    TimeoutError when it neither answers nor ends.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    began, told = time.monotonic(), False
    try:
        while not _lock(descriptor):
            if answers():
                os.close(descriptor)
                return None
            waited_s = time.monotonic() - began
            if waited_s > wait_s:
                raise TimeoutError(f"{waited_s:.0f} s")
            if waited_s > 3 and not told:
                unreachable()
                told = True
            time.sleep(0.02)
    except BaseException:
        with suppress(OSError):
            os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def run_as(
    account: Account, command: Sequence[str | Path], *, timeout_s: float, life: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as ``account``, in a session of its own (Ctrl+C in a terminal does not reach it).

    A server that it leaves behind inherits ``life``. ``stdout`` of the result is both streams. A program that takes
    longer than ``timeout_s`` is ended, with 124 as its return code.
    """
    words = [str(word) for word in command]
    if os.geteuid() == 0 and account.uid != 0:
        launcher = Path(__file__).with_name("_as_user.py")
        words = [sys.executable, "-I", "-S", str(launcher), str(account.uid), str(account.gid), *words]
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_CLEAN_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            pass_fds=() if life is None else (life,),
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, f"{Path(command[0]).name} took longer than {timeout_s:.0f} s")


def living(pidfile: Path, name: str, folder: Path) -> psutil.Process | None:
    """The server whose number stands first in ``pidfile``, or None where that number is now another program's.

    Both servers keep their data directory as their working directory, which no other program does.
    """
    try:
        process = psutil.Process(int(pidfile.read_text(errors="replace").split(maxsplit=1)[0]))
        ours = has_not_ended(process) and process.name() == name and Path(process.cwd()) == folder.resolve()
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if ours else None


def at_work_in(folder: Path, name: str) -> list[psutil.Process]:
    """Every live process of that name whose working directory is ``folder``; looks at all processes, some 50 ms."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.name() == name and has_not_ended(process) and Path(process.cwd()) == folder.resolve():
                found.append(process)
    return found


def await_end(process: psutil.Process, patience_s: float) -> bool:
    """Whether the process ended in time.

    A zombie has ended. Where the first process is slow to reap (containers), psutil's own wait takes seconds.
    """
    deadline = time.monotonic() + patience_s
    while has_not_ended(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def has_not_ended(process: psutil.Process) -> bool:
    """Whether the process is there and not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
