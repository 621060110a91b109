"""Servers are killed while others work: what was acknowledged is there, and nobody starts anything again by hand."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from evalnb.errors import Unavailable
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.store.tables import ProjectRow
from tests.store.processes import kill_server, postmaster_pid

pytestmark = pytest.mark.chaos


def test_postgresql_killed_again_and_again_loses_no_acknowledged_row(own_home: Path) -> None:
    store = open_store(Settings.from_environment({"EVALNB_HOME": str(own_home), "HOME": str(own_home)}))
    acknowledged: list[str] = []
    refused: list[Unavailable] = []
    done = threading.Event()

    def write(writer: int) -> None:
        n = 0
        while not done.is_set():
            name = f"{writer}-{n}"
            try:
                with store.database.transaction() as session:
                    session.add(ProjectRow(name=name))
            except Unavailable as error:
                refused.append(error)
            else:
                acknowledged.append(name)
            n += 1

    def work_a_while() -> None:
        before = len(acknowledged)
        deadline = time.monotonic() + 60
        while len(acknowledged) < before + 30:
            assert time.monotonic() < deadline, "the writers never got through again"
            time.sleep(0.005)

    writers = [threading.Thread(target=write, args=(writer,), daemon=True) for writer in range(3)]
    for one in writers:
        one.start()
    for _ in range(5):
        work_a_while()
        kill_server(postmaster_pid(own_home))
    work_a_while()
    done.set()
    for one in writers:
        one.join(60)
    with store.database.transaction() as session:
        kept = set(session.execute(text("SELECT name FROM project")).scalars())
    assert set(acknowledged) <= kept
    assert refused, "no writer was ever in the middle of anything: the test proved nothing"
    store.close()
