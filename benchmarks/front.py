"""What the front adds: to a kernel's answers, to a frame of 10 MB, to an upload of 1 GB, to a small question.

Loopback, one client at a time. Milliseconds are what the client waits; processor time is the front's own. Prints a
table; JSON in benchmarks/results.
"""

from __future__ import annotations

import asyncio
import copy
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from benchmarks.comm import Server, measure
from evalnb.cli.supervision.runfile import RunDirectory

UPLOAD_BYTES = 1 << 30
FRAME_BYTES = 10_000_000
FRAMES = 20
QUESTIONS = 1_000
RESULTS = Path(__file__).parent / "results" / "front.json"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def front(home: Path, behind: int, secret: str) -> Iterator[tuple[int, psutil.Process]]:
    """A front whose JupyterLab is at the port ``behind``."""
    run = RunDirectory(home)
    run.api_token()
    lab = {
        "title": "JupyterLab",
        "prefix": "/jupyter/",
        "host": "127.0.0.1",
        "port": behind,
        "secret": secret,
        "log": "",
    }
    run.write_backends({"backends": {"lab": lab}, "left_out": {}})
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "evalnb_server.front", "--port", str(port)],
        env={**os.environ, "EVALNB_HOME": str(home)},
        stderr=subprocess.DEVNULL,
    )
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


class Sink:
    """A server that takes uploads and answers small questions, with as little work as there can be."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        room = bytearray(1 << 20)
        held = b""
        while True:
            while b"\r\n\r\n" not in held:
                part = connection.recv(65536)
                if not part:
                    return
                held += part
            head, _, held = held.partition(b"\r\n\r\n")
            lower = head.lower()
            left = int(lower.partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0") - len(held)
            while left > 0:
                left -= connection.recv_into(room, min(left, len(room)))
            held = b""
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def upload(port: int, token: str) -> None:
    part = bytes(1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            f"PUT /jupyter/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: token {token}\r\n"
            f"Content-Length: {UPLOAD_BYTES}\r\n\r\n".encode()
        )
        for _ in range(UPLOAD_BYTES >> 20):
            client.sendall(part)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


def questions(port: int, token: str) -> list[float]:
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.connect()
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times = []
    for _ in range(QUESTIONS):
        begin = time.perf_counter()
        client.request("GET", "/jupyter/x", headers={"Authorization": f"token {token}"})
        client.getresponse().read()
        times.append((time.perf_counter() - begin) * 1e3)
    return times


def frames(port: int, token: str) -> list[float]:
    frame = bytes(FRAME_BYTES)
    headers = {"Authorization": f"token {token}"}
    address = f"ws://127.0.0.1:{port}/jupyter/x"
    times = []
    with connect(address, additional_headers=headers, compression=None, max_size=None, proxy=None) as client:
        for _ in range(FRAMES):
            begin = time.perf_counter()
            client.send(frame)
            client.recv()
            times.append((time.perf_counter() - begin) * 1e3)
    return times


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def spent(process: psutil.Process, work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gives, its seconds, and the process's own processor seconds."""
    used = process.cpu_times()
    begin = time.perf_counter()
    found = work()
    wall = time.perf_counter() - begin
    now = process.cpu_times()
    return found, wall, now.user + now.system - used.user - used.system


def compare_bytes() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    me = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        sink = Sink()
        token = RunDirectory(Path(folder)).api_token()
        with front(Path(folder), sink.port, "secret") as (port, process):
            questions(port, token)
            straight = statistics.median(questions(sink.port, token))
            through, _, used = spent(process, lambda: questions(port, token))
            rows.append(row("small question", "ms", straight, statistics.median(through), used / QUESTIONS * 1e3))
            _, straight, _ = spent(me, lambda: upload(sink.port, token))
            before = process.memory_info().rss
            _, wall, used = spent(process, lambda: upload(port, token))
            rows.append(row("upload of 1 GB", "s", straight, wall, used * 1e3))
            rows[-1]["memory_mb"] = round((process.memory_info().rss - before) / 1e6, 1)
        server = serve(echo, "127.0.0.1", 0, compression=None, max_size=None)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        behind = server.socket.getsockname()[1]
        with front(Path(folder), behind, "secret") as (port, process):
            straight = statistics.median(frames(behind, token))
            through, _, used = spent(process, lambda: frames(port, token))
            rows.append(
                row("10 MB frame, there and back", "ms", straight, statistics.median(through), used / FRAMES * 1e3)
            )
        server.shutdown()
    return rows


def compare_kernels() -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), extension=True, base="/jupyter/")
        try:
            server.wait()
            token = RunDirectory(Path(folder)).api_token()
            with front(Path(folder), server.port, server.token) as (port, process):
                by_front = copy.copy(server)
                by_front.port, by_front.token = port, token
                asyncio.run(measure(server, pause_s=0))
                straight = asyncio.run(measure(server, pause_s=0))
                through, _, used = spent(process, lambda: asyncio.run(measure(by_front, pause_s=0)))
                median = statistics.median
                rows.append(row("kernel's answer, 6 KB", "ms", median(straight), median(through), used / 150 * 1e3))
        finally:
            server.process.terminate()
            server.process.wait()
    return rows


def row(what: str, unit: str, straight: float, through: float, processor_ms: float) -> dict[str, Any]:
    return {
        "what": what,
        "unit": unit,
        "straight_p50": round(straight, 3),
        "through_p50": round(through, 3),
        "front_processor_ms": round(processor_ms, 3),
    }


def main() -> None:
    rows = [*compare_kernels(), *compare_bytes()]
    print(f"{'':30}{'straight':>12}{'by the front':>14}{'its processor time':>20}")
    for one in rows:
        told = [f"{one[name]} {one['unit']}" for name in ("straight_p50", "through_p50")]
        print(f"{one['what']:30}{told[0]:>12}{told[1]:>14}{one['front_processor_ms']:>17} ms")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
