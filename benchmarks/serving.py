"""Predictions over HTTP: how long one takes, how many go through, and what batches are made of.

A server of its own in a temporary home, with yolo11n (random weights; the work is the same) at 320 px, and clients
that each ask again as soon as they are answered. Prints a table; JSON in benchmarks/results. ``--clients 1 4 16``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from evalnb.registry import aliases, models
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.store.embedded import postgres, valkey
from evalnb.store.repositories import projects
from tests.detectors import make_weights

RESULTS = Path(__file__).parent / "results" / "serving.json"


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).resize((640, 480)).save(out, "JPEG", quality=90)
    return out.getvalue()


def numbers(api: httpx.Client) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(api.get("/api/metrics").text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def load(base: str, token: str, project: int, clients: int, seconds: float) -> dict[str, Any]:
    """So many clients for so long."""
    took: list[float] = []
    refused: list[int] = []
    ends = time.monotonic() + seconds

    def client(n: int) -> None:
        content = picture(n)
        with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as api:
            while time.monotonic() < ends:
                began = time.perf_counter()
                answer = api.post("/api/predict/live", params={"project": project}, content=content, timeout=60)
                (took if answer.status_code == 200 else refused).append((time.perf_counter() - began) * 1000)

    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as api:
        before = numbers(api)
        threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        after = numbers(api)
    batches = after["evalnb_predict_batch_images_count"] - before["evalnb_predict_batch_images_count"]
    images = after["evalnb_predict_batch_images_sum"] - before["evalnb_predict_batch_images_sum"]
    return {
        "clients": clients,
        "per_s": round(len(took) / seconds, 1),
        "median_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
        "mean_batch": round(images / max(batches, 1), 2),
        "refused": len(refused),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ev") as place:
        home = Path(place)
        settings = Settings.from_environment({"EVALNB_HOME": str(home), "EVALNB_OFFLINE": "1", "HOME": str(home)})
        store = open_store(settings)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with (home / "api.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "evalnb_server", "--port", str(port)],
                env=settings.child_environment(),
                stdout=log,
                stderr=log,
            )
        try:
            weights = make_weights(home / "w.safetensors", home, ["a", "b", "c"], image_size=320)
            with store.database.transaction() as session:
                project = projects.opened(session, "main")
            version = models.register(store, project, "yolo11n", weights, name="detector")
            with store.database.transaction() as session:
                aliases.point(session, project, "live", version, author="benchmark")
            base = f"http://127.0.0.1:{port}"
            while True:
                try:
                    httpx.get(f"{base}/api/health/ready", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            token = (home / "run" / "api-token").read_text()
            began = time.perf_counter()
            httpx.post(
                f"{base}/api/predict/live",
                params={"project": project, "deadline_ms": 120_000},
                content=picture(0),
                headers={"Authorization": f"Bearer {token}"},
                timeout=130,
                trust_env=False,
            ).raise_for_status()
            first_s = round(time.perf_counter() - began, 2)
            rows = [load(base, token, project, clients, asked.seconds) for clients in asked.clients]
            server = psutil.Process(process.pid)
            memory = {
                "api_mb": round(server.memory_info().rss / 1e6),
                "children_mb": [round(one.memory_info().rss / 1e6) for one in server.children(recursive=True)],
            }
        finally:
            process.terminate()
            process.wait(20)
            store.close()
            postgres.stop(home)
            valkey.stop(home)
    found = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "load": os.getloadavg()[0]},
        "first_answer_s": first_s,
        "rows": rows,
        "memory": memory,
    }
    print(f"first answer {first_s} s; {memory}")
    for row in rows:
        print(", ".join(f"{key} {value}" for key, value in row.items()))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
