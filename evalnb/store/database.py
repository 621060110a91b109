"""One database: its engine, and the only place where a transaction is committed."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from evalnb.errors import EvalnbError, Invalid, Unavailable

OLDEST = 15
"""The oldest PostgreSQL that serves."""

# What a URL's own query (?connect_timeout=…&options=…) may overrule. Nothing that evalnb does waits a minute for a
# row or computes for a quarter of an hour; a notebook held in a debugger lets go of its locks after that time.
_CONNECTION: dict[str, Any] = {
    "connect_timeout": "10",
    "application_name": "evalnb",
    "options": "-c lock_timeout=60s -c statement_timeout=15min -c idle_in_transaction_session_timeout=15min",
}

# SQLSTATEs that say "the server is going, coming, busy or full", not "the statement was wrong".
_AWAY = {"57P01", "57P02", "57P03", "57P05", "53300", "25P03", "25P04"}
_LINE = "08"
"""The class of the line's own failures, which poolers between us and the server also use."""
_HELD_UP = {"55P03", "57014", "40001", "40P01"}
_DISK_FULL = "53100"


class Database:
    """A PostgreSQL by URL. Verbs that are one step take a ``Session``; verbs that stream take this, and open several
    transactions.

    ``revive`` starts the server again where it is ours to start (the embedded one): a killed or stopped server costs
    the transaction that was open then, and the next one finds it running.
    """

    def __init__(self, url: str, *, revive: Callable[[], object] | None = None) -> None:
        self.url = url
        address = _address(url)
        self._revive = revive
        self.on_edited: Callable[[Mapping[int, int]], None] | None = None
        """Told, after each commit that wrote to edit logs, how far which images are; it must not raise."""
        self.on_reviewed: Callable[[Collection[int]], None] | None = None
        """Told, after each commit that wrote to reviews or comments, of which images; it must not raise."""
        self.engine: Engine = create_engine(
            address,
            pool_pre_ping=True,
            # Nobody keeps hstore here: asking for it would cost every process three round trips at its start.
            use_native_hstore=False,
            # Faster than the standard library's, and a number too large for 64 bits reads back as the double it was.
            json_deserializer=orjson.loads,
            # A notebook with a widget or two holds one or two; bursts go higher and are given back.
            pool_size=5,
            max_overflow=10,
            pool_timeout=30,
            connect_args={**_CONNECTION, **address.query},
        )
        event.listen(self.engine, "do_connect", self._connect)
        _forget_after_fork(self.engine)

    @property
    def where(self) -> str:
        """The address without its password."""
        return _address(self.url).set(drivername="postgresql").render_as_string(hide_password=True)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose changes are committed when the block ends, and undone when it raises.

        Unavailable when the server went away or its disk is full: then nothing of the block was kept, unless the
        connection broke during the commit itself, which only an idempotent write can tell apart.
        """
        with self._telling():
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
            if self.on_edited is not None and (edited := session.info.get("edited")):
                self.on_edited(edited)
            if self.on_reviewed is not None and (reviewed := session.info.get("reviewed")):
                self.on_reviewed(reviewed)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection whose transactions are the block's own affair. Unavailable as for ``transaction``."""
        with self._telling(), self.engine.connect() as connection:
            yield connection

    def check(self) -> None:
        """Unavailable, with the reason and the next step, unless this is PostgreSQL ≥ 15 with pgvector to be had."""
        with self.connection() as connection:
            version = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
            vector = connection.execute(
                text("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
            ).scalar()
        if int(version) < OLDEST * 10_000:
            raise Unavailable(
                f"{self.where} is PostgreSQL {int(version) // 10_000}",
                remedy=f"evalnb needs PostgreSQL {OLDEST} or later; upgrade it, or unset EVALNB_DATABASE_URL",
            )
        if vector is None:
            raise Unavailable(
                f"the PostgreSQL {int(version) // 10_000} at {self.where} has no pgvector",
                remedy=f"install it there (Debian: apt install postgresql-{int(version) // 10_000}-pgvector)",
            )

    def versions(self) -> tuple[str, str]:
        """PostgreSQL's version, and pgvector's as installed in this database, else as the server could install it."""
        with self.connection() as connection:
            server = connection.exec_driver_sql("SHOW server_version").scalar_one()
            vector = connection.execute(
                text(
                    "SELECT coalesce(installed_version, default_version)"
                    " FROM pg_available_extensions WHERE name = 'vector'"
                )
            ).scalar_one()
        return str(server).split(" ")[0], str(vector)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _connect(self, _dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        try:
            try:
                return psycopg.connect(*arguments, **options)
            except psycopg.OperationalError as error:
                if self._revive is None or _crowded(error):
                    raise
            self._revive()
            return psycopg.connect(*arguments, **options)
        except psycopg.OperationalError as error:
            if _crowded(error):
                raise Unavailable(
                    f"every connection of {self.where} is in use",
                    remedy="end notebooks and workers that you do not need, or raise its max_connections",
                ) from error
            raise self._unreachable(error) from error

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turns what says that the server is away, full or busy into Unavailable."""
        try:
            yield
        except PoolTimeout as error:
            raise Unavailable(
                f"every connection that this process may hold to {self.where} is in use",
                remedy="let running steps end, or end threads that hold a transaction open",
            ) from error
        except DBAPIError as error:
            gone = self._gone(error.orig, lost=error.connection_invalidated)
            if gone is None:
                raise
            raise gone from error
        except psycopg.Error as error:
            # COPY speaks to the driver itself.
            gone = self._gone(error, lost=False)
            if gone is None:
                raise
            raise gone from error

    def _unreachable(self, reason: object) -> Unavailable:
        return Unavailable(
            f"PostgreSQL does not answer at {self.where} ({_reason(reason)})",
            remedy="start it, or correct EVALNB_DATABASE_URL; `evalnb doctor` says more",
        )

    def _gone(self, error: BaseException | None, *, lost: bool) -> EvalnbError | None:
        state = getattr(error, "sqlstate", None)
        if state == _DISK_FULL:
            return Unavailable(
                f"the disk of {self.where} is full ({_reason(error)})",
                remedy="free some space on it; what was saved before is safe",
            )
        if state in _HELD_UP:
            return Unavailable(
                f"another session holds what this step needs, or it took too long ({_reason(error)})",
                remedy="try again; if it happens again, end the kernel or worker that is stuck",
            )
        # Without a state these are the line's own: it ended, or the server's farewell came between two answers.
        # SQLAlchemy does not always know: never of a connection that it is just making or taking from the pool.
        lost = lost or (state is None and isinstance(error, psycopg.OperationalError | psycopg.InternalError))
        if lost or state in _AWAY or (state is not None and state.startswith(_LINE)):
            return Unavailable(
                f"the connection to {self.where} broke ({_reason(error)})",
                remedy="try again: what was saved before is safe, and this step was not",
            )
        return None


def _crowded(error: psycopg.OperationalError) -> bool:
    return "too many clients" in str(error) or "remaining connection slots" in str(error)


def _reason(error: object) -> str:
    return " ".join(str(error).split())


def _forget_after_fork(engine: Engine) -> None:
    """A forked child (a data loader's worker) opens connections of its own: two users of one would garble both."""
    known = weakref.ref(engine)

    def forget() -> None:
        here = known()
        if here is not None:
            here.dispose(close=False)

    os.register_at_fork(after_in_child=forget)


def _address(url: str) -> URL:
    scheme, found, rest = url.partition("://")
    try:
        if found and scheme.split("+")[0] in {"postgresql", "postgres"}:
            return make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):
        pass  # said below, without the password that SQLAlchemy would quote
    shown = f"{scheme}{found}…@{url.rpartition('@')[2]}" if "@" in url else url
    raise Invalid(
        f"{shown!r} is not a PostgreSQL address",
        remedy="write postgresql://user:password@host:5432/name (PostgreSQL ≥ 15 with pgvector)",
    )
