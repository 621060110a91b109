"""Where a server lives under a home, as whom it runs, and what to say when it cannot."""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evalnb.errors import Unavailable

SOCKET_PATH_MAX_BYTES = 103
"""What every system's ``sun_path`` can hold: 107 on Linux, 103 on macOS."""

_LOG_MAX_BYTES = 10_000_000
_UNSPEAKABLE = set('"$`\\\n')
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How a server stands. ``running`` means that it answered just now."""

    name: str
    running: bool
    pid: int | None
    url: str
    version: str | None
    log: Path


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        """The login name, or the number where it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"user {self.uid}"


def prepare_home(home: Path) -> None:
    """Make the home, mode 0700.

    An existing directory with other people's files in it keeps its mode (EVALNB_HOME=/data must not close /data);
    everything that evalnb puts inside is 0700 by itself.
    """
    if _UNSPEAKABLE & set(str(home)):
        raise Unavailable(
            f"EVALNB_HOME cannot be used: {str(home)!r} has a sign that PostgreSQL's starter gives to a shell",
            remedy="set EVALNB_HOME to a path without quotation marks, dollars, backticks and backslashes",
        )
    try:
        if not home.exists():
            home.mkdir(parents=True, mode=0o700, exist_ok=True)
        elif home.stat().st_uid == os.geteuid() and not any(home.iterdir()):
            home.chmod(0o700)
        if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "you may not write there")
    except OSError as error:
        raise Unavailable(
            f"EVALNB_HOME cannot be used: {home} ({error.strerror})",
            remedy="set EVALNB_HOME to a directory that you may write to",
        ) from error


def owner_of_home(home: Path) -> Account:
    """Whose the home is. When root works in somebody's home, the servers run as that person, so that both can."""
    made = home.stat()
    return Account(made.st_uid, made.st_gid)


def socket_directory(home: Path, folder: Path, socket_name: str) -> Path:
    """Where the socket goes: beside the data, unless that path is too long for a Unix socket.

    Then it is ``/tmp/evalnb-<uid>-<digest of home>/<folder>``, which every process computes alike.
    """
    if len(os.fsencode(folder / socket_name)) <= SOCKET_PATH_MAX_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    return Path(f"/tmp/evalnb-{home.stat().st_uid}-{digest}") / folder.name


def private_directory(path: Path, account: Account) -> None:
    """Make ``path`` a directory of mode 0700 that belongs to ``account``, or say who is in the way."""
    path.mkdir(mode=0o700, exist_ok=True)
    if path.stat().st_uid not in {account.uid, os.geteuid()}:
        raise Unavailable(
            f"{path} does not belong to {account.name}", remedy="remove it, or choose another EVALNB_HOME"
        )
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)


def private_socket_directory(path: Path, folder: Path, account: Account) -> None:
    """Make the sockets' directory. In /tmp anybody may have been there first: then it must be ours, and no link."""
    if path == folder:
        return
    shared = path.parent
    shared.mkdir(mode=0o700, exist_ok=True)
    made = shared.lstat()
    if not stat.S_ISDIR(made.st_mode) or made.st_uid not in {account.uid, os.geteuid()} or made.st_mode & 0o077:
        raise Unavailable(
            f"{shared} is not a private directory of {account.name}",
            remedy="remove it, or set EVALNB_HOME to a path shorter than 80 bytes",
        )
    private_directory(path, account)


def turn_log(log: Path) -> None:
    """Put a log that has grown long aside; the one before it goes."""
    if log.exists() and log.stat().st_size > _LOG_MAX_BYTES:
        log.replace(log.with_suffix(".old"))


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, on one line."""
    try:
        text = log.read_text(errors="replace")[-8000:]
    except OSError:
        return "no log"
    return " | ".join(text.strip().splitlines()[-lines:])


def refuse_full_disk(folder: Path, needed_bytes: int) -> None:
    """Unavailable unless ``folder`` has room for ``needed_bytes``."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise Unavailable(
            f"{folder} has {free / 1e6:.0f} MB free, and {needed_bytes / 1e6:.0f} MB are needed",
            remedy="free some space there, or set EVALNB_HOME to a larger disk",
        )


@contextmanager
def naming(server: str, folder: Path) -> Iterator[None]:
    """Turn what the file system refuses in this block into an Unavailable that names the path and the next step."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(server, folder) from error
        raise Unavailable(
            f"{server} cannot use {error.filename or folder} ({error.strerror})",
            remedy="set EVALNB_HOME to a directory on a local disk that you may write to",
        ) from error


def why_not(server: str, folder: Path, log: Path, said: str) -> Unavailable:
    """The error for a server that did not start: what it said, and what to do about that."""
    words = " | ".join(part for part in (said.strip().replace("\n", " | "), tail(log)) if part)
    if "No space left on device" in words or "Disk quota exceeded" in words:
        return _full(server, folder)
    if "Permission denied" in words:
        return Unavailable(
            f"{server} may not enter {folder} ({words[-400:]})",
            remedy="run as a user other than root, or set EVALNB_HOME to a directory that everybody may enter",
        )
    return Unavailable(
        f"{server} did not start in {folder} ({words[-600:]})", remedy=f"read {log}; `evalnb doctor` says more"
    )


def _full(server: str, folder: Path) -> Unavailable:
    while not folder.exists():
        folder = folder.parent
    return Unavailable(
        f"{server} cannot write because the disk of {folder} is full"
        f" ({shutil.disk_usage(folder).free / 1e6:.1f} MB free)",
        remedy="free some space there, or set EVALNB_HOME to a larger disk; what was saved before is safe",
    )
