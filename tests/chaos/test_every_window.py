"""A line to PostgreSQL that breaks after each message in turn, whatever is being said: nothing but Unavailable comes.

What the random kills of test_edits_survive.py hit by luck is gone through here one message after another: making a
connection, asking whether it lives, reading, writing, committing.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from evalnb import edits
from evalnb.annotating.answers import Answers
from evalnb.annotating.desk import AtOnce, Desk, Reply
from evalnb.annotating.pictures import KernelGallery, Pictures
from evalnb.errors import Unavailable
from evalnb.settings import Settings
from evalnb.store import Store, migrations, open_store
from evalnb.store.database import Database
from evalnb.store.repositories import imports
from evalnb.wire.annotator import AnnotatorAsk
from evalnb.wire.shapes import BoxGeometry, Op, Patch
from tests.conftest import database_url
from tests.store.breaking import BreakingLine, How, Then, breaking_line
from tests.yard import Yard

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

breaks = pytest.mark.parametrize(("how", "then"), [("closed", "silent"), ("told", "starting")])


class Anybody:
    """May do everything."""

    def look(self, session: Session) -> None:
        """Yes."""

    def edit(self, session: Session) -> None:
        """Yes."""

    def may_edit(self, session: Session) -> bool:
        """Yes."""
        return True


@pytest.fixture
def line(fresh_database_url: str) -> Iterator[BreakingLine]:
    opened = breaking_line(fresh_database_url)
    yield opened
    opened.close()


@pytest.fixture
def distant(store: Store, line: BreakingLine) -> Iterator[Store]:
    """The test's store, by the line that breaks."""
    database = Database(line.url)
    yield replace(store, database=database)
    database.close()


def everywhere(
    line: BreakingLine, how: How, then: Then, step: Callable[[], object], again: Callable[[], object] | None = None
) -> int:
    """Break the line after each of the step's messages, how many there were; and see it work ``again`` each time."""
    for after in itertools.count(1):
        line.arm(after, how, then)
        try:
            step()
        except Unavailable:
            assert line.broken
        whole = not line.broken
        line.arm(None)
        (again or step)()
        if whole:
            return after - 1
    raise AssertionError


def drawn() -> Op:
    patch = Patch(class_id=7, geometry=BoxGeometry(box=(10, 20, 30, 40)))
    return Op(client_op_id=uuid4(), shape_id=uuid4(), base_rev=0, action="create", patch=patch)


@breaks
def test_opening_a_store(settings: Settings, line: BreakingLine, how: How, then: Then) -> None:
    assert everywhere(line, how, then, lambda: open_store(settings, database_url=line.url).close()) > 20


@breaks
def test_the_first_look_at_a_database(line: BreakingLine, how: How, then: Then) -> None:
    def looking() -> None:
        database = Database(line.url)
        try:
            assert migrations.current(database) == migrations.HEAD
            database.versions()
        finally:
            database.close()

    assert everywhere(line, how, then, looking) > 20


def test_a_migration_is_undone_and_done_later(server_url: str) -> None:
    name = f"empty_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    line = breaking_line(database_url(server_url, name))
    database = Database(line.url)
    try:
        for after in (40, 60, 120):
            line.arm(after)
            with pytest.raises(Unavailable):
                migrations.upgrade(database)
            line.arm(None)
            assert migrations.current(database) is None
        assert migrations.upgrade(database) == migrations.HEAD
    finally:
        database.close()
        line.close()
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@breaks
def test_an_edit_is_saved_once(yard: Yard, distant: Store, line: BreakingLine, how: How, then: Then) -> None:
    made: list[Op] = []
    answered: list[str] = []
    unheard = 0

    def send() -> str:
        with distant.database.transaction() as session:
            return edits.apply(session, yard.image_ids[0], [made[-1]], author="ada").results[0].status

    def first() -> None:
        made.append(drawn())
        answered.append("")
        answered[-1] = send()

    def again() -> None:
        nonlocal unheard
        status = send()
        assert status == "duplicate" if answered[-1] else status in ("applied", "duplicate")
        unheard += not answered[-1] and status == "duplicate"

    assert everywhere(line, how, then, first, again) > 20
    assert [one.client_op_id for one in yard.history()] == [op.client_op_id for op in made]
    assert unheard, "the line never broke between a commit and its answer: the test proved little"


@breaks
@pytest.mark.parametrize("name", ["hello", "page", "locate", "image", "shapes", "watch", "apply"])
def test_whoever_asks_is_told_to_ask_again(
    yard: Yard, distant: Store, line: BreakingLine, name: str, how: How, then: Then
) -> None:
    image = {"image_id": yard.image_ids[0]}
    ask: dict[str, Any] = {
        "hello": {"view": "v"},
        "page": {"first": 0, "count": 3},
        "locate": image,
        "image": image,
        "shapes": image,
        "watch": {"view": "v", **image},
        "apply": {"ops": [drawn().model_dump(mode="json")], **image},
    }[name]
    answers = Answers(distant, yard.dataset_id, author="ada", rights=Anybody())
    pictures = Pictures(answers, KernelGallery(distant), author="ada")
    sent: list[dict[str, Any]] = []
    at_once = AtOnce()
    desk = Desk(
        TypeAdapter(AnnotatorAsk),
        {
            "hello": (at_once, lambda ask: Reply(answers.hello(ask, shown=None))),
            "page": (at_once, answers.page),
            "locate": (at_once, answers.locate),
            "image": (at_once, pictures.image),
            "shapes": (at_once, lambda ask: Reply(answers.shapes(ask))),
            "watch": (at_once, lambda ask: Reply(answers.watch(ask))),
            "apply": (at_once, lambda ask: Reply(answers.apply(ask))),
        },
        send=lambda message, _buffers: sent.append(message),
        log=logging.getLogger(__name__),
    )

    def asking() -> None:
        desk.receive({"id": 1, "ask": name, **ask})
        answer = sent.pop()
        if "error" in answer:
            assert (answer["error"]["kind"], answer["error"]["status"]) == ("Unavailable", 503), answer
            raise Unavailable(answer["error"]["happened"], remedy="")

    assert everywhere(line, how, then, asking) > 5


@breaks
def test_the_lock_of_an_import(distant: Store, line: BreakingLine, how: How, then: Then) -> None:
    def importing() -> None:
        with imports.locked(distant.database, 1, "field"), distant.database.transaction() as session:
            session.connection().exec_driver_sql("SELECT 1")

    assert everywhere(line, how, then, importing) > 5
