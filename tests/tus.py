"""A tus client that says exactly what a test wants said, and a server that may be killed and started again."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

from evalnb.settings import Settings

CONTENT_TYPE = "application/offset+octet-stream"


def metadata(**said: object) -> str:
    """Upload-Metadata."""
    return ",".join(f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in said.items())


class Server:
    """The API in a process of its own, always on the same port."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._settings = settings
        self._log = log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "evalnb_server", "--port", str(self.port)],
                env={**os.environ, **self._settings.to_environment()},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + 120
        while True:
            assert self.process.poll() is None and time.monotonic() < until, self._log.read_text()
            try:
                httpx.get(f"{self.base}/api/health", trust_env=False)
                return self
            except httpx.TransportError:
                time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, now."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Tus:
    """Uploads to one API, as one caller."""

    def __init__(self, base: str, *, token: str | None = None, headers: dict[str, str] | None = None) -> None:
        self.headers = {"Tus-Resumable": "1.0.0", **(headers or {})}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=120)

    def ask(
        self, method: str, path: str, *, content: bytes | Iterable[bytes] | None = None, **headers: str
    ) -> httpx.Response:
        """A request; ``Upload_Offset="3"`` is a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, path, content=content, headers={**self.headers, **named})

    def create(self, length: int, *, content: bytes | None = None, **said: object) -> httpx.Response:
        more = {} if content is None else {"Content_Type": CONTENT_TYPE}
        return self.ask(
            "POST",
            "/api/uploads",
            content=content,
            Upload_Length=str(length),
            Upload_Metadata=metadata(**said),
            **more,
        )

    def begun(self, length: int, **said: object) -> str:
        """The path of a new upload."""
        answer = self.create(length, **said)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def patch(self, path: str, offset: int, content: bytes | Iterable[bytes], **headers: str) -> httpx.Response:
        return self.ask(
            "PATCH", path, content=content, Upload_Offset=str(offset), **{"Content_Type": CONTENT_TYPE, **headers}
        )

    def offset(self, path: str) -> int:
        answer = self.ask("HEAD", path)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    def status(self, path: str) -> dict[str, Any]:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def pieces(content: bytes, size: int = 1 << 16) -> Iterator[bytes]:
    """The content, piece by piece."""
    for at in range(0, len(content), size):
        yield content[at : at + size]
