"""The API in this process over real servers: empty for each test, or with a furnished project for all of them."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from evalnb_server.app import create_app
from fastapi.testclient import TestClient
from psycopg import sql

from evalnb import jobs
from evalnb.jobs.arguments import EvaluateArguments
from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.embedded.valkey import _program
from evalnb.store.repositories import models
from tests.conftest import database_url, settings_of
from tests.exploring import evaluated, results
from tests.server.process import Api, free_port, serving
from tests.yard import Yard


@contextmanager
def asking(settings: Settings) -> Iterator[TestClient]:
    """The API of these settings, started; the client has the home's token."""
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        client.headers["Authorization"] = f"Bearer {client.app.state.token}"  # type: ignore[attr-defined]
        yield client


@pytest.fixture
def client(settings: Settings, store: Store) -> Iterator[TestClient]:
    with asking(settings) as one:
        yield one


@pytest.fixture
def project_id(yard: Yard, client: TestClient) -> int:
    """The project of the yard."""
    found: int = client.get(f"/api/datasets/{yard.dataset_id}").json()["project_id"]
    return found


@dataclass(frozen=True)
class House:
    """A project with a dataset, a model, two runs and their evaluations, a report and a job; nobody changes it."""

    settings: Settings
    store: Store
    client: TestClient
    project: Project
    dataset_id: int
    image_ids: list[int]
    runs: tuple[int, int]
    evaluations: tuple[int, int]
    version_id: int
    model_id: int
    slug: str
    job_id: uuid.UUID


@contextmanager
def furnished(home: Path, server_url: str, template: str, server_broker_url: str, folder: Path) -> Iterator[House]:
    """A house in a database of its own."""
    with copied(server_url, template) as name:
        settings = settings_of(home, database_url(server_url, name), server_broker_url, folder)
        store = open_store(settings)
        with asking(settings) as client:
            yield _furnish(settings, store, client, folder)
        store.close()


@pytest.fixture(scope="session")
def api_store(
    home: Path, server_url: str, template: str, server_broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """The store of ``api``."""
    with copied(server_url, template) as name:
        folder = tmp_path_factory.mktemp("api")
        store = open_store(settings_of(home, database_url(server_url, name), server_broker_url, folder))
        yield store
        store.close()


@pytest.fixture(scope="session")
def api(api_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server, in a process of its own, for all who leave it as it was."""
    with serving(api_store.settings, tmp_path_factory.mktemp("api") / "api.log") as one:
        yield one


@pytest.fixture
def own_api(settings: Settings, store: Store, tmp_path: Path) -> Iterator[Api]:
    """A server that the test may end, and count from nothing."""
    with serving(settings, tmp_path / "api.log") as one:
        yield one


@pytest.fixture
def launch_broker(tmp_path: Path) -> Iterator[Callable[[], tuple[str, subprocess.Popen[bytes]]]]:
    """Starts a broker that the test may kill: its address and its process."""
    started: list[subprocess.Popen[bytes]] = []

    def launch() -> tuple[str, subprocess.Popen[bytes]]:
        port = free_port()
        started.append(
            subprocess.Popen([_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)])
        )
        return f"redis://127.0.0.1:{port}/0", started[-1]

    yield launch
    for process in started:
        process.kill()
        process.wait()


@contextmanager
def copied(server_url: str, original: str) -> Iterator[str]:
    """The name of a database that is a copy of another one, for as long as the block."""
    name = f"copy_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(original))
        )
    yield name
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def house(
    home: Path, server_url: str, template: str, server_broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    with furnished(home, server_url, template, server_broker_url, tmp_path_factory.mktemp("house")) as one:
        yield one


def _furnish(settings: Settings, store: Store, client: TestClient, folder: Path) -> House:
    project = Project(store, "house")
    first, _ = evaluated(project, folder, images=24)
    dataset = project.dataset("scenes")
    truth = {
        "categories": [{"id": one.id, "name": one.name} for one in dataset.taxonomy],
        "images": [{"id": int(one.source_key), "width": one.width, "height": one.height} for one in dataset],
        "annotations": _annotations(store, dataset.id),
    }
    second = project.evaluate(project.import_results(dataset, results(truth, seed=11), name="noisier"))
    with store.database.transaction() as session:
        version = models.add(
            session,
            project.id,
            "detector",
            architecture="yolo11n",
            sha256="0" * 64,
            class_names=["ball"],
            metrics={"mAP50-95": 0.5},
            job_id=None,
            extra={},
        )
        model_id = models.page(session, project.id)[0].id
    assert first.id and first.run_id and second.id and second.run_id
    return House(
        settings=settings,
        store=store,
        client=client,
        project=project,
        dataset_id=dataset.id,
        image_ids=[one.id for one in dataset],
        runs=(first.run_id, second.run_id),
        evaluations=(first.id, second.id),
        version_id=version,
        model_id=model_id,
        slug=project.publish(first, title="The house").slug,
        job_id=jobs.submit(store, project.id, EvaluateArguments(run_id=first.run_id), author="tester"),
    )


def _annotations(store: Store, dataset_id: int) -> list[dict[str, object]]:
    from evalnb.core.slices import Slice
    from evalnb.store.repositories import annotations, images

    with store.database.transaction() as session:
        keys = {one.id: int(one.source_key) for one in images.page(session, dataset_id, limit=1000)}
        truths = annotations.truths(session, dataset_id, Slice(), masks=False)
    return [
        {"image_id": keys[image], "category_id": kind, "bbox": box, "area": area}
        for image, kind, box, area in zip(
            truths.image.tolist(), truths.class_id.tolist(), truths.box.tolist(), truths.area.tolist(), strict=True
        )
    ]
