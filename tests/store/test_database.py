"""The database by URL: what it asks of a server, and what becomes of a server that goes away."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from evalnb.errors import Invalid, Unavailable
from evalnb.settings import Settings
from evalnb.store import Store, database, open_store
from evalnb.store.database import Database
from evalnb.store.embedded import postgres, valkey
from evalnb.store.repositories.copying import copy_in
from evalnb.store.tables import ProjectRow
from tests.conftest import database_url
from tests.store.processes import kill_server, postmaster_pid


def add(store: Store, name: str) -> None:
    with store.database.transaction() as session:
        session.add(ProjectRow(name=name))


def names(store: Store) -> list[str]:
    with store.database.transaction() as session:
        return list(session.execute(text("SELECT name FROM project ORDER BY id")).scalars())


@pytest.fixture
def own_store(own_home: Path) -> Store:
    return open_store(Settings.from_environment({"EVALNB_HOME": str(own_home), "HOME": str(own_home)}))


def test_what_a_block_did_is_undone_when_it_raises(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.database.transaction() as session:
        session.add(ProjectRow(name="gone"))
        session.flush()
        raise ZeroDivisionError
    assert names(store) == []


def test_an_open_store_outlives_the_death_of_its_server(own_store: Store) -> None:
    add(own_store, "before")
    kill_server(postmaster_pid(own_store.settings.home))
    add(own_store, "after")
    assert names(own_store) == ["before", "after"]


def test_an_open_store_brings_back_a_server_that_was_stopped(own_store: Store) -> None:
    add(own_store, "before")
    postgres.stop(own_store.settings.home)
    assert names(own_store) == ["before"]


def test_a_transaction_whose_server_dies_is_refused_and_leaves_nothing(own_store: Store) -> None:
    broke = pytest.raises(Unavailable, match=r"the connection to .* broke .*; try again")
    with broke, own_store.database.transaction() as session:
        session.add(ProjectRow(name="lost"))
        session.flush()
        kill_server(postmaster_pid(own_store.settings.home))
        session.execute(text("SELECT 1"))
    assert names(own_store) == []


def test_a_copy_whose_server_dies_is_refused_and_leaves_nothing(own_store: Store) -> None:
    def rows() -> Iterator[tuple[str]]:
        for n in range(200_000):
            if n == 1000:
                kill_server(postmaster_pid(own_store.settings.home))
            yield (f"row {n}",)

    broke = pytest.raises(Unavailable, match=r"the connection to .* broke .*; try again")
    with broke, own_store.database.transaction() as session:
        copy_in(session, "project", ["name"], rows())
    assert names(own_store) == []


@pytest.mark.parametrize("small_disk", [260], indirect=True)
def test_a_disk_that_fills_up_refuses_the_write_and_keeps_what_was_saved(small_disk: Path) -> None:
    store = open_store(Settings.from_environment({"EVALNB_HOME": str(small_disk), "HOME": str(small_disk)}))
    add(store, "before")
    free = shutil.disk_usage(small_disk).free
    (small_disk / "ballast").write_bytes(bytes(free - (24 << 20)))
    with pytest.raises(Unavailable, match=r"full|No space left"):
        for batch in range(100):
            with store.database.transaction() as session:
                copy_in(session, "project", ["name"], ((f"{batch} {n} {'x' * 500}",) for n in range(2000)))
    (small_disk / "ballast").unlink()
    add(store, "after")
    assert names(store)[0] == "before" and names(store)[-1] == "after"
    store.close()
    valkey.stop(small_disk)


def test_a_forked_child_uses_connections_of_its_own(store: Store) -> None:
    add(store, "one")
    context = multiprocessing.get_context("fork")
    child = context.Process(target=add, args=(store, "two"))
    child.start()
    for _ in range(20):
        assert "one" in names(store)
    child.join(30)
    assert child.exitcode == 0
    assert names(store) == ["one", "two"]


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    nowhere = Database("postgresql://me:secret@localhost:1/evalnb")
    with pytest.raises(Unavailable, match=r"does not answer at postgresql://me:\*\*\*@localhost:1/evalnb") as refusal:
        nowhere.check()
    assert "secret" not in str(refusal.value) and "EVALNB_DATABASE_URL" in refusal.value.remedy


def test_a_server_that_is_too_old_is_told_with_its_version(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "OLDEST", 99)
    with pytest.raises(Unavailable, match=r"is PostgreSQL 1\d; evalnb needs PostgreSQL 99 or later"):
        store.database.check()


def test_a_server_without_pgvector_is_refused_with_the_package_to_install(own_home: Path) -> None:
    url = postgres.ensure(own_home)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE evalnb SET extension_control_path = '/nowhere'")
    with pytest.raises(Unavailable, match=r"the PostgreSQL 18 at .* has no pgvector; install it there"):
        Database(url).check()


def test_a_user_who_may_not_add_extensions_is_told_what_to_ask_for(server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("CREATE DATABASE plain OWNER plain")
    url = database_url(server_url, "plain")
    plain = url.replace("//evalnb@", "//plain@").replace("//tester@", "//plain@")
    try:
        with pytest.raises(Unavailable, match="CREATE EXTENSION vector"):
            open_store(Settings.from_environment({"HOME": "/nowhere"}), database_url=plain)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
        opened = Database(plain)
        from evalnb.store import migrations

        assert migrations.upgrade(opened) == migrations.HEAD
        opened.close()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE plain WITH (FORCE)")
            connection.execute("DROP ROLE plain")


def test_a_row_held_by_a_stuck_session_is_waited_for_and_then_told(store: Store) -> None:
    add(store, "held")
    patience = "?options=-c%20lock_timeout%3D200ms&"
    impatient = Database(store.database.url.replace("?", patience, 1))
    with store.database.transaction() as stuck:
        stuck.execute(text("SELECT * FROM project FOR UPDATE"))
        told = pytest.raises(Unavailable, match="another session holds what this step needs")
        with told, impatient.transaction() as session:
            session.execute(text("UPDATE project SET name = 'mine'"))
    impatient.close()


@pytest.mark.parametrize("url", ["sqlite:///x", "postgresql:/x", "postgresql://me:secret@host:port/x", ""])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Invalid, match="is not a PostgreSQL address; write postgresql://") as refusal:
        Database(url)
    assert "secret" not in str(refusal.value)


def test_a_server_whose_connections_are_all_in_use_is_told(own_home: Path) -> None:
    url = postgres.ensure(own_home)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET max_connections = 4")
        connection.execute("ALTER SYSTEM SET superuser_reserved_connections = 0")
    postgres.stop(own_home)
    crowd = [_once_there_is_room(postgres.ensure(own_home)) for _ in range(4)]
    assert postgres.ensure(own_home) == url, "a server that is full is a server that runs"
    with pytest.raises(Unavailable, match=r"every connection of .* is in use; end notebooks"):
        Database(url).check()
    for one in crowd:
        one.close()


def _once_there_is_room(url: str) -> psycopg.Connection:
    """A connection. Those that others have closed are counted until their sessions have ended."""
    end = time.monotonic() + 30
    while True:
        try:
            return psycopg.connect(url)
        except psycopg.OperationalError as error:
            assert "too many clients" in str(error) and time.monotonic() < end
            time.sleep(0.01)


def test_a_server_that_is_lost_again_as_it_starts_is_unavailable(own_home: Path) -> None:
    with psycopg.connect(postgres.ensure(own_home), autocommit=True) as connection:
        connection.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false")
    revived = Database(postgres.ensure(own_home), revive=lambda: postgres.ensure(own_home))
    postgres.stop(own_home)
    # What is asked of a new server fails before it is asked, as when the server is killed in its first second.
    with pytest.raises(Unavailable, match="started and did not stay"), revived.transaction() as session:
        session.execute(text("SELECT 1"))
    with revived.transaction() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    postgres.stop(own_home)
    with pytest.raises(Unavailable, match="started and did not stay"):
        postgres.ensure(own_home)
    revived.close()


def test_a_session_that_another_one_deadlocks_is_told_to_try_again(store: Store) -> None:
    add(store, "one")
    add(store, "two")
    lock = "SELECT * FROM project WHERE name = :name FOR UPDATE"
    both = threading.Barrier(2, timeout=30)

    def in_order(*names: str) -> None:
        with store.database.transaction() as session:
            session.execute(text(lock), {"name": names[0]})
            both.wait()
            session.execute(text(lock), {"name": names[1]})

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(in_order, *order) for order in (("one", "two"), ("two", "one"))]
        ends = [one.exception(60) for one in running]
    (refusal,) = [error for error in ends if error is not None]
    assert isinstance(refusal, Unavailable) and "try again" in refusal.remedy
