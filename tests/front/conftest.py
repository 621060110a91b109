"""The front in this process, before small real servers."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from evalnb_server.front.server import Front
from evalnb_server.front.visit import Limits
from starlette.applications import Starlette

from evalnb.cli.supervision.runfile import RunDirectory
from evalnb.settings import Settings

QUICK = Limits(idle_s=5, head_s=0.4, body_s=0.4, stalled_s=60, linger_s=1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(fact: Any, *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


@contextmanager
def serving(app: Starlette, port: int, **more: Any) -> Iterator[uvicorn.Server]:
    """A real server with this application."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", **more)
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield server
    finally:
        server.should_exit = server.force_exit = True
        thread.join(20)


class Doorway:
    """A front, and the home that it reads."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.run = RunDirectory(home)
        self.token = self.run.api_token()

    def behind(self, **ports: tuple[str, str, int]) -> None:
        """Write what stands behind: name = (title, prefix, port)."""
        backends = {
            name: {
                "title": title,
                "prefix": prefix,
                "host": "127.0.0.1",
                "port": port,
                "secret": "" if name == "portal" else f"secret-of-{name}",
                "log": f"/logs/{name}.log",
            }
            for name, (title, prefix, port) in ports.items()
        }
        left_out = {} if "portal" in ports else {"portal": "the portal is left out: Node ≥ 20 was not found"}
        self.run.write_backends(json.loads(json.dumps({"backends": backends, "left_out": left_out})))

    def person(self, **more: Any) -> httpx.Client:
        """A browser that has followed the sign-in link."""
        reply = httpx.get(f"{self.url}/?token={self.token}", headers={"Accept": "text/html"}, trust_env=False)
        assert reply.status_code == 303, reply.text
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30, cookies=reply.cookies, **more)

    def program(self) -> httpx.Client:
        """A program that has the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30, headers=headers)


@contextmanager
def standing(home: Path, *, limits: Limits | None = None) -> Iterator[Doorway]:
    """A front on a free port."""
    port = free_port()
    doorway = Doorway(home, port)
    doorway.behind()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()
    settings = Settings.from_environment({"EVALNB_HOME": str(home)})

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(Front(settings, limits=limits).serve("127.0.0.1", port, ended=ended))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        yield doorway
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(20)


@pytest.fixture
def doorway(tmp_path: Path) -> Iterator[Doorway]:
    """A front with nothing behind it yet."""
    with standing(tmp_path, limits=QUICK) as found:
        yield found
