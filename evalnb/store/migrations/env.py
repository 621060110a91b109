"""What Alembic runs. The connection, its transaction, lock and timeouts are ``migrations.upgrade``'s."""

from alembic import context

from evalnb.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
