"""Edits over HTTP: the same ops, the same conflicts, the same log as on the canvas."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from evalnb import edits
from evalnb.wire.shapes import Op
from tests.yard import Yard


def op(shape: str, action: str, base_rev: int = 0, **patch: Any) -> dict[str, Any]:
    return {
        "client_op_id": str(uuid4()),
        "shape_id": shape,
        "base_rev": base_rev,
        "action": action,
        "patch": patch,
    }


def box(*sides: float) -> dict[str, Any]:
    return {"kind": "box", "box": list(sides)}


def test_an_op_is_saved_when_it_is_called_applied(yard: Yard, client: TestClient) -> None:
    place = f"/api/images/{yard.image_ids[1]}/annotations"
    drawn = op(str(uuid4()), "create", class_id=7, geometry=box(10, 20, 30, 40), tags=["fresh"])
    answer = client.post(place, json={"ops": [drawn]})
    assert answer.status_code == 200
    assert (answer.json()["seq"], answer.json()["results"][0]["status"]) == (1, "applied")
    assert [(one.class_id, one.geometry.box, one.tags) for one in yard.shapes(1)] == [
        (7, (10, 20, 30, 40), ["fresh"])
    ]
    assert client.get(place).json()["shapes"] == [answer.json()["results"][0]["shape"]]
    again = client.post(place, json={"ops": [drawn]})
    assert (again.json()["seq"], again.json()["results"][0]["status"]) == (1, "duplicate")
    (logged,) = yard.history(1)
    assert str(logged.client_op_id) == drawn["client_op_id"] and logged.author


def test_whoever_overwrites_another_is_told_what(yard: Yard, client: TestClient) -> None:
    image = yard.image_ids[0]
    shape = str(yard.shapes()[0].id)
    with yard.store.database.transaction() as session:
        theirs = Op.model_validate(op(shape, "update", 1, class_id=30))
        edits.apply(session, image, [theirs], author="somebody else")
    mine = op(shape, "update", 1, class_id=7)
    result = client.post(f"/api/images/{image}/annotations", json={"ops": [mine]}).json()["results"][0]
    assert (result["status"], result["conflicts"], result["theirs"]) == ("conflict", ["class_id"], {"class_id": 30})
    assert yard.shapes()[0].class_id == 7


def test_the_history_comes_page_by_page(yard: Yard, client: TestClient) -> None:
    shape = str(yard.shapes()[0].id)
    ops = [op(shape, "update", rev, tags=[f"round {rev}"]) for rev in range(1, 6)]
    client.post(f"/api/images/{yard.image_ids[0]}/annotations", json={"ops": ops})
    place = f"/api/images/{yard.image_ids[0]}/history"
    first = client.get(place, params={"limit": 3}).json()
    rest = client.get(place, params={"limit": 3, "after": first["next"]}).json()
    assert [one["seq"] for one in first["items"] + rest["items"]] == [1, 2, 3, 4, 5]
    assert rest["next"] is None
    assert rest["items"][-1]["before"] == {"tags": ["round 4"]}


@pytest.mark.parametrize(
    "patch",
    [
        {"class_id": 2**63 - 1, "geometry": box(1, 1, 9, 9)},
        {"class_id": 1, "geometry": box(1, 1, -9, 9)},
        {"class_id": 1, "geometry": box(1e300, 1, 9, 9)},
        {"class_id": 1, "geometry": {"kind": "mask", "box": [0, 0, 1, 1], "size": [384, 512], "counts": "~~~"}},
        {"class_id": 1, "geometry": box(1, 1, 9, 9), "tags": ["a\0b"]},
        {"class_id": 1, "geometry": box(1, 1, 9, 9), "attributes": {"deep": {"er": ["\0"]}}},
        {"class_id": 1, "geometry": box(1, 1, 9, 9), "attributes": {"\0": 1}},
        # PostgreSQL would keep it, and nobody could read the image's annotations again.
        {"class_id": 1, "geometry": box(1, 1, 9, 9), "attributes": {"n": 10**400}},
    ],
)
def test_an_op_that_cannot_be_is_refused_and_the_others_go_on(
    yard: Yard, client: TestClient, patch: dict[str, Any]
) -> None:
    bad, good = op(str(uuid4()), "create", **patch), op(str(yard.shapes()[0].id), "delete", 1)
    answer = client.post(f"/api/images/{yard.image_ids[0]}/annotations", json={"ops": [bad, good]})
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["results"]
    assert (first["status"], second["status"]) == ("refused", "applied")
    assert first["reason"]
    assert len(yard.shapes()) == 1
