from sqlalchemy import text

from evalnb.settings import Settings
from evalnb.store import Store, migrations, open_store
from evalnb.store.tables import ProjectRow


def test_each_test_has_a_database_of_its_own_at_the_newest_revision(store: Store) -> None:
    assert migrations.current(store.database) == migrations.HEAD
    with store.database.transaction() as session:
        session.add(ProjectRow(name="warehouse"))
    with store.database.transaction() as session:
        assert session.query(ProjectRow).one().name == "warehouse"


def test_another_test_does_not_see_it(store: Store) -> None:
    with store.database.transaction() as session:
        assert session.query(ProjectRow).count() == 0


def test_a_second_process_opens_the_same_store_from_the_environment(store: Store) -> None:
    with store.database.transaction() as session:
        session.add(ProjectRow(name="warehouse"))
    again = open_store(Settings.from_environment(store.settings.to_environment()))
    with again.database.transaction() as session:
        assert session.execute(text("SELECT name FROM project")).scalar_one() == "warehouse"
    sha256 = store.blobs.put_bytes(b"pixels")
    assert again.blobs.read(sha256) == b"pixels"
    again.close()


def test_the_tables_and_the_migrations_agree(store: Store) -> None:
    assert migrations.drift(store.database) == []
