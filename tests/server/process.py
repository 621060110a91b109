"""The API as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from evalnb.settings import Settings


@dataclass(frozen=True)
class Api:
    base: str
    token: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, **params: int | str) -> httpx.Response:
        return httpx.get(
            f"{self.base}{path}", params=params, headers={"Authorization": f"Bearer {self.token}"}, trust_env=False
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(settings: Settings, log: Path) -> Iterator[Api]:
    port = free_port()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "evalnb_server", "--port", str(port)],
            env={**os.environ, **settings.to_environment()},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            try:
                httpx.get(f"{base}/api/health", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield Api(base, (settings.home / "run" / "api-token").read_text(), process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) is not None
