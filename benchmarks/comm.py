"""How long a widget waits for its kernel, through a real Jupyter server's websocket, with and without the extension.

One request in flight; each reply carries 6 KB, as a mask preview does. Prints a table; JSON in benchmarks/results.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

REQUESTS = 150
REPLY_BYTES = 6_000
RESULTS = Path(__file__).parent / "results" / "comm.json"

KERNEL_HALF = f"""
from comm import get_comm_manager
def opened(comm, message):
    comm.on_msg(lambda m: comm.send({{"n": m["content"]["data"]["n"]}}, buffers=[bytes({REPLY_BYTES})]))
get_comm_manager().register_target("bench", opened)
"""


class Server:
    """A Jupyter server in a folder of its own, with our extension on or off."""

    def __init__(self, folder: Path, *, extension: bool, base: str = "/") -> None:
        self.base = base
        self.token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        switches = {"evalnb.jupyter_extension": extension, "jupyterlab": False, "voila.server_extension": False}
        (folder / "jupyter_server_config.json").write_text(
            json.dumps({"ServerApp": {"jpserver_extensions": switches}})
        )
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                f"--ServerApp.port={self.port}",
                f"--IdentityProvider.token={self.token}",
                f"--ServerApp.root_dir={folder}",
                f"--ServerApp.base_url={base}",
            ],
            env={**os.environ, "JUPYTER_RUNTIME_DIR": str(folder), "JUPYTER_CONFIG_DIR": str(folder)},
            stderr=subprocess.DEVNULL,
        )

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self.base}api/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)

    def wait(self) -> None:
        for _ in range(300):
            try:
                self.call("status")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the Jupyter server did not start")


def message(kind: str, session: str, content: dict[str, Any]) -> str:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": session, "username": "", "version": "5.3"}
    return json.dumps(
        {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
    )


def read(raw: Any) -> dict[str, Any]:
    """A message of Jupyter's first websocket protocol; with buffers it is binary, JSON first."""
    if isinstance(raw, bytes):
        start, end = int.from_bytes(raw[4:8], "big"), int.from_bytes(raw[8:12], "big")
        raw = raw[start:end]
    out: dict[str, Any] = json.loads(raw)
    return out


async def until(connection: WebSocketClientConnection, wanted: Any) -> dict[str, Any]:
    while True:
        raw = await connection.read_message()
        if raw is None:
            raise SystemExit("the Jupyter server closed the websocket")
        if wanted(one := read(raw)):
            return one


async def measure(server: Server, *, pause_s: float) -> list[float]:
    """Milliseconds from request to reply, one after the other."""
    kernel = server.call("kernels", {"name": "python3"})["id"]
    session, comm_id = uuid.uuid4().hex, uuid.uuid4().hex
    url = f"ws://127.0.0.1:{server.port}{server.base}api/kernels/{kernel}/channels?session_id={session}"
    connection = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {server.token}"}))
    code = {
        "code": KERNEL_HALF,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
    }
    await connection.write_message(message("execute_request", session, code))
    await until(connection, lambda one: one["msg_type"] == "execute_reply")
    await connection.write_message(
        message("comm_open", session, {"comm_id": comm_id, "target_name": "bench", "data": {}})
    )
    times = []
    for n in range(REQUESTS):
        begin = time.perf_counter()
        await connection.write_message(message("comm_msg", session, {"comm_id": comm_id, "data": {"n": n}}))
        await until(connection, lambda one, n=n: one["content"].get("data", {}) == {"n": n})
        times.append((time.perf_counter() - begin) * 1e3)
        if pause_s:
            await asyncio.sleep(max(0.0, pause_s - times[-1] / 1e3))
    connection.close()
    return times[REQUESTS // 10 :]


def main() -> None:
    rows: list[dict[str, Any]] = []
    for extension in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder), extension=extension)
            try:
                server.wait()
                for name, pause_s in (("back to back", 0.0), ("at 60 Hz", 1 / 60)):
                    times = asyncio.run(measure(server, pause_s=pause_s))
                    ranks = statistics.quantiles(times, n=20)
                    rows.append(
                        {
                            "what": name,
                            "extension": extension,
                            "p50_ms": round(statistics.median(times), 1),
                            "p95_ms": round(ranks[18], 1),
                        }
                    )
            finally:
                server.process.terminate()
                server.process.wait()
    print(f"{'':14}{'extension':>10}{'p50 ms':>10}{'p95 ms':>10}")
    for row in rows:
        print(f"{row['what']:14}{'on' if row['extension'] else 'off':>10}{row['p50_ms']:>10}{row['p95_ms']:>10}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"reply_bytes": REPLY_BYTES, "requests": REQUESTS, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
