"""A store, opened: the database, the blobs, and the address of the broker."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evalnb.settings import Settings
from evalnb.store import broker, migrations
from evalnb.store.blobs import Blobs
from evalnb.store.database import Database
from evalnb.store.embedded import postgres, valkey
from evalnb.store.hints import Hints


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that is kept. Long verbs take it and open several transactions."""

    settings: Settings
    database: Database
    blobs: Blobs
    broker_url: str
    """``redis://…``, or ``redis+socket:///…`` for the embedded one; ``evalnb.store.broker.connect`` opens either."""
    hints: Hints
    """Says "image X is at sequence N" to other processes, after each commit that edits."""

    def close(self) -> None:
        """Give the database connections back. The servers run on."""
        self.hints.close()
        self.database.close()


def open_store(settings: Settings, *, database_url: str | None = None, without_broker: bool = False) -> Store:
    """Open the store of these settings: start or adopt the embedded servers, or use the outside ones, and migrate.

    ``database_url`` goes before ``settings.database_url``. ``without_broker`` does not ask whether an outside broker
    answers, for work that rings nobody and is to go on while it is away. Unavailable when a server cannot be had or
    is too old; Conflict when the database is newer than this code.
    """
    if database_url is not None:
        settings = replace(settings, database_url=database_url)
    home = settings.home
    if settings.database_url is None:
        database = Database(postgres.ensure(home), revive=lambda: postgres.ensure(home))
    else:
        database = Database(settings.database_url)
    try:
        database.check()
        migrations.upgrade(database)
        if settings.broker_url is None:
            broker_url = valkey.ensure(home)
        else:
            broker_url = settings.broker_url
            if not without_broker:
                broker.check(broker_url)
    except BaseException:
        database.close()
        raise
    revive = (lambda: valkey.ensure(home)) if settings.broker_url is None else (lambda: None)
    hints = Hints(database, broker_url, revive=revive)
    database.on_edited = hints.edited
    database.on_reviewed = hints.reviewed
    return Store(
        settings=settings,
        database=database,
        blobs=Blobs(settings.blobs_url or home / "blobs", cache=home / "cache" / "blobs"),
        broker_url=broker_url,
        hints=hints,
    )
