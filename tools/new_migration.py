"""Write the next migration from the tables: ``python tools/new_migration.py "what it does"``; then read it.

It starts a PostgreSQL in a temporary home, brings it to the newest revision, and lets Alembic compare.
With ``--check`` it writes nothing, and fails where the tables and the migrations differ.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command

from evalnb.store import migrations
from evalnb.store.database import Database
from evalnb.store.embedded import postgres


@contextmanager
def migrated() -> Iterator[Database]:
    """A database at the newest revision, in a temporary home."""
    home = Path(tempfile.mkdtemp(prefix="ev", dir="/tmp"))
    try:
        database = Database(postgres.ensure(home))
        migrations.upgrade(database)
        yield database
        database.close()
    finally:
        postgres.stop(home)
        shutil.rmtree(home)


def check() -> None:
    """Exit with 1 where the tables have changed and no migration says so."""
    with migrated() as database:
        found = migrations.drift(database)
    if found:
        sys.exit("\n".join(["the tables changed without a migration (tools/new_migration.py writes it):", *found]))


def write(message: str) -> None:
    """Write ``versions/NNNN_message.py`` and move ``migrations.HEAD`` on."""
    number = f"{int(migrations.HEAD) + 1:04d}"
    here = Path(migrations.__file__).parent
    with migrated() as database, database.engine.begin() as connection:
        command.revision(migrations.configuration(connection), message, autogenerate=True, rev_id=number)
    (made,) = (here / "versions").glob(f"{number}_*.py")
    made.write_text(re.sub(r"^ *# ###.*\n", "", made.read_text(), flags=re.MULTILINE))
    door = here / "__init__.py"
    door.write_text(door.read_text().replace(f'HEAD = "{migrations.HEAD}"', f'HEAD = "{number}"'))
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", made], check=True)
    print(f"read and mend {made.relative_to(Path.cwd())}: what of old rows? which locks, how long?")


if __name__ == "__main__":
    check() if sys.argv[1:] == ["--check"] else write(" ".join(sys.argv[1:]))
