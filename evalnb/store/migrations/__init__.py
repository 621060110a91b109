"""Migrations: the database's schema brought to this code's, whoever asks first.

Every revision runs under one advisory lock, in one transaction, with a lock timeout (a reader elsewhere must not be
queued behind us for long) and a statement timeout. A user needs no alembic.ini; developers write a new revision with
``python tools/new_migration.py "what it does"``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from evalnb.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

    from evalnb.store.database import Database

HEAD = "0014"
"""The newest revision. Said here so that opening a current database imports no Alembic; a test holds it true."""

_ADVISORY_KEY = 0x65766E62  # "evnb"
_WAIT_S = 600
_LOCK_TIMEOUT_S = 10
_STATEMENT_TIMEOUT_S = 3600


def current(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.connection() as connection:
        return _current(connection)


def upgrade(database: Database) -> str:
    """Bring the database to HEAD and return it. Safe from several processes at once; does nothing when current.

    Conflict when the database is newer than this code. Unavailable when a lock cannot be had in time, or the server
    went away.
    """
    if current(database) == HEAD:
        return HEAD
    with database.connection() as connection:
        _upgrade(database, connection)
    return HEAD


def _upgrade(database: Database, connection: Connection) -> None:
    from alembic import command

    try:
        with connection.begin():
            connection.execute(text(f"SET LOCAL statement_timeout = '{_WAIT_S}s'"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_S}s'"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_KEY})"))
            _refuse_newer(_current(connection))
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'"))
            connection.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT_S}s'"))
            command.upgrade(configuration(connection), "head")
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state == "42501" and "extension" in str(error.orig):  # insufficient privilege
            raise Unavailable(
                f"the user of {database.where} may not add extensions",
                remedy="have an administrator run CREATE EXTENSION vector in that database once, and try again",
            ) from error
        if state not in {"55P03", "57014"}:  # lock not available, query cancelled
            raise
        raise Unavailable(
            f"the database is in use and could not be brought to revision {HEAD} ({str(error.orig).splitlines()[0]})",
            remedy="end the kernels and workers that use it (`evalnb down`), then run `evalnb migrate`",
        ) from error


def drift(database: Database) -> list[str]:
    """Where the tables in ``evalnb.store.tables`` and a migrated database differ, one sentence each; [] is well."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from evalnb.store.tables import Base

    with database.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return [repr(difference) for difference in compare_metadata(context, Base.metadata)]


def _current(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_newer(revision: str | None) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(Path(__file__).parent)).walk_revisions()}
    if revision is not None and revision not in known:
        raise Conflict(
            f"the database is at revision {revision}, which is newer than this evalnb (revision {HEAD})",
            remedy="upgrade evalnb here (pip install --upgrade evalnb), or use another database",
        )


def configuration(connection: Connection) -> Config:
    """Alembic's configuration on this connection, whose transaction stays the caller's."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
