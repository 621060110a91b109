"""Sockets that are slow, half closed, oversized, forged, or talk nonsense: each ends, and nobody else notices."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from evalnb_server.realtime import line
from psycopg import sql
from websockets.exceptions import ConnectionClosed, InvalidStatus

from evalnb import edits
from evalnb.settings import Settings
from evalnb.store import broker, open_store
from tests.conftest import database_url
from tests.live import Served, Wire, create, serving_here, take_ticket, until
from tests.server.test_live import by_somebody_else, watching
from tests.yard import Yard, make_yard


@pytest.fixture(scope="module")
def yard(
    home: Path, server_url: str, template: str, server_broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Yard]:
    """One for all these tests: they break lines, not data."""
    folder, name = tmp_path_factory.mktemp("hostile"), f"hostile_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    settings = Settings.from_environment(
        {
            "HOME": str(folder),
            "EVALNB_HOME": str(home),
            "EVALNB_DATABASE_URL": database_url(server_url, name),
            "EVALNB_BROKER_URL": server_broker_url,
            "EVALNB_AUTHOR": "tester",
        }
    )
    store = open_store(settings)
    yield make_yard(store, folder / "yard")
    store.close()
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def server(yard: Yard) -> Iterator[Served]:
    with serving_here(yard.store.settings) as one:
        yield one


@pytest.fixture
def served(server: Served) -> Iterator[Served]:
    """The server, with no socket of an earlier test's."""
    yield server
    server.cut()
    until(lambda: not server.hub.sockets and not server.hub.watched())


def seq_of(yard: Yard) -> int:
    with yard.store.database.transaction() as session:
        return edits.shapes(session, yard.image_ids[0]).seq


def closes(wire: Wire) -> int | None:
    """The code that the server closes it with."""
    with pytest.raises(ConnectionClosed):
        while True:
            wire.hear()
    return wire.socket.close_code


def test_a_ticket_opens_one_socket_once(served: Served, yard: Yard) -> None:
    ticket = take_ticket(served.base, served.token)
    assert Wire(served.base, ticket=ticket).hear()[0]["push"] == "welcome"
    assert closes(Wire(served.base, ticket=ticket)) == line.NO_TICKET
    for forged in ("", "x", ticket[:-1], ticket.upper(), "ü" * 50):
        assert closes(Wire(served.base, ticket=forged)) == line.NO_TICKET, forged


def test_a_ticket_expires(served: Served, yard: Yard) -> None:
    ticket = take_ticket(served.base, served.token)
    client = broker.connect(yard.store.broker_url)
    [key] = [one for one in client.scan_iter("evalnb:*:ticket:*") if client.ttl(one) > 0]
    assert 0 < client.ttl(key) <= 30
    # The broker holds nothing that opens a socket.
    assert ticket.encode() not in key + client.get(key)
    client.pexpire(key, 1)
    until(lambda: not client.exists(key))
    assert closes(Wire(served.base, ticket=ticket)) == line.NO_TICKET
    client.close()


def test_a_ticket_whose_sign_in_has_ended_opens_nothing(served: Served, yard: Yard) -> None:
    entered = httpx.post(f"{served.base}/api/session", json={"token": served.token}, trust_env=False)
    cookies, csrf = dict(entered.cookies), entered.json()["csrf"]
    headers = {"X-Evalnb-Csrf": csrf}
    answer = httpx.post(f"{served.base}/api/live/ticket", cookies=cookies, headers=headers, trust_env=False)
    without = httpx.post(f"{served.base}/api/live/ticket", cookies=cookies, trust_env=False)
    assert (answer.status_code, without.status_code) == (200, 403)
    assert httpx.delete(f"{served.base}/api/session", cookies=cookies, headers=headers, trust_env=False).is_success
    assert closes(Wire(served.base, ticket=answer.json()["ticket"])) == line.NO_TICKET


def test_a_socket_without_a_ticket_is_closed_in_time(
    served: Served, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "OPENING_S", 0.3)
    with Raw(served) as raw:
        assert raw.close_code() == line.LATE


def test_a_page_of_another_origin_is_refused(served: Served, yard: Yard) -> None:
    for origin in ("http://evil.example", "null", served.base.replace("http", "https"), served.base + "0"):
        with pytest.raises(InvalidStatus) as refused:
            Wire(served.base, served.token, origin=origin)
        assert refused.value.response.status_code == 403, origin
    assert Wire(served.base, served.token, origin=served.base).hear()[0]["push"] == "welcome"


def test_nonsense_ends_the_socket(served: Served) -> None:
    nonsense: list[Any] = [
        7,
        [],
        {},
        {"id": 1, "ask": "page"},
        {"id": "1", "dataset": 1},
        {"id": 1, "dataset": True},
        {"id": -1, "dataset": 1},
        {"id": 2**70, "dataset": 1},
    ]
    for message in nonsense:
        wire = Wire(served.base, served.token)
        wire.hear()
        wire.say(message)
        assert closes(wire) == line.MALFORMED, message


def test_frames_that_are_no_messages_end_the_socket(served: Served) -> None:
    for frame in (
        "{",
        "\ud7ff",
        b"",
        b"\xff\xff\xff\xff{}",
        struct.pack("<I", 2) + b"{}",
        struct.pack("<I", 15) + b'{"buffers":[9]}',
        struct.pack("<I", 19) + b'{"buffers":[-1, 1]}',
        struct.pack("<I", 16) + b'{"buffers":["a"]}',
    ):
        wire = Wire(served.base, served.token)
        wire.hear()
        wire.socket.send(frame)
        assert closes(wire) == line.MALFORMED, frame
    assert closes(Wire(served.base, ticket="y" * 10_000)) == line.MALFORMED


def test_an_ask_that_is_none_is_refused_and_the_socket_goes_on(served: Served, yard: Yard) -> None:
    wire = Wire(served.base, served.token)
    for ask in (
        {"ask": "nothing"},
        {"ask": "page", "first": 0},
        {"ask": "page", "first": 0, "count": 1, "more": 1},
        {"ask": "apply", "image_id": 1, "ops": [{**create(), "action": "explode"}]},
        {"ask": "hello", "view": "v" * 101},
    ):
        assert wire.refused(yard.dataset_id, **ask)["status"] == 422, ask
    for ask, status in (
        ({"ask": "page", "first": 0, "count": 10**6}, 422),
        ({"ask": "shapes", "image_id": 10**9}, 404),
        ({"ask": "shapes", "image_id": -5}, 404),
    ):
        assert wire.refused(yard.dataset_id, **ask)["status"] == status, ask
    assert wire.refused(10**9, ask="hello", view="a")["status"] == 404
    assert wire.ask(yard.dataset_id, ask="page", first=0, count=1)


def test_an_oversized_frame_ends_the_socket(served: Served, yard: Yard) -> None:
    wire = Wire(served.base, served.token)
    wire.hear()
    with contextlib.suppress(ConnectionClosed):  # the server may say so before all of it is sent
        wire.say({"id": 1, "dataset": yard.dataset_id, "ask": "hello", "view": "v" * (9 * 2**20)})
    # A close frame that overtakes what is still being sent may be lost with it.
    assert closes(wire) in (1009, 1006)
    # Many frames of one message are no way around.
    with Raw(served) as raw:
        raw.send_frame(0x1, b"[" * 2**20, final=False)
        for _ in range(9):
            raw.send_frame(0x0, b"[" * 2**20, final=False)
        with contextlib.suppress(ConnectionResetError):
            assert raw.close_code() == 1009
    large = Wire(served.base, served.token)
    assert large.refused(yard.dataset_id, ask="hello", view="v" * (7 * 2**20))["status"] == 422


def test_two_asks_of_one_number_end_the_socket(served: Served, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(served.base, served.token)
    wire.hear()
    with contextlib.suppress(ConnectionClosed):  # it may be closed before all of them are sent
        for _ in range(200):
            wire.say({"id": 5, "dataset": yard.dataset_id, "ask": "image", "image_id": yard.image_ids[0]})
    assert closes(wire) == line.MALFORMED


def test_a_flood_is_read_slowly_and_answered_whole(
    served: Served, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "BURST", 20.0)
    monkeypatch.setattr(line, "RATE_PER_S", 200.0)
    wire, other = Wire(served.base, served.token), Wire(served.base, served.token)
    numbers = [wire.tell(yard.dataset_id, ask="page", first=0, count=1) for _ in range(60)]
    assert other.ask(yard.dataset_id, ask="page", first=0, count=1)
    assert "ok" in wire.answer(numbers[-1])[0]


def test_who_does_not_read_is_dropped_and_nobody_waits_for_it(
    served: Served, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "QUEUED", 5)
    monkeypatch.setattr(line, "CLOSE_S", 0.2)
    with Raw(served) as slow:
        slow.watch(served, yard)
        until(lambda: served.hub.watched())
        other = watching(served, yard, view="b")
        first = seq = seq_of(yard)
        while served.hub.watched().get(yard.image_ids[0]) == 2:
            # Pushes that nobody reads fill every buffer on the way.
            by_somebody_else(yard, yard.image_ids[0], note="x" * 200_000)
            seq += 1
            assert seq < first + 200, "the slow reader is still there"
            while other.pushed("edits")["seq"] < seq:
                pass
        # The connection is gone, with all that was queued for it, though its peer still reads nothing.
        until(lambda: served.connections() == 1)


def test_more_sockets_than_a_process_holds_are_refused(
    served: Served, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "MOST_SOCKETS", 1)
    first = Wire(served.base, served.token)
    first.hear()
    with pytest.raises(InvalidStatus) as refused:
        Wire(served.base, served.token)
    assert refused.value.response.status_code == 503
    first.close()
    until(lambda: served.hub.sockets == 0)
    assert Wire(served.base, served.token).hear()[0]["push"] == "welcome"


def test_half_closed_sockets_are_forgotten(served: Served, yard: Yard) -> None:
    with Raw(served) as raw:
        raw.watch(served, yard)
        until(lambda: served.hub.watched())
        raw.socket.shutdown(socket.SHUT_WR)
        until(lambda: not served.hub.watched())
    with Raw(served) as raw:
        raw.socket.sendall(b"\x81")  # half a frame's header
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.read_to_end()


def test_a_broker_that_is_away_refuses_tickets_and_nothing_else(
    served: Served, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(served.base, served.token)
    wire.hear()
    seq = seq_of(yard)
    monkeypatch.setattr(served.hub.tickets, "_client", broker.connect("redis://127.0.0.1:1/0", patience_s=0.5))
    headers = {"Authorization": f"Bearer {served.token}"}
    answer = httpx.post(f"{served.base}/api/live/ticket", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["title"]) == (503, "Unavailable")
    assert closes(Wire(served.base, ticket="whatever")) == line.AWAY
    assert wire.ask(yard.dataset_id, ask="apply", image_id=yard.image_ids[0], ops=[create()])["seq"] == seq + 1


class Raw:
    """A WebSocket by hand, for what no library would send."""

    def __init__(self, served: Served) -> None:
        place = urlsplit(served.base)
        self.socket = socket.socket()
        # Small, so that a few images fill it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(20)
        self.socket.connect((place.hostname, place.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /api/live HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert head.startswith(b"HTTP/1.1 101"), head

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def watch(self, served: Served, yard: Yard) -> None:
        """Show a ticket, and watch the first image."""
        self.send_text(json.dumps({"ticket": take_ticket(served.base, served.token)}))
        ask = {"ask": "watch", "image_id": yard.image_ids[0], "view": "raw", "since": 0}
        self.send_text(json.dumps({"id": 1, "dataset": yard.dataset_id, **ask}))

    def send_text(self, text: str) -> None:
        self.send_frame(0x1, text.encode())

    def send_frame(self, opcode: int, data: bytes, *, final: bool = True) -> None:
        length = len(data)
        head = bytes([(0x80 if final else 0) | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 2**16:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        # When the server has seen enough, the test looks at what it says.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(head + bytes(4) + data)  # masked with zeros

    def close_code(self) -> int:
        """The code of the close frame, which must be the first that comes."""
        head = self._read(2)
        assert head[0] == 0x88, head
        return int(struct.unpack(">H", self._read(head[1])[:2])[0])

    def read_to_end(self) -> bool:
        """Read until the server has closed."""
        while self.socket.recv(65536):
            pass
        return True

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, data
            data += more
        return data
