"""One gigabyte uploaded while its server is killed twenty times at random places.

A home of its own with a real PostgreSQL, a real server process, a client that does what tus clients do: ask for the
offset, send the rest, and again when the connection breaks. Asserts that the blob is the file; prints the server's
greatest resident memory, what the kills cost, and CPU times. JSON in benchmarks/results.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.embedded import postgres, valkey
from evalnb.store.repositories import projects
from evalnb.store.repositories import uploads as rows
from tests.tus import Server, Tus

RESULTS = Path(__file__).parent / "results" / "uploads.json"
LIMIT_MB = 200
PIECE_BYTES = 1 << 18


def generate(path: Path, megabytes: int) -> str:
    """Random bytes, the same each time; their SHA-256."""
    chance, digest = random.Random(2026), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(megabytes):
            piece = chance.randbytes(1_000_000)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


class Watch:
    """The greatest resident memory and the CPU time of a process, looked at until it ends."""

    def __init__(self, pid: int) -> None:
        self.began_mb = self.peak_mb = self.cpu_s = 0.0
        self._process = psutil.Process(pid)
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._stop = threading.Event()
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            try:
                with self._process.oneshot():
                    here = self._process.memory_info().rss / 1e6
                    times = self._process.cpu_times()
            except psutil.Error:
                return
            self.began_mb = self.began_mb or here
            self.peak_mb, self.cpu_s = max(self.peak_mb, here), times.user + times.system

    def end(self) -> None:
        self._stop.set()
        self._thread.join()


def body(path: Path, offset: int, strike: int, server: Server) -> Iterator[bytes]:
    """The file from ``offset``; the server is killed when ``strike`` bytes of that were sent."""
    sent = 0
    with path.open("rb") as file:
        file.seek(offset)
        while piece := file.read(PIECE_BYTES):
            if sent >= strike:
                server.kill()
            sent += len(piece)
            yield piece


def upload(server: Server, tus: Tus, path: Path, *, project: int, kills: int) -> dict[str, Any]:
    """Upload the file through ``kills`` kills; what it cost."""
    length = path.stat().st_size
    chance = random.Random(20)
    where = tus.begun(length, project=project, filename="gigabyte.zip", purpose="images-zip", dataset="d")
    watches: list[Watch] = []
    lost: list[int] = []
    began = time.perf_counter()
    down_s = 0.0
    while (offset := tus.offset(where)) < length:
        assert server.process is not None
        watches.append(Watch(server.process.pid))
        # On average one kill for each twentieth of the file.
        last = len(lost) == kills
        strike = length if last else chance.randrange(2 * length // (kills + 1))
        # A strike behind the end would be none: then it comes in the middle of what is left.
        strike = strike if last or strike < length - offset else (length - offset) // 2
        try:
            tus.patch(where, offset, body(path, offset, strike, server), Content_Length=str(length - offset))
        except httpx.TransportError:
            start = time.perf_counter()
            server.start()
            down_s += time.perf_counter() - start
            lost.append(offset + strike - tus.offset(where))
        watches[-1].end()
    return {
        "upload_id": where.rpartition("/")[2],
        "kills": len(lost),
        "lost_mb": [round(one / 1e6, 2) for one in lost],
        "lost_median_mb": round(statistics.median(lost) / 1e6, 2) if lost else 0.0,
        "peak_mb": round(max(one.peak_mb for one in watches), 1),
        "cpu_s": round(sum(one.cpu_s for one in watches), 2),
        "wall_s": round(time.perf_counter() - began - down_s, 2),
        "restarts_s": round(down_s, 2),
    }


def blob_of(store: Store, upload_id: str) -> str:
    """The SHA-256 of what the store holds, read from its disk; it must be what the row says."""
    from uuid import UUID

    with store.database.transaction() as session:
        record = rows.get(session, UUID(upload_id))
    assert record.sha256 is not None and record.state == "processing", record
    with store.blobs.local_path(record.sha256).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    assert found == record.sha256
    return found


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--mb", type=int, default=1000)
    asked.add_argument("--kills", type=int, default=20)
    asked.add_argument("--no-save", action="store_true")
    chosen = asked.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evup"))
    settings = Settings.from_environment({"EVALNB_HOME": str(folder / "home"), "HOME": str(folder)})
    try:
        store = open_store(settings)
        with store.database.transaction() as session:
            project = projects.opened(session, "benchmark")
        path = folder / "gigabyte"
        sha256 = generate(path, chosen.mb)
        with Server(settings, folder / "api.log") as server:
            tus = Tus(server.base, token=(settings.home / "run" / "api-token").read_text())
            assert server.process is not None
            idle_mb = psutil.Process(server.process.pid).memory_info().rss / 1e6
            found = upload(server, tus, path, project=project, kills=chosen.kills)
        assert blob_of(store, found.pop("upload_id")) == sha256, "the blob is not the file"
        assert not list(store.blobs.incoming.iterdir())
        store.close()
    finally:
        postgres.stop(settings.home)
        valkey.stop(settings.home)
        shutil.rmtree(folder, ignore_errors=True)
    said = {
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg()[0],
        "mb": chosen.mb,
        "sha256_equal": True,
        "idle_mb": round(idle_mb, 1),
        **found,
    }
    print(f"{chosen.mb} MB, {found['kills']} kills: SHA-256 equal")
    print(
        f"  server   {idle_mb:.0f} MB idle, {found['peak_mb']:.0f} at most (limit {LIMIT_MB}), {found['cpu_s']} s CPU"
    )
    print(f"  a kill   costs {found['lost_median_mb']} MB (median), {max(found['lost_mb'], default=0)} MB at most")
    print(f"  wall     {found['wall_s']} s, and {found['restarts_s']} s of restarts; load {said['load']:.1f}")
    if not chosen.no_save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
