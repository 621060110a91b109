"""Predictions over HTTP: a real server, a real detector in its own process, real deadlines and real crashes."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import psycopg
import pytest
import uvicorn
from evalnb_server.app import create_app
from evalnb_server.serving import Predictor
from evalnb_server.serving import predictor as predictor_module
from evalnb_server.serving.batcher import Limits
from PIL import Image
from psycopg import sql

from evalnb import accounts, models
from evalnb.registry import models as registry
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.repositories import projects
from evalnb.store.tables import ServedPredictionRow
from tests.conftest import database_url
from tests.detectors import make_dataset, make_weights

CLASSES = ["bolt", "nut", "washer"]


def picture(seed: int, size: tuple[int, int] = (80, 64)) -> bytes:
    blocks = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Shop:
    """A server with a project, two versions of a detector, and its own way in."""

    base: str
    app: Any
    store: Store
    token: str
    project: int
    dataset: int
    versions: tuple[int, int]

    def post(self, path: str, content: bytes = b"", *, token: str | None = None, **params: Any) -> httpx.Response:
        return self.ask("POST", path, content=content, params=params, token=token)

    def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.request(method, f"{self.base}{path}", headers=headers, timeout=240, trust_env=False, **more)

    def predict(self, content: bytes, alias: str = "live", **params: Any) -> httpx.Response:
        # Long: the first answer waits for torch, on a machine that has other things to do.
        wanted = {"project": self.project, "deadline_ms": 120_000, **params}
        return self.post(f"/api/predict/{alias}", content, **wanted)

    def point(self, alias: str, champion: int, **more: Any) -> httpx.Response:
        path = f"/api/projects/{self.project}/aliases/{alias}"
        return self.ask("PUT", path, json={"champion_id": champion, **more})

    @property
    def predictor(self) -> Predictor:
        found: Predictor = self.app.state.predictor
        return found

    def pid(self, version: int) -> int:
        found = self.predictor.residents.pids()[version]
        assert found is not None
        return found

    def number(self, name: str, **labels: str) -> float:
        return self.app.state.metrics.registry.get_sample_value(name, labels) or 0.0


def until(fact: Callable[[], object], *, within_s: float = 120.0) -> None:
    ends = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def shop(
    home: Path, server_url: str, template: str, server_broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    name = f"shop_{uuid.uuid4().hex[:12]}"
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
            "EVALNB_BLOBS_URL": str(folder / "blobs"),
            "EVALNB_DEVICE": "cpu",
            "EVALNB_RESIDENT_MODELS": "2",
            "EVALNB_OFFLINE": "1",
        }
    )
    store = open_store(settings)
    with store.database.transaction() as session:
        project = projects.opened(session, "test")
    versions = []
    for seed in (0, 1):
        weights = make_weights(folder / f"{seed}.safetensors", home, CLASSES, seed=seed)
        versions.append(registry.register(store, project, "yolo11n", weights, name="detector"))
    _, dataset = make_dataset(store, folder / "pictures", count=2, classes=CLASSES)
    app = create_app(settings)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started)
        yield Shop(
            base=f"http://127.0.0.1:{listener.getsockname()[1]}",
            app=app,
            store=store,
            token=app.state.token,
            project=project,
            dataset=dataset,
            versions=(versions[0], versions[1]),
        )
        server.should_exit = True
        thread.join(60)
    store.close()
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def live(shop: Shop) -> Shop:
    """With the alias ``live`` on the first version alone, whose model is loaded."""
    assert shop.point("live", shop.versions[0]).status_code == 200
    assert shop.predict(picture(0)).status_code == 200
    return shop


def test_an_alias_answers_with_what_its_model_finds_whatever_goes_with_it(shop: Shop) -> None:
    assert shop.predict(picture(0), alias="nobody").status_code == 404
    assert shop.point("live", shop.versions[0]).json()["alias"]["champion"]["number"] == 1
    with shop.store.database.transaction() as session:
        version = registry.rows.get(session, shop.versions[0])
    detector = models.detector(
        version.architecture,
        shop.store.blobs.local_path(version.sha256),
        class_names=version.class_names,
        device="cpu",
        home=shop.store.settings.home,
    )
    images = [picture(seed, (80, 64) if seed % 2 else (64, 96)) for seed in range(12)]
    alone = [
        detector.detect([np.asarray(Image.open(io.BytesIO(one)))], confidence=0.001 * (1 + n), max_detections=5 + n)[
            0
        ]
        for n, one in enumerate(images)
    ]
    with ThreadPoolExecutor(12) as pool:
        said = list(
            pool.map(lambda n: shop.predict(images[n], confidence=0.001 * (1 + n), max_detections=5 + n), range(12))
        )
    assert [one.status_code for one in said] == [200] * 12, [one.text for one in said]
    answers = [one.json() for one in said]
    assert max(one["batch"] for one in answers) > 1
    assert sum(len(one["detections"]) for one in answers) > 12
    for answer, expected, image in zip(answers, alone, images, strict=True):
        assert (answer["width"], answer["height"]) == Image.open(io.BytesIO(image)).size
        assert [one["class_name"] for one in answer["detections"]] == [CLASSES[i] for i in expected.class_index]
        assert np.allclose([one["score"] for one in answer["detections"]], expected.score, atol=1e-4)
        assert np.allclose([one["box"] for one in answer["detections"]], expected.box, atol=1e-2)
    assert shop.number("evalnb_predict_requests_total", outcome="answered") == 12


def test_an_image_of_a_dataset_may_be_asked_about(live: Shop) -> None:
    with live.store.database.transaction() as session:
        from evalnb.store.repositories import images

        (image_id, _) = images.ids(session, live.dataset).tolist()
    answer = live.predict(b"", image_id=image_id, confidence=0.01)
    assert answer.status_code == 200 and (answer.json()["width"], answer.json()["height"]) == (64, 48)
    assert live.predict(b"", image_id=10**9).status_code == 404


def test_a_key_keeps_its_version_and_outcomes_are_compared(shop: Shop) -> None:
    one, two = shop.versions
    assert shop.point("split", one, challenger_id=two, share=0.5).status_code == 200
    seen: dict[str, set[str]] = {}
    for n in range(24):
        key = f"camera-{n % 8}"
        answer = shop.predict(picture(n), alias="split", key=key).json()
        seen.setdefault(key, set()).add(answer["arm"])
        right = answer["arm"] == "challenger"
        said = shop.ask("POST", f"/api/predictions/{answer['id']}/outcome", json={"outcome": right})
        assert said.status_code == 200 and said.json() == {"id": answer["id"], "outcome": float(right)}
    assert all(len(arms) == 1 for arms in seen.values()) and len(set.union(*seen.values())) == 2
    found = shop.ask("GET", f"/api/projects/{shop.project}/aliases/split/outcomes").json()
    assert (found["champion"]["mean"], found["challenger"]["mean"], found["difference"]) == (0.0, 1.0, 1.0)
    assert found["champion"]["units"] + found["challenger"]["units"] == 8
    assert found["champion"]["served"] + found["challenger"]["served"] == 24
    assert found["low"] < 1 and found["sentence"].startswith("detector v2 was right in 100.0% of")
    history = shop.ask("GET", f"/api/projects/{shop.project}/aliases/split").json()["history"]
    assert [(change["champion_id"], change["challenger_id"]) for change in history] == [(one, two)]
    assert shop.ask("POST", f"/api/predictions/{uuid.uuid4()}/outcome", json={"outcome": True}).status_code == 404
    assert shop.ask("POST", f"/api/predictions/{answer['id']}/outcome", json={"outcome": 1.5}).status_code == 422
    assert shop.ask("DELETE", f"/api/projects/{shop.project}/aliases/split").status_code == 204
    assert shop.predict(picture(0), alias="split").status_code == 404


def test_a_deadline_that_passes_is_504_and_a_full_queue_503(live: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = live.predictor.residents._here[live.versions[0]]
    monkeypatch.setattr(resident.batches, "_limits", Limits(batch=1, wait_s=0.0, queue=2))
    process = psutil.Process(live.pid(live.versions[0]))
    process.suspend()
    try:
        with ThreadPoolExecutor(2) as pool:
            running = pool.submit(live.predict, picture(1))
            until(lambda: resident.batches._running == 1)
            late = live.predict(picture(2), deadline_ms=300)
            assert late.status_code == 504 and "deadline_ms" in late.json()["remedy"]
            until(lambda: live.number("evalnb_predict_waiting_images") == 1)
            waiting = pool.submit(live.predict, picture(3))
            until(lambda: live.number("evalnb_predict_waiting_images") == 2)
            full = live.predict(picture(4))
            assert full.status_code == 503 and int(full.headers["retry-after"]) >= 1
            process.resume()
            assert (running.result().status_code, waiting.result().status_code) == (200, 200)
    finally:
        process.resume()
    until(lambda: live.number("evalnb_predict_waiting_images") == 0)
    assert live.predict(picture(5)).status_code == 200


def test_a_client_that_goes_away_is_dropped_from_the_queue(live: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = live.predictor.residents._here[live.versions[0]]
    monkeypatch.setattr(resident.batches, "_limits", Limits(batch=1, wait_s=0.0))
    gone = live.number("evalnb_predict_requests_total", outcome="gone")
    process = psutil.Process(live.pid(live.versions[0]))
    process.suspend()
    try:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(live.predict, picture(1), key="running")
            until(lambda: live.number("evalnb_predict_waiting_images") == 1 and resident.batches._running == 1)
            with pytest.raises(httpx.TimeoutException):
                httpx.post(
                    f"{live.base}/api/predict/live",
                    params={"project": live.project, "key": "impatient"},
                    content=picture(2),
                    headers={"Authorization": f"Bearer {live.token}"},
                    timeout=httpx.Timeout(60, read=1.0),
                    trust_env=False,
                )
            until(lambda: live.number("evalnb_predict_requests_total", outcome="gone") == gone + 1)
            process.resume()
            assert running.result().status_code == 200
    finally:
        process.resume()
    assert live.predict(picture(3), key="after").status_code == 200
    with live.store.database.transaction() as session:
        keys = {row.key for row in session.query(ServedPredictionRow).all()}
    assert {"running", "after"} <= keys and "impatient" not in keys


def test_a_model_whose_process_dies_comes_back(live: Shop) -> None:
    before = live.pid(live.versions[0])
    answer = live.predict(picture(5), confidence=0.01).json()["detections"]
    os.kill(before, signal.SIGKILL)
    assert live.predict(picture(5), confidence=0.01).json()["detections"] == answer
    # In the middle of a batch, too: its images are asked about again.
    now = psutil.Process(live.pid(live.versions[0]))
    assert now.pid != before
    now.suspend()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live.predict, picture(5), confidence=0.01)
        resident = live.predictor.residents._here[live.versions[0]]
        until(lambda: resident.batches._running == 1)
        now.kill()
        assert waiting.result().json()["detections"] == answer


def test_the_least_recently_used_model_makes_room(live: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever the tests before this one have left in memory.
    live.predictor.residents.close()
    monkeypatch.setattr(live.predictor.residents, "_most", 1)
    one, two = live.versions
    assert live.predict(picture(0)).status_code == 200
    first = psutil.Process(live.pid(one))
    assert live.point("other", two).status_code == 200
    assert live.predict(picture(0), alias="other").status_code == 200
    assert list(live.predictor.residents.pids()) == [two]
    first.wait(10)
    assert live.number("evalnb_predict_models_loaded") == 1
    # At work, it is not unloaded: the other one is told to wait.
    process = psutil.Process(live.pid(two))
    process.suspend()
    try:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(live.predict, picture(1), alias="other")
            until(lambda: live.number("evalnb_predict_waiting_images") == 1)
            refused = live.predict(picture(0))
            assert refused.status_code == 503 and "EVALNB_RESIDENT_MODELS" in refused.json()["remedy"]
            process.resume()
            assert running.result().status_code == 200
    finally:
        process.resume()


def test_bodies_that_are_no_images_are_refused(live: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = picture(0, (160, 160))
    for content, status in (
        (b"", 422),
        (b"GIF89a", 422),
        (b"<svg/>", 415),
        (whole[: len(whole) // 2], 422),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\2\0\0\0" + bytes(8), (415, 422)),
    ):
        answer = live.predict(content)
        assert answer.status_code in (status if isinstance(status, tuple) else (status,)), (content[:10], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    from evalnb_server.routers import predictions

    monkeypatch.setattr(predictions, "MOST_BYTES", 1000)
    assert live.predict(bytes(1001)).status_code == 413
    monkeypatch.setattr(predictor_module, "_MOST_BYTES", 10)
    assert live.predict(whole[:900]).status_code in {422, 503}


def test_only_members_predict_point_and_say(live: Shop) -> None:
    def member(name: str, role: str | None) -> str:
        with live.store.database.transaction() as session:
            person = accounts.add_account(session, name, password="correct horse battery")
            if role:
                accounts.set_member(session, person, live.project, role)  # type: ignore[arg-type]
        browser = httpx.Client(base_url=live.base, trust_env=False)
        browser.post("/api/session", json={"name": name, "password": "correct horse battery"})
        csrf = browser.get("/api/session").json()["csrf"]
        made = browser.post("/api/tokens", json={"name": "t", "scope": "write"}, headers={"X-Evalnb-Csrf": csrf})
        assert made.status_code == 201, made.text
        token: str = made.json()["secret"] if "secret" in made.json() else made.json()["token"]
        return token

    mine = live.predict(picture(0)).json()["id"]
    path = f"/api/projects/{live.project}/aliases/live"
    body = {"champion_id": live.versions[0]}
    for name, role, statuses in (
        ("stranger", None, (404, 404, 404, 404)),
        ("viewer", "viewer", (403, 403, 403, 200)),
        ("annotator", "annotator", (200, 200, 403, 200)),
    ):
        token = member(name, role)
        found = (
            live.post("/api/predict/live", picture(0), token=token, project=live.project).status_code,
            live.ask("POST", f"/api/predictions/{mine}/outcome", json={"outcome": True}, token=token).status_code,
            live.ask("PUT", path, json=body, token=token).status_code,
            live.ask("GET", f"{path}/outcomes", token=token).status_code,
        )
        assert found == statuses, name
    # Another project's version cannot be pointed at, and is not told to exist.
    with live.store.database.transaction() as session:
        elsewhere = projects.opened(session, "elsewhere")
        foreign = registry.rows.add(
            session,
            elsewhere,
            "x",
            architecture="yolo11n",
            sha256="0" * 64,
            class_names=["a"],
            metrics={},
            job_id=None,
            extra={},
        )
    assert live.point("stolen", foreign).status_code == 404


def test_the_server_never_imports_torch() -> None:
    code = (
        "import sys; from evalnb_server.app import create_app; from evalnb.settings import Settings; "
        "create_app(Settings.from_environment()); assert 'torch' not in sys.modules and 'pyvips' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
