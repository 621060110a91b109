"""What the server tells of itself: request ids, its log, its numbers, and whether it lives and is ready."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from evalnb_server import monitoring, problems
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from evalnb import jobs
from evalnb.settings import Settings
from evalnb.store import Store
from evalnb.store.repositories import projects
from tests.server.process import Api, serving


def numbers(api: Api) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = api.get("/api/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def number(api: Api, name: str, **labels: str) -> float:
    return numbers(api)[name, frozenset(labels.items())]


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_request_keeps_its_id_in_the_answer_the_problem_and_the_log(api: Api) -> None:
    auth = {"Authorization": f"Bearer {api.token}"}
    given = httpx.get(
        f"{api.base}/api/projects?after=-1", headers={**auth, "X-Request-Id": "trace-7.a_B"}, trust_env=False
    )
    assert given.status_code == 422
    assert given.headers["x-request-id"] == given.json()["request_id"] == "trace-7.a_B"
    made = set()
    for strange in ("", "a b", 'a"}', "x" * 65, "é", "a\tb"):
        answer = httpx.get(
            f"{api.base}/api/projects", headers={**auth, "X-Request-Id": strange.encode()}, trust_env=False
        )
        assert answer.headers["x-request-id"] != strange and len(answer.headers["x-request-id"]) == 32
        made.add(answer.headers["x-request-id"])
    assert len(made) == 6
    (line,) = [one for one in lines(api.log) if one["request_id"] == "trace-7.a_B"]
    assert (line["logger"], line["method"], line["path"], line["route"], line["status"]) == (
        "evalnb.access",
        "GET",
        "/api/projects",
        "/api/projects",
        422,
    )
    assert line["took_ms"] >= 0 and line["bytes"] == len(given.content)
    assert "after=-1" not in api.log.read_text()  # a query may hold a signature


def test_an_unexpected_error_has_its_request_id_too(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    metrics = monitoring.Metrics()
    monitoring.install(app, metrics)
    problems.install(app)

    @app.get("/{thing}")
    def broken(thing: str) -> None:
        raise RuntimeError("a secret reason")

    answer = TestClient(app, raise_server_exceptions=False).get("/x", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 500 and answer.json()["request_id"] == "mine" == answer.headers["x-request-id"]
    assert "secret" not in answer.text and "a secret reason" in caplog.text
    labels = {"method": "GET", "route": "/{thing}", "status": "500"}
    assert metrics.registry.get_sample_value("evalnb_http_requests_total", labels) == 1
    assert metrics.registry.get_sample_value("evalnb_http_requests_in_flight") == 0


def test_numbers_count_by_route_template_and_never_by_what_a_client_invents(own_api: Api) -> None:
    api = own_api
    for path in ("/api/projects", "/api/projects", "/api/nothing/1", "/api/nothing/2"):
        api.get(path)
    httpx.request("PROPFIND", f"{api.base}/api/projects", trust_env=False)
    found = numbers(api)
    routes = {dict(labels)["route"] for name, labels in found if name == "evalnb_http_requests_total"}
    assert routes <= {"/api/projects", "unknown", "/api/health", "/api/metrics"}
    methods = {dict(labels)["method"] for name, labels in found if name == "evalnb_http_requests_total"}
    assert methods == {"GET", "other"}
    assert number(api, "evalnb_http_requests_total", method="GET", route="/api/projects", status="200") == 2
    assert number(api, "evalnb_http_requests_total", method="GET", route="unknown", status="404") == 2
    assert number(api, "evalnb_http_request_seconds_count", method="GET", route="/api/projects") == 2
    assert number(api, "evalnb_http_requests_in_flight") == 1  # the one that asks
    assert number(api, "evalnb_database_connections_in_use") == 0


def test_numbers_tell_of_jobs_and_of_what_is_down(
    settings: Settings, store: Store, tmp_path: Path, launch_broker: Callable[[], tuple[str, subprocess.Popen[bytes]]]
) -> None:
    from dataclasses import replace

    url, process = launch_broker()
    with store.database.transaction() as session:
        project = projects.opened(session, "main")
        first = jobs.ask(session, project, "train", {}, author="ada")
        jobs.ask(session, project, "train", {}, author="ada")
        jobs.cancel(session, first)
    with serving(replace(settings, broker_url=url), tmp_path / "api.log") as api:
        assert number(api, "evalnb_jobs", kind="train", state="queued") == 1
        assert number(api, "evalnb_jobs", kind="train", state="cancelled") == 1
        assert number(api, "evalnb_jobs_oldest_queued_seconds") > 0
        assert number(api, "evalnb_workers") == 0
        assert number(api, "evalnb_up", part="broker") == number(api, "evalnb_up", part="database") == 1
        assert httpx.get(f"{api.base}/api/health/ready", trust_env=False).status_code == 200
        process.kill()
        process.wait()
        found = numbers(api)
        assert found["evalnb_up", frozenset({("part", "broker")})] == 0
        assert not any(name == "evalnb_workers" for name, _ in found)
        # Alive and not ready: no reason to start it anew, and nothing to send here.
        assert httpx.get(f"{api.base}/api/health/live", trust_env=False).json()["status"] == "ok"
        ready = httpx.get(f"{api.base}/api/health/ready", trust_env=False)
        assert ready.status_code == 503 and ready.json()["status"] == "down"


def test_the_numbers_are_not_for_everybody(api: Api) -> None:
    answer = httpx.get(f"{api.base}/api/metrics", trust_env=False)
    assert answer.status_code == 401 and "evalnb_http" not in answer.text
