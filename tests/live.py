"""Live editing from outside: a server to connect to, and a client that connects as a page does."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from evalnb_server.app import create_app
from evalnb_server.realtime.frames import decode
from evalnb_server.realtime.hub import Hub
from evalnb_server.realtime.protocol import SOCKETS
from starlette.staticfiles import StaticFiles
from websockets.sync.client import connect

from evalnb.settings import Settings


@dataclass(frozen=True)
class Served:
    """An API in this process, on a real port; ``token`` is its home's."""

    base: str
    token: str
    hub: Hub
    connections: Callable[[], int]
    """How many the server holds now."""
    cut: Callable[[], None]
    """Break them all, without a goodbye."""


@contextmanager
def serving_here(settings: Settings, *, pages: Path | None = None) -> Iterator[Served]:
    """Serve from a thread of this process, as ``python -m evalnb_server`` would; ``pages`` under /pages."""
    app = create_app(settings)
    if pages is not None:
        app.mount("/pages", StaticFiles(directory=pages))
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=3, **SOCKETS
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started or not thread.is_alive())
    assert server.started
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(
            base=f"http://127.0.0.1:{port}",
            token=app.state.token,
            hub=app.state.hub,
            connections=lambda: len(server.server_state.connections),
            cut=lambda: _abort(server),
        )
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def _abort(server: uvicorn.Server) -> None:
    # A transport is its loop's thread's alone: uvloop's crashes when another thread closes it.
    for one in list(server.server_state.connections):
        one.loop.call_soon_threadsafe(one.transport.abort)


def until(fact: Any, timeout_s: float = 30) -> None:
    """Wait for a fact."""
    end = time.monotonic() + timeout_s
    while not fact():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


class Wire:
    """One WebSocket. Not for two threads at once."""

    def __init__(self, base: str, token: str = "", *, ticket: str | None = None, **options: Any) -> None:
        shown = take_ticket(base, token) if ticket is None else ticket
        self.socket = connect(
            base.replace("http", "ws") + "/api/live",
            **{"max_size": None, "proxy": None, "open_timeout": 20, "legacy": True, **options},
        )
        self.numbers = itertools.count(1)
        self.pushes: list[dict[str, Any]] = []
        self.say({"ticket": shown})

    def say(self, message: Any) -> None:
        """Send any message."""
        self.socket.send(json.dumps(message))

    def hear(self, timeout_s: float = 20) -> tuple[dict[str, Any], list[bytes]]:
        """The next message."""
        return decode(self.socket.recv(timeout=timeout_s))

    def tell(self, dataset_id: int, **ask: Any) -> int:
        """Send an ask; its number."""
        number = next(self.numbers)
        self.say({"id": number, "dataset": dataset_id, **ask})
        return number

    def answer(self, number: int) -> tuple[dict[str, Any], list[bytes]]:
        """The message that answers; what is pushed meanwhile is kept."""
        while True:
            message, buffers = self.hear()
            if message.get("id") == number:
                return message, buffers
            self.pushes.append(message)

    def ask(self, dataset_id: int, **ask: Any) -> dict[str, Any]:
        """Send an ask; its reply. A refusal fails the test."""
        message, _ = self.answer(self.tell(dataset_id, **ask))
        assert "ok" in message, message
        reply: dict[str, Any] = message["ok"]
        return reply

    def refused(self, dataset_id: int, **ask: Any) -> dict[str, Any]:
        """Send an ask that must be refused; the refusal."""
        message, _ = self.answer(self.tell(dataset_id, **ask))
        assert "error" in message, message
        refusal: dict[str, Any] = message["error"]
        return refusal

    def pushed(self, kind: str, timeout_s: float = 20) -> dict[str, Any]:
        """The next push of that kind."""
        while True:
            for place, push in enumerate(self.pushes):
                if push["push"] == kind:
                    return self.pushes.pop(place)
            message, _ = self.hear(timeout_s)
            self.pushes.append(message)

    def close(self) -> None:
        """End it politely."""
        self.socket.close()


def take_ticket(base: str, token: str) -> str:
    """A ticket for whoever has the token."""
    answer = httpx.post(
        f"{base}/api/live/ticket", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30
    )
    assert answer.status_code == 200, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


def create(x: float = 10, *, shape_id: UUID | None = None, **patch: Any) -> dict[str, Any]:
    """An op on the wire that draws a box."""
    return {
        "client_op_id": str(uuid4()),
        "shape_id": str(shape_id or uuid4()),
        "base_rev": 0,
        "action": "create",
        "patch": {"class_id": 7, "geometry": {"kind": "box", "box": [x, 20, 30, 40]}, **patch},
    }
