"""Part files: where an upload's bytes are until it is whole. One for each upload, named by its id.

Whoever writes holds ``flock`` on it. The kernel lets go of that lock when its holder dies, at once, so that a client
whose server was killed finds the file free; a lease in the database would make it wait.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from evalnb.errors import Gone, Locked, Unavailable

_SUFFIX = ".part"


def part_of(incoming: Path, upload_id: UUID) -> Path:
    """The upload's part file."""
    return incoming / f"{upload_id}{_SUFFIX}"


def id_of_part(path: Path) -> UUID | None:
    """The upload whose part file this is; None for any other file."""
    try:
        return UUID(path.stem) if path.suffix == _SUFFIX else None
    except ValueError:
        return None


def create_part(incoming: Path, upload_id: UUID) -> Path:
    """An empty part file that is there after a power cut."""
    path = part_of(incoming, upload_id)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        folder = os.open(incoming, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(
            f"no file can be made in {incoming} ({error.strerror})", remedy="free some space, or let evalnb write"
        ) from error
    return path


def open_part(path: Path) -> int:
    """A descriptor of the part file; Gone if there is none."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Gone("the bytes of this upload are no longer here", remedy="begin a new upload") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened ({error.strerror})", remedy="let evalnb write there") from error


def take_lock(descriptor: int, *, patience_s: float = 0.0) -> None:
    """Become the one writer; Locked if there is another after ``patience_s``."""
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Locked(
                    "another connection is writing to this upload",
                    remedy="ask HEAD for its offset in a moment, and go on from there",
                ) from None
            time.sleep(0.05)


def let_go(descriptor: int) -> None:
    """No longer be the writer."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def held(path: Path, *, patience_s: float = 0.0) -> Iterator[int]:
    """The part file, locked, as a descriptor."""
    descriptor = open_part(path)
    try:
        take_lock(descriptor, patience_s=patience_s)
        yield descriptor
    finally:
        os.close(descriptor)  # and with it the lock
