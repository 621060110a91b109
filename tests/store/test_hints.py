"""Hints through a real broker: heard at once, lost without harm, never in an edit's way."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evalnb.annotating.presence import Company, Presence
from evalnb.errors import Unavailable
from evalnb.store import Store, hints
from evalnb.store.database import Database
from evalnb.store.embedded.valkey import _program
from evalnb.store.hints import Hint, Hints
from evalnb.wire.live import Person
from tests.live import until


@dataclass
class Broker:
    """A broker of one test's own."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._listens)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        broker = Broker(probe.getsockname()[1], tmp_path)
    yield broker
    broker.kill()


@pytest.fixture
def database(fresh_database_url: str) -> Iterator[Database]:
    opened = Database(fresh_database_url)
    yield opened
    opened.close()


def test_a_hint_is_heard_and_says_how_far_an_image_is(database: Database, own_broker: Broker) -> None:
    own_broker.start()
    said, heard = Hints(database, own_broker.url), Hints(database, own_broker.url)
    found: list[Hint] = []
    missed: list[int] = []
    listening = heard.listen(found.append, missed=lambda: missed.append(1))
    until(lambda: missed)
    said.edited({7: 3, 8: 1})
    said.moved(7)
    said.reviewed([9])
    until(lambda: len(found) == 4)
    assert sorted(found, key=str) == [Hint(7, 3), Hint(7, None), Hint(8, 1), Hint(9, None, review=True)]
    listening.close()
    said.close()


def test_listening_outlives_the_broker(
    database: Database, own_broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hints, "REST_S", 0.05)
    caplog.set_level(logging.INFO)
    both = Hints(database, own_broker.url)
    found: list[Hint] = []
    missed: list[int] = []
    listening = both.listen(found.append, missed=lambda: missed.append(1))
    for start in range(1, 3):
        own_broker.start()
        # Whoever listens is told that hints may have been lost.
        until(lambda start=start: len(missed) == start)
        both.edited({7: start})
        until(lambda start=start: Hint(7, start) in found)
        own_broker.kill()
    both.edited({7: 99})
    until(lambda: any("only when they look" in one.message for one in caplog.records))
    listening.close()
    both.close()


def test_telling_never_waits_for_a_broker_that_hangs(
    database: Database, own_broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    own_broker.start()
    both = Hints(database, own_broker.url)
    both.edited({1: 1})
    assert own_broker.process is not None
    own_broker.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    for seq in range(1000):
        both.edited({1: seq})
    assert time.monotonic() - began < hints.PATIENCE_S
    until(lambda: any("only when they look" in one.message for one in caplog.records))
    both.close()
    own_broker.process.send_signal(signal.SIGCONT)


def test_a_forked_child_tells_too(database: Database, own_broker: Broker) -> None:
    own_broker.start()
    both = Hints(database, own_broker.url)
    found: list[Hint] = []
    missed: list[int] = []
    listening = both.listen(found.append, missed=lambda: missed.append(1))
    until(lambda: missed)
    both.edited({1: 1})
    until(lambda: found)
    child = os.fork()
    if child == 0:
        both.edited({1: 2})
        both.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    until(lambda: Hint(1, 2) in found)
    listening.close()
    both.close()


def test_people_are_forgotten_unless_they_are_confirmed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence(store.hints, store.broker_url)
    ada = Person(key="a", name="ada")
    presence.enter({ada: 7})
    assert presence.on([7, 8]) == {7: [ada], 8: []}
    monkeypatch.setattr("evalnb.annotating.presence.TTL_S", 0.01)
    presence.enter({ada: 7})
    until(lambda: presence.on([7]) == {7: []})
    presence.close()


def test_company_tells_of_changes_only(store: Store) -> None:
    mine, theirs = (Company(Presence(store.hints, store.broker_url), store.hints) for _ in range(2))
    ada, ben = Person(key="a", name="ada"), Person(key="b", name="ben")
    mine.place(ada, 7)
    assert mine.look() == {7: [ada]}
    assert mine.look() == {}
    theirs.place(ben, 7)
    assert mine.look() == {7: [ada, ben]}
    theirs.place(ben, 8)
    assert mine.look() == {7: [ada]}
    mine.place(ada, 8)
    assert mine.look() == {8: [ada, ben]}
    theirs.close()
    assert mine.look() == {8: [ada]}
    mine.close()


def test_without_a_broker_nobody_is_there_and_nothing_fails(store: Store, own_broker: Broker) -> None:
    presence = Presence(store.hints, own_broker.url)
    company = Company(presence, store.hints)
    company.place(Person(key="a", name="ada"), 7)
    assert company.look() == {}
    with pytest.raises(Unavailable, match="broker does not answer"):
        presence.on([7])
    company.close()
