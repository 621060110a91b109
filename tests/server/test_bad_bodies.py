"""Whatever is sent as a body: a documented refusal, never a fault, and nothing half done."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from evalnb_server.limits import MOST_BYTES
from fastapi.testclient import TestClient

from evalnb.settings import Settings
from tests.conftest import database_url
from tests.server.conftest import asking, copied
from tests.yard import Yard

_NUMBER = (
    b'{"ops": [{"client_op_id": "%(op)s", "shape_id": "%(shape)s", "base_rev": 1, "action": "update", '
    b'"patch": {"geometry": {"kind": "box", "box": [%(n)s, 1, 9, 9]}, "attributes": {"n": %(n)s}}}]}'
)
NAMED = b'{"name": %s}'
DEEP = 50_000


@pytest.fixture(scope="module")
def malformed_at(home: Path, server_url: str, template: str, server_broker_url: str) -> Iterator[TestClient]:
    """One API for all of them: nothing that they send is kept."""
    with copied(server_url, template) as name:
        settings = Settings.from_environment(
            {
                "EVALNB_HOME": str(home),
                "EVALNB_DATABASE_URL": database_url(server_url, name),
                "EVALNB_BROKER_URL": server_broker_url,
            }
        )
        with asking(settings) as client:
            yield client


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"\xff\xfe\x00", 400),
        (b'{"name": "\xff"}', 400),
        (b"[" * DEEP, 400),
        (b"[" * DEEP + b"]" * DEEP, 400),
        (b'{"name": ' + b"9" * 5000 + b"}", 400),
        (NAMED % b'"a\\u0000b"', 422),
        (NAMED % b'"\\ud800"', 422),
        (NAMED % b'"line\\nbreak"', 422),
        (NAMED % b'""', 422),
        (NAMED % (b'"' + b"x" * 201 + b'"'), 422),
        (NAMED % b"NaN", 422),
        (NAMED % b"1e400", 422),
        (NAMED % b"null", 422),
        (b'{"name": "x", "owner": true}', 422),
        (b'{"name": "x"}trailing', 422),
    ],
    ids=lambda one: repr(one[:24]) if isinstance(one, bytes) else "",
)
def test_a_malformed_body_is_a_problem(malformed_at: TestClient, body: bytes, status: int) -> None:
    answer = malformed_at.post("/api/projects", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert malformed_at.get("/api/projects").json()["items"] == []


def test_a_body_that_is_too_large_is_refused_before_it_is_read(malformed_at: TestClient) -> None:
    said = malformed_at.post("/api/projects", content=b" " * (MOST_BYTES + 1))
    assert (said.status_code, said.json()["title"]) == (413, "TooLarge")

    def endless() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 65536 + 2):
            yield b" " * 65536

    unsaid = malformed_at.post("/api/projects", content=endless())
    assert unsaid.status_code == 413
    assert unsaid.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("id", [0, -1, 2**63, 10**40, "x", "1.5", "%00", "1e3"])
def test_an_id_that_cannot_be_is_a_problem(malformed_at: TestClient, id: int | str) -> None:
    for noun in ("projects", "datasets", "images", "models", "versions", "runs", "evaluations", "jobs"):
        answer = malformed_at.get(f"/api/{noun}/{id}")
        assert answer.status_code == 422, (noun, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_attributes_nested_beyond_reason_are_refused(yard: Yard, client: TestClient) -> None:
    nested: Any = "bottom"
    for _ in range(900):
        nested = {"n": nested}
    one = {
        "client_op_id": str(uuid4()),
        "shape_id": str(yard.shapes()[0].id),
        "base_rev": 1,
        "action": "update",
        "patch": {"attributes": {"deep": nested}},
    }
    answer = client.post(
        f"/api/images/{yard.image_ids[0]}/annotations",
        content=json.dumps({"ops": [one]}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"][0]["status"] == "refused"


def test_a_number_that_is_none_is_refused(yard: Yard, client: TestClient) -> None:
    for number in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        body = _NUMBER % {b"op": str(uuid4()).encode(), b"shape": str(yard.shapes()[0].id).encode(), b"n": number}
        answer = client.post(
            f"/api/images/{yard.image_ids[0]}/annotations",
            content=body,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in (200, 422), answer.text
        assert answer.status_code == 422 or answer.json()["results"][0]["status"] == "refused"
    assert yard.history() == []
