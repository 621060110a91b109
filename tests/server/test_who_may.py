"""Every route of the application, asked by everybody. A route that is new is found here, and must be one of:

- public: in ``PUBLIC``;
- for whoever is signed in, about nothing of a project's: in ``PERSONAL`` (or ``OWNERS``, for owners alone);
- about a thing of a project: it takes one of ``REFERENCES``, in its path, query or body. Then a stranger
  gets 404, whoever is not signed in 401, and a member with too low a role 403. The role is viewer for what reads,
  annotator for what changes, unless ``ROLE`` says otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from evalnb_server.app import create_app
from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from evalnb import accounts, jobs, uploads
from evalnb.accounts import ROLES, Role
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Class
from evalnb.jobs.arguments import EvaluateArguments
from evalnb.registry import aliases
from evalnb.settings import Settings
from evalnb.store import Store
from evalnb.store.repositories import aliases as alias_rows
from evalnb.store.repositories import datasets, evaluations, images, models, predictions, reports
from evalnb.store.repositories.aliases import Served as Answered
from evalnb.wire.annotator import AnnotatorAsk
from tests.live import Served, Wire, serving_here
from tests.people import People
from tests.server.conftest import House, furnished
from tests.server.routes import Route, minimal, routes, undescribed
from tests.tus import metadata

PUBLIC = {"GET /api/health", "GET /api/health/live", "GET /api/health/ready", "POST /api/session"}
PERSONAL = {
    "GET /api/session",
    "DELETE /api/session",
    "PUT /api/session/password",
    "GET /api/sessions",
    "DELETE /api/sessions/{login_id}",
    "GET /api/tokens",
    "DELETE /api/tokens/{token_id}",
    "GET /api/users/{user_id}",
    "GET /api/projects",
    # Opens a socket that asks access by itself, ask by ask: tests/server/live.
    "POST /api/live/ticket",
    "OPTIONS /api/uploads",
}
OWNERS = {
    "GET /api/metrics",
    "GET /api/users",
    "POST /api/users",
    "PATCH /api/users/{user_id}",
    "PUT /api/users/{user_id}/password",
    "POST /api/projects",
}
# What the description leaves out, as "kind path", the path without its router's prefix.
UNDESCRIBED = {"Route /api/docs", "Route /api/openapi.json", "APIRoute /", "APIRoute /api", "APIWebSocketRoute /live"}

ROLE: dict[str, Role] = {
    "POST /api/tokens": "viewer",
    # Where to go on: for whoever sends the rest.
    "HEAD /api/uploads/{upload_id}": "annotator",
    "PATCH /api/projects/{project_id}": "admin",
    "DELETE /api/projects/{project_id}": "admin",
    "PATCH /api/datasets/{dataset_id}": "admin",
    "DELETE /api/datasets/{dataset_id}": "admin",
    "POST /api/projects/{project_id}/members": "admin",
    "PUT /api/projects/{project_id}/members/{user_id}": "admin",
    "DELETE /api/projects/{project_id}/members/{user_id}": "admin",
    "PUT /api/projects/{project_id}/aliases/{alias}": "admin",
    "DELETE /api/projects/{project_id}/aliases/{alias}": "admin",
}
# Unsafe methods that a token for reading may call, since they change nothing, and those that no token may call.
READING = {"POST /api/live/ticket"}
NO_TOKEN = {"POST /api/tokens"}

# What a route may refer to, by the name of its parameter or property: make_world and strangers_own say to which one.
REFERENCES = {
    "project_id",
    "project",
    "dataset_id",
    "dataset",
    "other_dataset_id",
    "image_id",
    "run_id",
    "run",
    "evaluation_id",
    "other_id",
    "compare_to",
    "model_id",
    "version_id",
    "start_version_id",
    "champion_id",
    "challenger_id",
    "prediction_id",
    "upload_id",
    "job_id",
    "slug",
    "user_id",
}

# Those whose reference is in a header; ``ask`` puts it there.
CARRIES = {"POST /api/uploads"}
# What a path may say beside that.
VALUES = {"level", "x", "y", "kind", "alias"}

APP = create_app(Settings.from_environment({"HOME": "/nowhere"}))
ALL = routes(APP)
OBJECTS = [one for one in ALL if one.key not in PUBLIC | PERSONAL | OWNERS]


@dataclass(frozen=True)
class World:
    """Two projects, and everybody: ``a`` is whose objects are asked for, ``b`` the stranger's own."""

    people: People
    a: dict[str, Any]
    b: dict[str, Any]
    secrets: tuple[str, ...]
    """Words that only members of A may read."""
    nobody: TestClient
    stranger: TestClient
    members: dict[Role, TestClient]
    tokens: dict[str, TestClient]
    """Of A's admin, by scope."""
    line: Served
    """The same database behind a real port, for sockets."""
    stranger_token: str


@pytest.fixture(scope="module")
def world(
    home: Path, server_url: str, template: str, server_broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with (
        furnished(home, server_url, template, server_broker_url, folder) as house,
        serving_here(house.settings) as line,
    ):
        yield make_world(house, line)


def make_world(house: House, line: Served) -> World:
    people = People(cast("FastAPI", house.client.app), house.store)
    a, b = house.project.id, people.project("other")
    eve = people.account("eve", {b: "admin"})
    members = {role: people.account(f"{role} of A", {a: role}) for role in ROLES}
    extra = people.account("extra", {a: "viewer"})
    one, other = house.evaluations
    things = {
        "project_id": a,
        "project": a,
        "dataset_id": house.dataset_id,
        "dataset": house.dataset_id,
        "other_dataset_id": house.dataset_id,
        "image_id": house.image_ids[0],
        "run_id": house.runs[0],
        "run": house.runs[0],
        "evaluation_id": one,
        "other_id": other,
        "compare_to": other,
        "model_id": house.model_id,
        "version_id": house.version_id,
        "start_version_id": house.version_id,
        "champion_id": house.version_id,
        "challenger_id": second_version(house),
        "prediction_id": str(served(house)),
        "upload_id": str(begun(house)),
        "job_id": str(house.job_id),
        "slug": house.slug,
        "user_id": extra.id,
    }
    assert set(things) == REFERENCES
    return World(
        people=people,
        a=things,
        b={**strangers_own(house.store, b), "project_id": b, "project": b, "user_id": eve.id},
        line=line,
        stranger_token=people.token(eve, "admin"),
        secrets=("scenes", "detector", "noisier", '"house"', "The house", "of A"),
        nobody=people.nobody(),
        stranger=people.browser(eve),
        members={role: people.browser(account) for role, account in members.items()},
        tokens={scope: people.program(members["admin"], scope) for scope in accounts.SCOPES},
    )


def second_version(house: House) -> int:
    with house.store.database.transaction() as session:
        return models.add(
            session,
            house.project.id,
            "detector",
            architecture="yolo11n",
            sha256="5" * 64,
            class_names=["ball"],
            metrics={},
            job_id=None,
            extra={},
        )


def served(house: House) -> UUID:
    """A prediction that was answered under an alias of A's."""
    made = uuid4()
    with house.store.database.transaction() as session:
        change = aliases.point(session, house.project.id, "served", house.version_id, author="tester")
        answered = Answered(made, change.id, house.version_id, key=None, detections=0, took_ms=1.0)
        alias_rows.record(session, [answered])
    return made


def begun(house: House) -> UUID:
    """An upload to A of which nothing is there yet."""
    said = metadata(project=house.project.id, filename="a.jpg", purpose="image", dataset="scenes")
    return uploads.begin(house.store, uploads.read_metadata(said), length=5, author="tester").id


def strangers_own(store: Store, project_id: int) -> dict[str, Any]:
    """One of each in the project: rows alone, for what is refused before it is looked at."""
    with store.database.transaction() as session:
        dataset = datasets.create(session, project_id, "own", classes=[Class(1, "own")])
        (image,) = images.add(session, dataset, [SourceImage("1", "own.jpg", "/own.jpg", None, 8, 8)])
        version = models.add(
            session,
            project_id,
            "own",
            architecture="yolo11n",
            sha256="1" * 64,
            class_names=["own"],
            metrics={},
            job_id=None,
            extra={},
        )
        run = predictions.create(session, dataset, "own", model_version_id=version, parameters={}, image_count=1)
        evaluation = evaluations.add(
            session, run_id=run, kind="bbox", parameters={}, summary={}, matches_sha256="2" * 64
        )
        report = reports.add(
            session,
            project_id=project_id,
            evaluation_id=evaluation,
            slug="own",
            title="own",
            bundle_sha256="3" * 64,
            html_sha256="4" * 64,
        )
        model = models.page(session, project_id)[0].id
    job = jobs.submit(store, project_id, EvaluateArguments(run_id=run), author="eve")
    return {
        "dataset_id": dataset,
        "dataset": dataset,
        "other_dataset_id": dataset,
        "image_id": image,
        "run_id": run,
        "run": run,
        "evaluation_id": evaluation,
        "other_id": evaluation,
        "compare_to": evaluation,
        "model_id": model,
        "version_id": version,
        "start_version_id": version,
        "champion_id": version,
        "challenger_id": version,
        "job_id": str(job),
        "slug": report.slug,
    }


def ask(client: TestClient, route: Route, things: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Status and text of each way to call the route with these things."""
    headers = {}
    if route.path.startswith("/api/uploads"):
        said = metadata(project=things.get("project", 1), filename="b.jpg", purpose="image", dataset="scenes")
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": said, "Upload-Offset": "0"}
    for path, arguments in route.requests(things):
        answer = client.request(route.method, path, **arguments, headers=headers, follow_redirects=False)
        assert answer.status_code < 500 or answer.status_code == 503, (route.key, answer.text)
        yield answer.status_code, answer.text


def role_of(route: Route) -> Role:
    return ROLE.get(route.key, "viewer" if route.safe else "annotator")


def refused(text: str) -> bool:
    return "that you may see" in text


def named(some: list[Route]) -> Any:
    return pytest.mark.parametrize("route", some, ids=[one.key for one in some])


# Classification


def test_what_the_description_leaves_out_is_known() -> None:
    assert undescribed(APP) == UNDESCRIBED


def test_no_classification_is_of_a_route_that_is_gone() -> None:
    known = {one.key for one in ALL}
    assert PUBLIC | PERSONAL | OWNERS | CARRIES | set(ROLE) | READING | NO_TOKEN <= known


@named(OBJECTS)
def test_a_route_about_a_thing_takes_references_that_are_known(route: Route) -> None:
    unknown = {one["name"] for one in route.parameters("path")} - REFERENCES - VALUES
    assert not unknown, f"{route.key}: add {unknown} to REFERENCES and make_world, or to VALUES"
    known = route.references(REFERENCES) or route.key in CARRIES
    assert known, f"{route.key} names no object: put it into PUBLIC, PERSONAL or OWNERS"


# Refusals, all before anything is changed


@named([one for one in ALL if one.key not in PUBLIC])
def test_whoever_is_not_signed_in_gets_401(route: Route, world: World) -> None:
    things = {**world.a, "login_id": 1, "token_id": 1}
    assert {status for status, _ in ask(world.nobody, route, things)} == {401}


@named(OBJECTS)
def test_a_member_of_another_project_gets_404_and_reads_nothing(route: Route, world: World) -> None:
    for status, text in ask(world.stranger, route, world.a):
        assert status == 404, f"{route.key} leaks: {status} {text[:300]}"
        by_access = refused(text) or route.method == "HEAD"
        assert by_access, f"{route.key}: 404 must come from evalnb_server.access: {text[:300]}"
        assert not any(secret in text for secret in world.secrets), text


@named(OBJECTS)
def test_the_same_is_said_of_what_is_not_there(route: Route, world: World) -> None:
    absent = {name: absent_of(value) for name, value in world.a.items()}
    there, not_there = ask(world.stranger, route, world.a), ask(world.stranger, route, absent)
    for (_, text), (_, other) in zip(there, not_there, strict=True):
        for name in route.references(REFERENCES) | ({"project"} if route.key in CARRIES else set()):
            text = re.sub(rf"\b{re.escape(str(world.a[name]))}\b", "it", text)
            other = re.sub(rf"\b{re.escape(str(absent[name]))}\b", "it", other)
        if route.method != "HEAD":
            assert json.loads(text) | {"request_id": None} == json.loads(other) | {"request_id": None}


def absent_of(value: object) -> object:
    if isinstance(value, int):
        return value + 10**12
    return "0" * 8 + str(value)[8:] if len(str(value)) == 36 else f"no-{value}"


@named([one for one in OBJECTS if len(one.references(REFERENCES)) > 1])
def test_a_thing_of_another_project_cannot_be_slipped_among_ones_own(route: Route, world: World) -> None:
    for foreign in sorted(route.references(REFERENCES) - {"user_id"}):
        things = {**world.b, foreign: world.a[foreign]}
        calls = zip(route.requests(things), ask(world.stranger, route, things), strict=True)
        for (_, arguments), (status, text) in calls:
            filters = foreign in arguments["params"] and route.safe
            carried = filters or foreign in (arguments.get("json") or {}) or f"{{{foreign}}}" in route.path
            # A list of one's own that is narrowed by another's thing is empty.
            harmless = status in {404, 409} or (filters and '"items":[]' in text)
            assert harmless or not carried, f"{route.key} takes A's {foreign}: {status} {text[:300]}"
            assert not any(secret in text for secret in world.secrets), text


@named([one for one in OBJECTS if role_of(one) != "viewer"])
def test_a_member_of_too_low_a_role_gets_403(route: Route, world: World) -> None:
    for role in ROLES[: ROLES.index(role_of(route))]:
        assert {status for status, _ in ask(world.members[role], route, world.a)} == {403}, role


@named([one for one in ALL if not one.safe and one.key not in PUBLIC | READING | {"DELETE /api/session"}])
def test_a_token_for_reading_changes_nothing(route: Route, world: World) -> None:
    things = {**world.a, "login_id": 1, "token_id": 1}
    assert {status for status, _ in ask(world.tokens["read"], route, things)} == {403}


@named([one for one in OBJECTS if role_of(one) == "admin" or one.key in NO_TOKEN])
def test_a_token_for_writing_is_no_admins(route: Route, world: World) -> None:
    assert {status for status, _ in ask(world.tokens["write"], route, world.a)} == {403}


@named([one for one in ALL if not one.safe and one.key not in PUBLIC])
def test_a_browser_without_the_csrf_header_changes_nothing(route: Route, world: World) -> None:
    browser = world.people.nobody()
    browser.cookies.update(world.members["admin"].cookies)
    things = {**world.a, "login_id": 1, "token_id": 1}
    assert {status for status, _ in ask(browser, route, things)} == {403}


@named([one for one in ALL if one.key in OWNERS])
def test_only_an_owner_governs(route: Route, world: World) -> None:
    for client in (world.stranger, world.members["admin"], world.tokens["admin"]):
        assert {status for status, _ in ask(client, route, world.a)} <= {403, 404}


@named([one for one in ALL if one.key in PERSONAL and one.method == "GET" and "{" not in one.path])
def test_what_is_ones_own_shows_nothing_of_anothers(route: Route, world: World) -> None:
    for status, text in ask(world.stranger, route, {}):
        assert status == 200
        assert not any(secret in text for secret in world.secrets), text


@pytest.mark.parametrize("path", ["/api/users/{user_id}", "/api/tokens/{token_id}", "/api/sessions/{login_id}"])
def test_what_is_anothers_own_is_not_there(path: str, world: World) -> None:
    admin = world.members["admin"].get("/api/session").json()["user_id"]
    with world.people.store.database.transaction() as session:
        token = accounts.tokens(session, admin)[0]
        (login, *_) = accounts.logins(session, token.account_id)
    things = {"user_id": token.account_id, "token_id": token.id, "login_id": login.id}
    for route in ALL:
        if route.path == path:
            for client in (world.stranger, world.members["viewer"]):
                assert {status for status, _ in ask(client, route, things)} <= {403, 404}, route.key


# The socket: its asks are read from the wire shapes, as routes are from the description


SPOKEN = TypeAdapter(AnnotatorAsk).json_schema()
ASKS = {
    name: SPOKEN["$defs"][reference.rpartition("/")[2]]
    for name, reference in SPOKEN["discriminator"]["mapping"].items()
}


def told(world: World, name: str, dataset_id: int, things: dict[str, Any]) -> dict[str, Any]:
    """What the stranger's socket answers to that ask about that dataset."""
    body = minimal(ASKS[name], SPOKEN["$defs"], {"count": 1, **things})
    wire = Wire(world.line.base, world.stranger_token)
    try:
        answer, buffers = wire.answer(wire.tell(dataset_id, **{**body, "ask": name}))
    finally:
        wire.close()
    assert "error" not in answer or not buffers
    return answer


@pytest.mark.parametrize("name", ASKS)
def test_a_stranger_is_told_nothing_by_the_socket(name: str, world: World) -> None:
    answer = told(world, name, world.a["dataset_id"], world.a)
    # To look away needs no right; and evalnb has no segmenter there for anybody.
    status = 200 if name == "bye" else answer["error"]["status"]
    prompting = {"prepare", "segment", "hover", "everything", "box_masks", "follow", "stop"}
    assert status == (200 if name == "bye" else 503 if name in prompting else 404)
    assert not any(secret in json.dumps(answer) for secret in world.secrets)


@pytest.mark.parametrize("name", [name for name, ask in ASKS.items() if "image_id" in ask["properties"]])
def test_an_image_of_another_project_is_as_absent_from_the_socket_as_one_that_is_not(name: str, world: World) -> None:
    own, absent = world.b["dataset_id"], world.a["image_id"] + 10**12
    theirs = told(world, name, own, {**world.b, "image_id": world.a["image_id"]})["error"]
    none = told(world, name, own, {**world.b, "image_id": absent})["error"]
    assert theirs["happened"].replace(str(world.a["image_id"]), "it") == none["happened"].replace(str(absent), "it")
    assert theirs["status"] == none["status"] and theirs["status"] in {404, 503}


# Admissions, the last: these do change things


@named(sorted(OBJECTS, key=lambda one: (not one.safe, one.method == "PUT", one.method == "DELETE")))
def test_whoever_may_is_let_in(route: Route, world: World) -> None:
    for status, text in ask(world.members[role_of(route)], route, world.a):
        assert status not in {401, 403} and not refused(text), f"{route.key}: {status} {text[:300]}"
