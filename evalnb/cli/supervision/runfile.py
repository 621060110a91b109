"""EVALNB_HOME/run: who runs here, where it answers, and the lock that only one ``evalnb up`` can hold."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evalnb.cli.supervision.processes import Identity, myself
from evalnb.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table: a service, and how it stands."""

    name: str
    title: str
    state: str
    """up, starting, waiting (to be started again), failed, absent (not installed) or outside (not ours)."""
    address: str = ""
    pid: int | None = None
    born: float | None = None
    log: str = ""
    note: str = ""
    """What a person should know or do, for instance the extra to install."""

    @property
    def identity(self) -> Identity | None:
        """The service's own process."""
        return None if self.pid is None or self.born is None else Identity(self.pid, self.born)


@dataclass(frozen=True, slots=True)
class Record:
    """What a running ``evalnb up`` says about itself."""

    supervisor: Identity
    ready: bool
    """Whether every service has had its chance to answer."""
    entries: list[Entry]
    descendants: list[Identity] = field(default_factory=list)
    """Everything the services have started, seen a few seconds ago at most."""


class RunDirectory:
    """The files under ``<home>/run``. All are mode 0600; each is replaced whole, so a reader never sees half."""

    def __init__(self, home: Path) -> None:
        self.path = home / "run"
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unusable(self.path, error) from error
        self._lock: int | None = None

    # The lock is the truth about whether an `up` runs: the operating system drops it when its holder dies.

    def acquire(self) -> bool:
        """Take the lock for as long as this process lives; False where another ``evalnb up`` has it."""
        # Somebody may be looking at it at this very moment (see `holder`): that passes.
        for attempt in range(5):
            if self._try():
                return True
            if attempt < 4:
                time.sleep(0.05)
        return False

    def _try(self) -> bool:
        descriptor = self._open_lock()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(myself())).encode(), 0)
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open_lock(self) -> int:
        try:
            return os.open(self.path / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unusable(self.path, error) from error

    def holder(self) -> Identity | None:
        """The ``evalnb up`` that runs on this home, or None."""
        descriptor = self._open_lock()
        try:
            # Shared: two who look at once must not take each other for an `up`.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            # The holder writes its name in the instant after it got the lock.
            for _ in range(100):
                said = os.pread(descriptor, 1000, 0)
                if said.endswith(b"}"):
                    return Identity(**json.loads(said))
                time.sleep(0.01)
            raise Unavailable(
                f"{self.path / 'up.lock'} is held, and nobody says by whom",
                remedy="see with `fuser` who has that file open, and end it",
            ) from None
        finally:
            os.close(descriptor)

    def record(self) -> Record | None:
        """What the last ``evalnb up`` wrote, running or not; None where it ended cleanly or never ran."""
        try:
            body = json.loads((self.path / "up.json").read_text())
            return Record(
                supervisor=Identity(**body["supervisor"]),
                ready=body["ready"],
                entries=[Entry(**one) for one in body["entries"]],
                descendants=[Identity(**one) for one in body["descendants"]],
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                f"{self.path / 'up.json'} cannot be read ({error})",
                remedy="see with `ps` whether an old `evalnb up` still runs, end it, and delete that file",
            ) from error

    def write_record(self, record: Record) -> None:
        """Say how things stand."""
        self._replace("up.json", asdict(record))

    def write_addresses(self, addresses: dict[str, str]) -> None:
        """``addresses.json``: {"front": …, "lab": …, "voila": …, "api": …}, for kernels and scripts.

        The first one holds the token that signs its reader in; the others are for who has signed in.
        """
        self._replace("addresses.json", addresses)

    def write_backends(self, body: dict[str, Any]) -> None:
        """``backends.json``: what stands behind the front, where and with which secret; and what was left out."""
        self._replace("backends.json", body)

    def addresses(self) -> dict[str, str]:
        """The addresses of what runs now; empty where nothing does."""
        try:
            found: dict[str, str] = json.loads((self.path / "addresses.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def forget(self) -> None:
        """Nothing runs any more."""
        for name in ("up.json", "addresses.json", "backends.json"):
            (self.path / name).unlink(missing_ok=True)

    def api_token(self) -> str:
        """The API's bearer token of this home (``api-token``, mode 0600), made on first use."""
        return self._secret("api-token")

    def inner_token(self) -> str:
        """What containers that share this home say to one another (``inner-token``), made on first use."""
        return self._secret("inner-token")

    def _secret(self, name: str) -> str:
        path = self.path / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            # Whoever makes it writes its 32 characters in one call; a shorter file is one that is being made.
            for _ in range(100):
                token = path.read_text().strip()
                if len(token) >= 32:
                    return token
                time.sleep(0.01)
            raise Unavailable(
                f"{path} holds no token", remedy="delete that file; the next start makes a new one"
            ) from None
        with os.fdopen(descriptor, "w") as file:
            token = secrets.token_urlsafe(24)
            file.write(token)
        return token

    def _replace(self, name: str, body: Any) -> None:
        # O_EXCL and a random name: never through somebody's link, never readable by others, not even for a moment.
        new = self.path / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(body, file, indent=1)
        new.replace(self.path / name)


def _unusable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{path} cannot be used ({error.strerror})", remedy="set EVALNB_HOME to a directory of your own"
    )
