"""Migrations: old homes come up to date with their rows, whoever asks, however many ask at once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import text

from evalnb.errors import Conflict, Unavailable
from evalnb.store import Store, migrations
from evalnb.store.database import Database
from evalnb.store.tables import AnnotationRow, EditRow, ImageRow, ImportRow
from tests.conftest import database_url

OLD = Path(__file__).parent / "fixtures" / "revision-0001.sql"


@pytest.fixture
def empty(server_url: str) -> Iterator[Database]:
    """A database with nothing in it."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    database = Database(database_url(server_url, name))
    yield database
    database.close()
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def old(empty: Database) -> Database:
    """A database of revision 0001 with a few rows."""
    with psycopg.connect(empty.url, autocommit=True) as connection:
        connection.execute(OLD.read_text().encode())
    assert migrations.current(empty) == "0001"
    return empty


def test_head_is_the_last_revision() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_current_head() == migrations.HEAD


def test_the_tables_and_the_migrations_agree(store: Store) -> None:
    assert migrations.drift(store.database) == []


def test_a_table_changed_without_a_migration_is_told(store: Store) -> None:
    with store.database.transaction() as session:
        session.execute(text("ALTER TABLE image ADD COLUMN forgotten integer"))
    (sentence,) = migrations.drift(store.database)
    assert "forgotten" in sentence and "remove_column" in sentence


def test_an_old_home_comes_up_with_every_row(old: Database) -> None:
    assert migrations.upgrade(old) == migrations.HEAD
    assert migrations.drift(old) == []
    with old.transaction() as session:
        images = session.query(ImageRow).order_by(ImageRow.id).all()
        assert [(one.source_key, one.tags) for one in images] == [("17", ["night"]), ("4", [])]
        shapes = session.query(AnnotationRow).order_by(AnnotationRow.place).all()
        # The order in which they were written, not that of their ids.
        assert [one.id.int for one in shapes] == [12, 10, 11]
        assert shapes[1].geometry == [[0, 0, 10, 0, 10, 10]]
        assert session.query(EditRow).one().author == "ada"
        assert session.query(ImportRow).one().problems == {}


def test_an_upgraded_home_takes_new_rows(old: Database) -> None:
    migrations.upgrade(old)
    with old.transaction() as session:
        session.add(
            AnnotationRow(
                id=uuid.uuid4(), image_id=1, dataset_id=1, class_id=1, kind="box", x=0, y=0, w=1, h=1, area=1
            )
        )
        session.flush()
        assert session.execute(text("SELECT max(place) FROM annotation")).scalar_one() == 4


def test_upgrading_twice_changes_nothing(old: Database) -> None:
    migrations.upgrade(old)
    assert migrations.upgrade(old) == migrations.HEAD


def test_many_who_upgrade_at_once_do_it_once(empty: Database) -> None:
    results: list[object] = []

    def upgrade() -> None:
        mine = Database(empty.url)
        try:
            results.append(migrations.upgrade(mine))
        except Exception as error:  # noqa: BLE001  (whatever it is, the assertion shows it)
            results.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert results == [migrations.HEAD] * 4
    assert migrations.drift(empty) == []


def test_a_database_newer_than_this_evalnb_is_refused_with_both_revisions(store: Store) -> None:
    with store.database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        Conflict, match=f"at revision 9999, which is newer than this evalnb .revision {migrations.HEAD}."
    ):
        migrations.upgrade(store.database)


def test_a_table_in_use_is_not_waited_for_without_end(old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT_S", 0.2)
    with psycopg.connect(old.url) as reader:
        reader.execute("SELECT * FROM annotation")
        with pytest.raises(Unavailable, match=r"the database is in use .* end the kernels and workers"):
            migrations.upgrade(old)
    assert migrations.current(old) == "0001"
    assert migrations.upgrade(old) == migrations.HEAD
