"""The description is whole: named operations, documented refusals, a page that names every route."""

import re
from pathlib import Path
from typing import Any

import pytest
from evalnb_server.app import create_app

from evalnb.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    found: dict[str, Any] = create_app(Settings.from_environment({})).openapi()
    return found


def operations(described: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, one) for path, some in described["paths"].items() for method, one in some.items()]


def test_every_operation_is_named_and_says_what_it_does(described: dict[str, Any]) -> None:
    names = [one["operationId"] for _, _, one in operations(described)]
    assert len(set(names)) == len(names)
    for method, path, one in operations(described):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", one["operationId"]), one["operationId"]
        assert one.get("description") and one.get("tags"), f"{method} {path}"


def test_every_refusal_is_a_problem(described: dict[str, Any]) -> None:
    for method, path, one in operations(described):
        for status, answer in one["responses"].items():
            if int(status) >= 400 and answer.get("content"):
                kinds = set(answer["content"])
                # Health answers its own shape when something is down.
                assert kinds == {"application/problem+json"} or path.startswith("/api/health"), (method, path, status)
        if "requestBody" in one:
            assert {"400", "413", "422"} <= set(one["responses"]), f"{method} {path}"


def test_every_page_is_asked_for_alike(described: dict[str, Any]) -> None:
    for method, path, one in operations(described):
        names = {each["name"] for each in one.get("parameters", []) if each["in"] == "query"}
        if "after" in names:
            assert method == "get" and "limit" in names, path
            shape = one["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert {"items", "next"} <= set(described["components"]["schemas"][shape]["required"]), path


def test_the_page_on_the_api_names_every_route(described: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for path in described["paths"]:
        # A table row may give the end of a path alone, after the whole of the one before it.
        short = [path[at.start() :] for at in re.finditer("/", path)][2:]
        assert f"{path}`" in text or f"{path} " in text or any(f"`{end}`" in text for end in short), path
