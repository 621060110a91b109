"""Projects, datasets and lists of images over HTTP."""

from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from evalnb.store.tables import AnnotationRow, EditRow
from tests.server.conftest import House, furnished
from tests.yard import Yard


def test_a_project_is_made_listed_and_found(client: TestClient) -> None:
    made = client.post("/api/projects", json={"name": "harbour"})
    assert made.status_code == 201
    assert made.json() | {"id": 0, "created_at": ""} == {
        "id": 0,
        "name": "harbour",
        "datasets": 0,
        "models": 0,
        "created_at": "",
    }
    assert client.get(f"/api/projects/{made.json()['id']}").json() == made.json()
    again = client.post("/api/projects", json={"name": "harbour"})
    assert (again.status_code, again.json()["title"]) == (409, "Conflict")
    second = client.post("/api/projects", json={"name": "quay"}).json()["id"]
    page = client.get("/api/projects", params={"limit": 1}).json()
    assert [one["name"] for one in page["items"]] == ["harbour"]
    page = client.get("/api/projects", params={"limit": 1, "after": page["next"]}).json()
    assert [one["id"] for one in page["items"]] == [second] and page["next"] is None


def test_an_empty_dataset_is_made_with_its_classes_in_order(client: TestClient) -> None:
    project = client.post("/api/projects", json={"name": "harbour"}).json()["id"]
    place = f"/api/projects/{project}/datasets"
    made = client.post(place, json={"name": "boats", "classes": ["tug", "barge"]})
    assert made.status_code == 201
    assert [(one["id"], one["name"], one["annotations"]) for one in made.json()["classes"]] == [
        (1, "tug", 0),
        (2, "barge", 0),
    ]
    assert client.get(f"/api/datasets/{made.json()['id']}").json() == made.json()
    assert client.post(place, json={"name": "boats"}).status_code == 409
    twice = client.post(place, json={"name": "ships", "classes": ["tug", "tug"]})
    assert twice.status_code == 422 and "'tug'" in twice.json()["detail"]
    assert [one["name"] for one in client.get(place).json()["items"]] == ["boats"], "a refusal leaves nothing behind"


def test_a_dataset_is_renamed(client: TestClient) -> None:
    project = client.post("/api/projects", json={"name": "harbour"}).json()["id"]
    place = f"/api/projects/{project}/datasets"
    one, two = (client.post(place, json={"name": name}).json()["id"] for name in ("boats", "ships"))
    assert client.patch(f"/api/datasets/{one}", json={"name": " barges "}).json()["name"] == "barges"
    assert client.patch(f"/api/datasets/{one}", json={"name": "barges"}).status_code == 200, (
        "its own name is no clash"
    )
    taken = client.patch(f"/api/datasets/{two}", json={"name": "barges"})
    assert taken.status_code == 409 and "'barges'" in taken.json()["detail"]
    assert client.patch(f"/api/datasets/{two}", json={"name": "  "}).status_code == 422
    assert [row["name"] for row in client.get(place).json()["items"]] == ["barges", "ships"]


def test_a_deleted_dataset_takes_its_runs_and_leaves_its_reports(
    home: Path, server_url: str, template: str, server_broker_url: str, tmp_path: Path
) -> None:
    with furnished(home, server_url, template, server_broker_url, tmp_path) as house:
        place = f"/api/datasets/{house.dataset_id}"
        name = house.client.get(place).json()["name"]
        wrong = house.client.delete(place, params={"name": name + "s"})
        assert wrong.status_code == 409 and repr(name) in wrong.json()["detail"]
        house.client.post(f"/api/jobs/{house.job_id}/cancel")
        assert house.client.delete(place, params={"name": name}).status_code == 204
        for gone in (place, f"/api/runs/{house.runs[0]}", f"/api/evaluations/{house.evaluations[0]}"):
            assert house.client.get(gone).status_code == 404
        assert house.client.get(f"/api/images/{house.image_ids[0]}").status_code == 404
        assert house.client.get(f"/api/reports/{house.slug}").status_code == 200
        assert house.client.get(f"/api/models/{house.model_id}/versions").json()["items"]
        with house.store.database.transaction() as session:
            rows = (AnnotationRow, EditRow)
            left = [session.scalar(select(func.count()).select_from(row)) for row in rows]
        assert left == [0, 0]


def test_nothing_is_deleted_under_a_job_at_work(yard: Yard, client: TestClient, project_id: int) -> None:
    place = f"/api/datasets/{yard.dataset_id}"
    name = client.get(place).json()["name"]
    project = client.get(f"/api/projects/{project_id}").json()["name"]
    asked = {"kind": "train", "architecture": "yolo11n", "dataset_id": yard.dataset_id}
    job = client.post(f"/api/projects/{project_id}/jobs", json=asked).json()["id"]
    for where, called in ((place, name), (f"/api/projects/{project_id}", project)):
        refused = client.delete(where, params={"name": called})
        assert refused.status_code == 409 and job in refused.json()["detail"]
    client.post(f"/api/jobs/{job}/cancel")
    assert client.delete(f"/api/projects/{project_id}", params={"name": project}).status_code == 204
    assert client.get(place).status_code == client.get(f"/api/projects/{project_id}").status_code == 404


def test_a_dataset_tells_how_much_there_is_of_each_class_and_tag(house: House) -> None:
    found = house.client.get(f"/api/datasets/{house.dataset_id}").json()
    assert found["annotations"] == sum(one["annotations"] for one in found["classes"]) > 0
    night = next(one["images"] for one in found["tags"] if one["name"] == "night")
    listed = house.client.get(f"/api/datasets/{house.dataset_id}/images", params={"tag": "night"}).json()
    assert listed["total"] == night == len(listed["items"]) > 0


def test_images_of_a_slice_come_page_by_page(house: House) -> None:
    place = f"/api/datasets/{house.dataset_id}/images"
    seen: list[int] = []
    after, pages = 0, 0
    while True:
        page = house.client.get(place, params={"class": ["ball", "star"], "limit": 5, "after": after}).json()
        assert (page["total"] is None) is bool(after)
        seen += [one["id"] for one in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        after = page["next"]
    whole = house.client.get(place, params={"class": ["ball", "star"]}).json()
    assert seen == [one["id"] for one in whole["items"]] and pages > 1
    assert 0 < whole["total"] < len(house.image_ids)
    both = house.client.get(place, params={"class": "ball", "area": "small", "tag": ["night", "train"]}).json()
    assert both["total"] < whole["total"]
    named = house.client.get(place, params={"text": "scene-0003"}).json()
    assert [one["file_name"] for one in named["items"]] == ["scene-0003.jpg"]


def test_a_class_that_is_not_there_is_named_with_its_neighbours(house: House) -> None:
    answer = house.client.get(f"/api/datasets/{house.dataset_id}/images", params={"class": "bal"})
    assert answer.status_code == 404
    assert "'bal'" in answer.json()["detail"] and "'ball'" in answer.json()["remedy"]


def test_an_image_knows_its_place_and_its_neighbours(yard: Yard, client: TestClient) -> None:
    first, second, third = yard.image_ids
    found = client.get(f"/api/images/{second}").json()
    assert (found["index"], found["previous"], found["next"]) == (1, first, third)
    assert (found["dataset"], found["width"], found["height"]) == ("yard", 512, 384)
    ends = [client.get(f"/api/images/{one}").json() for one in (first, third)]
    assert [one["previous"] for one in ends] == [None, second]
    assert [one["next"] for one in ends] == [second, None]
    assert ends[0]["annotations"] == 2 and ends[0]["seq"] == 0


def test_an_image_knows_its_neighbours_in_a_slice(house: House) -> None:
    night = house.client.get(f"/api/datasets/{house.dataset_id}/images", params={"tag": "night"}).json()["items"]
    ids = [one["id"] for one in night]
    found = house.client.get(f"/api/images/{ids[1]}", params={"tag": "night"}).json()
    assert (found["index"], found["among"]) == (1, len(ids))
    assert (found["previous"], found["next"]) == (ids[0], ids[2])
    outside = next(one for one in house.image_ids if one not in ids)
    whole = house.client.get(f"/api/images/{outside}", params={"tag": "night"}).json()
    assert whole["among"] == len(house.image_ids), "an image that the slice lacks stands in the whole"
