"""Fixtures that every test may use: real servers, a fresh database for each test, and a store around it.

``EVALNB_TEST_SERVERS=outside`` runs the same tests against the distribution's own PostgreSQL and Redis.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from evalnb.settings import Settings
from evalnb.store import Store, migrations, open_store
from evalnb.store import broker as broker_
from evalnb.store.database import Database
from evalnb.store.embedded import postgres, valkey
from tests.lab import CHROMIUM_FLAGS
from tests.outside import OutsideServers, outside_servers
from tests.yard import Yard, make_yard

# The same examples everywhere, so that a change is judged by what it changes; new ones on demand:
# pytest --hypothesis-profile explore tests/parity
hypothesis.settings.register_profile("steady", derandomize=True)
hypothesis.settings.register_profile("explore", derandomize=False, print_blob=True)
hypothesis.settings.load_profile("steady")

# A cluster in memory starts as a real one does, without queueing for the disk; a kill loses nothing there either.
SHARED_MEMORY = Path("/dev/shm")
TEMPORARY = Path("/tmp")
if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > 8 << 30:
    TEMPORARY = SHARED_MEMORY

OUTSIDE = os.environ.get("EVALNB_TEST_SERVERS") == "outside"


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home with a short path (Unix sockets), whose servers are stopped by id and whose files go at the end."""
    place = Path(tempfile.mkdtemp(prefix="ev", dir=TEMPORARY))
    with (TEMPORARY / f"{place.name}.tests").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield place
        finally:
            _remove(place)


def _remove(place: Path) -> None:
    postgres.stop(place)
    valkey.stop(place)
    shutil.rmtree(place, ignore_errors=True)
    place.with_name(f"{place.name}.tests").unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def _remove_what_killed_test_runs_left() -> None:
    """Homes whose lock nobody holds any more: their servers would run on for ever."""
    for lock in TEMPORARY.glob("ev*.tests"):
        with contextlib.suppress(BlockingIOError, FileNotFoundError, PermissionError), lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A run that has just made its home may not hold the lock yet.
            if time.time() - lock.stat().st_mtime > 10:
                _remove(lock.with_suffix(""))


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """The EVALNB_HOME of this test session; its servers, where they are the embedded ones, are up."""
    with temporary_home() as place:
        if not OUTSIDE:
            postgres.ensure(place)
            valkey.ensure(place)
        yield place


@pytest.fixture
def own_home() -> Iterator[Path]:
    """An empty home for one test that starts, kills and stops embedded servers as it likes."""
    if OUTSIDE:
        pytest.skip("about the embedded servers")
    with temporary_home() as place:
        yield place


@pytest.fixture(scope="session")
def outside() -> Iterator[OutsideServers]:
    """The distribution's PostgreSQL and Redis."""
    with outside_servers() as servers:
        yield servers


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest, home: Path) -> str:
    """The PostgreSQL of this test session, as somebody who may create databases."""
    return request.getfixturevalue("outside").database_url if OUTSIDE else postgres.ensure(home)


@pytest.fixture(scope="session")
def server_broker_url(request: pytest.FixtureRequest, home: Path) -> str:
    """The broker of this test session."""
    return request.getfixturevalue("outside").broker_url if OUTSIDE else valkey.ensure(home)


def database_url(server_url: str, name: str) -> str:
    """The address of another database of the same server."""
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The name of a database that is migrated once and copied for every test."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    database = Database(database_url(server_url, name))
    migrations.upgrade(database)
    database.close()
    return name


@pytest.fixture
def fresh_database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    yield database_url(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def broker(server_broker_url: str) -> Iterator[str]:
    """The address of an empty broker."""
    client = broker_.connect(server_broker_url)
    client.flushall()
    yield server_broker_url
    client.flushall()
    client.close()


def settings_of(home: Path, database: str, broker: str, folder: Path) -> Settings:
    """Settings with this database, and with blobs under ``folder``."""
    return Settings.from_environment(
        {
            "HOME": str(folder),
            "EVALNB_HOME": str(home),
            "EVALNB_DATABASE_URL": database,
            "EVALNB_BROKER_URL": broker,
            "EVALNB_BLOBS_URL": str(folder / "blobs"),
            "EVALNB_AUTHOR": "tester",
            "EVALNB_OFFLINE": "1",
        }
    )


@pytest.fixture
def settings(home: Path, fresh_database_url: str, server_broker_url: str, tmp_path: Path) -> Settings:
    """Settings of this test: its own database and blobs; ``to_environment()`` gives them to a child process."""
    return settings_of(home, fresh_database_url, server_broker_url, tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An open store on a fresh database with private blobs."""
    opened = open_store(settings)
    yield opened
    opened.close()


@pytest.fixture
def yard(store: Store, tmp_path: Path) -> Yard:
    """A small dataset with real pictures; see tests/yard.py."""
    return make_yard(store, tmp_path / "yard")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for the session: $CHROMIUM, else the one on the path."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "no Chromium: run `make .build/chromium`, or set CHROMIUM to one"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield opened
        opened.close()
