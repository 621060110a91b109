"""The HTTP API: a real uvicorn process over a real PostgreSQL and Valkey."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
from evalnb_server.app import create_app

from evalnb.core.taxonomy import Class
from evalnb.settings import Settings
from evalnb.store import Store, migrations
from evalnb.store.repositories import datasets
from evalnb.store.tables import ProjectRow
from tests.server.process import Api, free_port, serving


def checks(answer: httpx.Response) -> dict[str, bool]:
    return {check["name"]: check["ok"] for check in answer.json()["checks"]}


def test_health_needs_no_token_and_looks_at_everything(api: Api) -> None:
    answer = httpx.get(f"{api.base}/api/health", trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"  # it serves, and no worker runs
    assert checks(answer) == {"database": True, "migrations": True, "broker": True, "worker": False}


def test_health_tells_of_a_database_at_another_revision(own_api: Api, store: Store) -> None:
    api = own_api
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
    answer = api.get("/api/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "down"
    assert checks(answer)["migrations"] is False
    detail = next(check["detail"] for check in answer.json()["checks"] if check["name"] == "migrations")
    assert "older" in detail and migrations.HEAD in detail and "evalnb migrate" in detail


def test_health_tells_of_a_broker_that_is_gone(
    settings: Settings, store: Store, tmp_path: Path, launch_broker: Callable[[], tuple[str, subprocess.Popen[bytes]]]
) -> None:
    url, process = launch_broker()
    with serving(replace(settings, broker_url=url), tmp_path / "api.log") as api:
        assert checks(api.get("/api/health"))["broker"] is True
        process.kill()
        process.wait()
        answer = api.get("/api/health")
        assert answer.status_code == 503
        assert checks(answer) == {"database": True, "migrations": True, "broker": False, "worker": False}


def test_without_the_token_the_answer_is_a_problem_401(api: Api) -> None:
    for header in (None, b"Bearer wrong", b"Bearer", b"Basic dXNlcjpwYXNz", "Bearer ünïcode".encode()):
        headers = {} if header is None else {"Authorization": header}
        answer = httpx.get(f"{api.base}/api/projects", headers=headers, trust_env=False)
        assert answer.status_code == 401, header
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["title"] == "Unauthorized" and "api-token" in answer.json()["remedy"]


def test_every_route_but_health_signing_in_and_the_documentation_asks_who_calls(api: Api, settings: Settings) -> None:
    described = httpx.get(f"{api.base}/api/openapi.json", trust_env=False).json()["paths"]
    assert set(described) >= {"/api/health", "/api/projects/{project_id}/datasets"}
    for path, methods in described.items():
        for method in methods:
            # A tile's kind is one of three; whatever else stands in a path may be a number.
            filled = re.sub(r"{\w+}", "1", path.replace("{kind}", "jpg"))
            answer = httpx.request(method, api.base + filled, trust_env=False)
            public = path.startswith("/api/health") or (method, path) == ("post", "/api/session")
            assert (answer.status_code == 401) is not public, f"{method} {path}"
    # Nothing is served that the description leaves out, but the documentation itself.
    hidden = {
        getattr(route, "path", "")
        for route in create_app(settings).routes
        if not getattr(route, "include_in_schema", True)
    }
    assert hidden == {"/", "/api", "/api/docs", "/api/openapi.json"}


def test_the_token_is_readable_by_its_owner_alone(api: Api, settings: Settings) -> None:
    assert (settings.home / "run" / "api-token").stat().st_mode & 0o777 == 0o600
    assert len(api.token) >= 32


def test_datasets_come_page_by_page_with_their_counts(api: Api, api_store: Store) -> None:
    with api_store.database.transaction() as session:
        row = ProjectRow(name="main")
        session.add(row)
        session.flush()
        ids = [
            datasets.create(session, row.id, f"set {number}", classes=[Class(id=1, name="cat")])
            for number in range(5)
        ]
        elsewhere = ProjectRow(name="other")
        session.add(elsewhere)
        session.flush()
        datasets.create(session, elsewhere.id, "not here")
    place = f"/api/projects/{row.id}/datasets"
    first = api.get(place, limit=2).json()
    assert [item["id"] for item in first["items"]] == ids[:2]
    assert first["items"][0] == {
        "id": ids[0],
        "project": "main",
        "name": "set 0",
        "images": 0,
        "annotations": 0,
        "classes": 1,
        "complete": True,
        "created_at": first["items"][0]["created_at"],
    }
    second = api.get(place, limit=2, after=first["next"]).json()
    third = api.get(place, limit=2, after=second["next"]).json()
    assert [item["id"] for page in (first, second, third) for item in page["items"]] == ids
    assert third["next"] is None


def test_a_malformed_request_is_a_problem_422(api: Api) -> None:
    for name, value in (("limit", 0), ("limit", 501), ("after", -1), ("after", "x"), ("after", 2**63)):
        answer = api.get("/api/projects", **{name: value})
        assert answer.status_code == 422, (name, value)
        assert answer.headers["content-type"] == "application/problem+json"
        assert name in answer.json()["detail"]


def test_an_unknown_route_is_a_problem_404(api: Api) -> None:
    answer = api.get("/api/nothing")
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")
    assert "/api/nothing" in answer.json()["detail"]


def test_sigterm_ends_the_server_while_a_client_keeps_its_connection_and_the_log_is_json_to_its_last_line(
    own_api: Api,
) -> None:
    with httpx.Client(base_url=own_api.base, trust_env=False) as client:
        assert client.get("/api/health").status_code == 200
        own_api.process.send_signal(signal.SIGTERM)
        own_api.process.wait(10)
    # uvicorn tidies up, and then ends by the signal, as a process that was asked to should.
    assert own_api.process.returncode == -signal.SIGTERM
    said = [json.loads(line) for line in own_api.log.read_text().splitlines()]
    assert {line["logger"] for line in said} >= {"uvicorn.error"}
    assert any(line["message"].startswith("Application shutdown complete") for line in said)


def test_an_api_whose_database_is_away_says_so_and_ends(settings: Settings, tmp_path: Path) -> None:
    nowhere = replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none")
    ended = subprocess.run(
        [sys.executable, "-m", "evalnb_server", "--port", str(free_port())],
        env={**os.environ, **nowhere.to_environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "PostgreSQL does not answer" in ended.stderr
