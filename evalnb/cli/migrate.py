"""``evalnb migrate``."""

from __future__ import annotations

import click

from evalnb.settings import Settings


@click.command()
def migrate() -> None:
    """Bring the database to this evalnb's revision.

    Every start does the same; here it is on its own.
    """
    from evalnb.store import migrations, open_store

    store = open_store(Settings.from_environment())
    click.echo(f"{store.database.where} is at revision {migrations.current(store.database)}")
    store.close()
