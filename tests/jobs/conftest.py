"""A project to ask for jobs in."""

from __future__ import annotations

import pytest

from evalnb.store import Store
from evalnb.store.tables import ProjectRow


@pytest.fixture
def project_id(store: Store) -> int:
    with store.database.transaction() as session:
        row = ProjectRow(name="yard")
        session.add(row)
        session.flush()
        return row.id
