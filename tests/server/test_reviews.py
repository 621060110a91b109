"""Reviews over HTTP: lists by status and person, many set at once, and one image's review with its log."""

from __future__ import annotations

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from evalnb.store import Store
from evalnb.store.repositories import reviews
from tests.yard import Yard


def test_images_are_listed_set_and_counted_by_status_and_person(client: TestClient, yard: Yard) -> None:
    place = f"/api/datasets/{yard.dataset_id}/reviews"
    one, two, three = yard.image_ids
    first = client.get(place, params={"limit": 2}).json()
    assert [(item["id"], item["status"], item["assignee"]) for item in first["items"]] == [
        (one, "todo", ""),
        (two, "todo", ""),
    ]
    assert (first["next"], first["total"]) == (two, 3)
    after = client.get(place, params={"limit": 2, "after": first["next"]}).json()
    assert ([item["id"] for item in after["items"]], after["next"], after["total"]) == ([three], None, None)
    made = client.post(place, json={"image_ids": [one, three], "status": "review", "assignee": "ben"})
    assert made.status_code == 200
    assert made.json() == client.get(f"{place}/counts").json()
    assert {item["status"]: item["images"] for item in made.json()["statuses"]} == {
        "todo": 1,
        "doing": 0,
        "review": 2,
        "accepted": 0,
        "rejected": 0,
    }
    assert made.json()["assignees"] == [{"name": "ben", "images": 2}]

    def listed(**asked: object) -> list[int]:
        answer = client.get(place, params=asked).json()
        assert answer["total"] == len(answer["items"])
        return [item["id"] for item in answer["items"]]

    assert (
        listed(status="review") == listed(assignee="ben") == listed(status="review", assignee="ben") == [one, three]
    )
    assert listed(status="todo") == listed(unassigned=True) == [two]
    assert listed(status="accepted") == listed(assignee="ada") == listed(status="todo", assignee="ben") == []
    client.post(place, json={"image_ids": [one], "assignee": ""})
    assert listed(status="review", unassigned=True) == [one]
    assert listed(status="review", text="no such name") == []


def test_an_image_has_its_comments_and_its_log(client: TestClient, yard: Yard, store: Store) -> None:
    image_id, id = yard.image_ids[0], uuid4()
    with store.database.transaction() as session:
        reviews.comment(session, image_id, id=id, x=1, y=2, text="too wide", author="ada")
        reviews.resolve(session, image_id, id, resolved=True, author="ben")
    for status in ("review", "accepted"):
        client.post(f"/api/datasets/{yard.dataset_id}/reviews", json={"image_ids": [image_id], "status": status})
    found = client.get(f"/api/images/{image_id}/review").json()
    assert [change["status"] for change in found["changes"]] == ["review", "accepted"] and found[
        "status"
    ] == "accepted"
    (comment,) = found["comments"]
    assert (comment["text"], comment["resolved_by"]) == ("too wide", "ben") and comment["resolved_at"]
    assert found["author"] == found["changes"][-1]["author"] != ""


@pytest.mark.parametrize(
    ("asked", "status", "word"),
    [
        ({"image_ids": [1], "status": "done"}, 422, "todo"),
        ({"image_ids": [], "status": "doing"}, 422, "image_ids"),
        ({"image_ids": [0], "status": "doing"}, 422, "image_ids"),
        ({"image_ids": [10**15], "status": "doing"}, 404, "no image 1000000000000000"),
        ({"image_ids": [1], "assignee": "a\nb"}, 422, "assignee"),
        ({"image_ids": [1], "assignee": "a" * 201}, 422, "assignee"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_set(
    client: TestClient, yard: Yard, asked: dict[str, object], status: int, word: str
) -> None:
    place = f"/api/datasets/{yard.dataset_id}/reviews"
    refused = client.post(place, json=asked)
    assert refused.status_code == status and word in refused.text
    assert {one["status"] for one in client.get(place).json()["items"]} == {"todo"}
    assert client.get(place, params={"status": "done"}).status_code == 422
