"""What goes through: bodies, answers and sockets, as they come."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from tests.front.conftest import Doorway, free_port, serving, until


class Behind:
    """A server behind the front, and what it has seen."""

    def __init__(self) -> None:
        self.port = free_port()
        self.go_on = threading.Event()
        self.left = threading.Event()
        self.received = 0
        self.calls = 0
        routes = [
            Route("/jupyter/head", self.head, methods=["GET", "POST", "HEAD"]),
            Route("/jupyter/take", self.take, methods=["PUT"]),
            Route("/jupyter/refuse", self.refuse, methods=["PUT"]),
            Route("/jupyter/events", self.events),
            Route("/jupyter/cut", self.cut),
            WebSocketRoute("/jupyter/echo", self.echo),
        ]
        self.app = Starlette(routes=routes)

    async def head(self, request: Request) -> Response:
        self.calls += 1
        body = (await request.body()).decode()
        return JSONResponse(
            {"headers": dict(request.headers), "query": request.url.query, "body": body},
            headers={"Connection": "X-Of-This-Hop", "X-Of-This-Hop": "1", "X-Kept": "1"},
        )

    async def take(self, request: Request) -> Response:
        await asyncio.to_thread(self.go_on.wait, 30)
        async for part in request.stream():
            self.received += len(part)
        return PlainTextResponse(str(self.received))

    async def refuse(self, _request: Request) -> Response:
        return PlainTextResponse("too much", status_code=413)

    async def events(self, request: Request) -> Response:
        async def said() -> AsyncIterator[str]:
            try:
                yield "data: one\n\n"
                while not self.go_on.is_set() and not await request.is_disconnected():
                    await asyncio.sleep(0.02)
                yield "data: two\n\n"
            finally:
                self.left.set()

        return StreamingResponse(said(), media_type="text/event-stream")

    async def cut(self, _request: Request) -> Response:
        async def half() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionAbortedError

        return StreamingResponse(half(), headers={"Content-Length": "8"})

    async def echo(self, socket: WebSocket) -> None:
        await socket.accept(subprotocol=socket.scope["subprotocols"][0])
        async for message in socket.iter_bytes():
            await socket.send_bytes(message[::-1])


@pytest.fixture
def behind(doorway: Doorway) -> Iterator[Behind]:
    one = Behind()
    doorway.behind(lab=("JupyterLab", "/jupyter/", one.port))
    with serving(one.app, one.port, ws_max_size=64 << 20):
        yield one


def test_the_secret_goes_in_and_what_the_caller_showed_stays_out(doorway: Doorway, behind: Behind) -> None:
    with doorway.person() as person:
        person.cookies.set("_xsrf", "2|abc")
        reply = person.post(
            "/jupyter/head?x=1&y",
            content=b"body",
            headers={
                "Origin": doorway.url,
                "X-Forwarded-For": "6.6.6.6",
                "X-Forwarded-Host": "evil",
                "Te": "trailers",
            },
        )
    seen = reply.json()
    assert seen["headers"]["authorization"] == "token secret-of-lab"
    assert seen["headers"]["cookie"] == "_xsrf=2|abc"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["x-forwarded-host"] == seen["headers"]["host"] == f"127.0.0.1:{doorway.port}"
    assert "te" not in seen["headers"]
    assert (seen["query"], seen["body"]) == ("x=1&y", "body")
    assert "x-of-this-hop" not in reply.headers and reply.headers["x-kept"] == "1"
    token_in_query = httpx.get(f"{doorway.url}/jupyter/head", params={"token": doorway.token, "a": "b"}).json()
    assert token_in_query["query"] == "a=b"


def test_an_upload_waits_for_whoever_takes_it(doorway: Doorway, behind: Behind) -> None:
    size = 48 << 20
    sent = 0

    def parts() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(size >> 20):
            sent += 1 << 20
            yield bytes(1 << 20)

    # As a program with the token: no time limit runs while the front itself does not read.
    replies: list[httpx.Response] = []
    with doorway.program() as program:
        sending = threading.Thread(
            target=lambda: replies.append(
                program.put("/jupyter/take", content=parts(), headers={"Content-Length": str(size)})
            )
        )
        sending.start()
        until(lambda: sent > 4 << 20)
        threading.Event().wait(0.5)
        # The kernel's socket buffers and the front's own hold a few MB; nothing holds the whole.
        assert sent < 32 << 20
        behind.go_on.set()
        sending.join(30)
    assert replies[0].text == str(size)


def test_an_answer_before_the_end_of_the_upload_arrives(doorway: Doorway, behind: Behind) -> None:
    with socket.create_connection(("127.0.0.1", doorway.port)) as client:
        client.sendall(
            f"PUT /jupyter/refuse HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {doorway.token}\r\n"
            "Content-Length: 100000\r\n\r\nbegins".encode()
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_events_arrive_one_by_one(doorway: Doorway, behind: Behind) -> None:
    with doorway.program() as program, program.stream("GET", "/jupyter/events") as reply:
        lines = reply.iter_lines()
        assert next(lines) == "data: one"
        assert not behind.left.is_set()
        behind.go_on.set()
        assert [line for line in lines if line] == ["data: two"]


def test_who_closes_the_page_ends_the_work_behind(doorway: Doorway, behind: Behind) -> None:
    with doorway.program() as program, program.stream("GET", "/jupyter/events") as reply:
        assert next(reply.iter_lines()) == "data: one"
    assert behind.left.wait(20)


def test_half_an_answer_is_not_taken_for_a_whole_one(doorway: Doorway, behind: Behind) -> None:
    with doorway.program() as program, pytest.raises(httpx.RemoteProtocolError):
        program.get("/jupyter/cut")
    with doorway.program() as program:
        assert program.get("/jupyter/head").status_code == 200


def test_frames_larger_than_any_buffer_pass_both_ways(doorway: Doorway, behind: Behind) -> None:
    frame = bytes(range(256)) * (12 << 12)
    assert len(frame) > 12_000_000
    with connect(
        f"ws://127.0.0.1:{doorway.port}/jupyter/echo",
        subprotocols=["v1.kernel.websocket.jupyter.org"],  # type: ignore[list-item]
        additional_headers={"Authorization": f"token {doorway.token}"},
        max_size=None,
        compression=None,
        proxy=None,
    ) as client:
        assert client.subprotocol == "v1.kernel.websocket.jupyter.org"
        for message in (b"abc", frame, b"xyz"):
            client.send(message)
            assert client.recv() == message[::-1]


def test_head_has_no_body_and_the_connection_goes_on(doorway: Doorway, behind: Behind) -> None:
    with doorway.program() as program:
        assert program.head("/jupyter/head").content == b""
        assert program.get("/jupyter/head").status_code == 200


def test_requests_sent_at_once_are_answered_in_their_order(doorway: Doorway, behind: Behind) -> None:
    one = "GET /jupyter/head?n={} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{}\r\n"
    with socket.create_connection(("127.0.0.1", doorway.port)) as client:
        asked = one.format(1, doorway.token, "") + one.format(2, doorway.token, "Connection: close\r\n")
        client.sendall(asked.encode())
        said = b""
        while part := client.recv(65536):
            said += part
    assert said.count(b"HTTP/1.1 200") == 2
    assert said.index(b'"query":"n=1"') < said.index(b'"query":"n=2"')


def test_a_connection_that_was_closed_while_it_was_kept_is_no_error(doorway: Doorway, tmp_path: Path) -> None:
    one = Behind()
    doorway.behind(lab=("JupyterLab", "/jupyter/", one.port))
    with doorway.program() as program:
        for _ in range(3):
            # Each server ends and takes the connections that the front has kept with it.
            with serving(one.app, one.port):
                assert program.get("/jupyter/head").status_code == 200
                assert program.get("/jupyter/head").status_code == 200
    assert one.calls == 6
