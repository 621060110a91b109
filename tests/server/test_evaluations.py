"""Evaluations over HTTP say what the same verbs say in a notebook."""

import math

import pytest

from tests.server.conftest import House


def place(house: House, what: str = "", which: int = 0) -> str:
    return f"/api/evaluations/{house.evaluations[which]}{what}"


def same(said: float | None, value: float) -> bool:
    """A number on the wire: null stands for what Python writes as -1 or NaN."""
    if said is None:
        return value == -1 or math.isnan(value)
    return math.isclose(said, value, abs_tol=1e-12)


def test_models_versions_and_runs_are_found_from_their_lists(house: House) -> None:
    get = house.client.get
    (model,) = get(f"/api/projects/{house.project.id}/models").json()["items"]
    assert (model["name"], model["versions"], model["newest"]) == ("detector", 1, 1)
    assert get(f"/api/models/{model['id']}").json() == model
    (version,) = get(f"/api/models/{model['id']}/versions").json()["items"]
    assert get(f"/api/versions/{version['id']}").json() == version
    assert (version["model"], version["number"], version["metrics"]) == ("detector", 1, {"mAP50-95": 0.5})
    listing = f"/api/projects/{house.project.id}/runs"
    newest = get(listing, params={"limit": 1}).json()
    oldest = get(listing, params={"limit": 1, "after": newest["next"]}).json()
    assert [one["id"] for one in newest["items"] + oldest["items"]] == list(house.runs)[::-1]
    assert oldest["next"] is None
    run = get(f"/api/runs/{house.runs[0]}").json()
    assert run == oldest["items"][0]
    assert (run["images_done"], run["image_count"], run["finished"]) == (24, 24, True)
    assert get(listing, params={"dataset": house.dataset_id + 1}).json()["items"] == []


def test_the_list_has_the_numbers_in_their_order(house: House) -> None:
    listing = f"/api/projects/{house.project.id}/evaluations"
    items = house.client.get(listing).json()["items"]
    assert [one["id"] for one in items] == list(house.evaluations)[::-1]
    expected = house.project.evaluation(items[0]["id"]).summary()
    assert list(items[0]["numbers"]) == list(expected)
    assert all(same(items[0]["numbers"][name], value) for name, value in expected.items())
    assert (items[0]["run"], items[0]["dataset"], items[0]["kind"]) == ("noisier", "scenes", "bbox")
    of_run = house.client.get(listing, params={"run": house.runs[0]}).json()["items"]
    assert [one["id"] for one in of_run] == [house.evaluations[0]]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({}, {}),
        ({"tag": ["night", "train"]}, {"tag": ["night", "train"]}),
        ({"class": ["ball", "star"], "confidence": 0.4}, {"classes": ["ball", "star"], "confidence": 0.4}),
        ({"area": "small", "text": "scene-000"}, {"area": "small", "text": "scene-000"}),
    ],
)
def test_a_slice_is_the_one_of_where(house: House, query: dict[str, object], where: dict[str, object]) -> None:
    expected = house.project.evaluation(house.evaluations[0]).where(**where)  # type: ignore[arg-type]
    said = house.client.get(place(house, "/summary"), params=query).json()  # type: ignore[arg-type]
    for name, value in expected.summary().items():
        assert same(said["numbers"][name], value), name
    table = expected.per_class()
    assert (said["images"], said["truths"]) == (expected.image_count(), table["truths"].sum())
    rows = house.client.get(place(house, "/classes"), params=query).json()["items"]  # type: ignore[arg-type]
    assert [one["name"] for one in rows] == list(table["class"])
    for row, (_, expected_row) in zip(rows, table.iterrows(), strict=True):
        assert all(same(row[name], expected_row[name]) for name in ("AP", "AP50", "AP75", "AR"))


def test_curves_come_as_columns(house: House) -> None:
    said = house.client.get(place(house, "/curves"), params={"iou": 0.75, "tag": "night"}).json()
    one = house.project.evaluation(house.evaluations[0]).where(tag="night")
    table = one.curve_data(iou=0.75)
    assert len(said["recall"]) == 101
    for curve in said["classes"]:
        rows = table[table["class"] == curve["name"]]
        assert all(map(same, curve["precision"], rows["precision"]))
        assert all(map(same, curve["confidence"], rows["confidence"]))
    assert said["classes"][0]["name"] == "all"
    by_confidence = one.confidence_data(iou=0.75)
    for name in ("confidence", "precision", "recall", "F1"):
        assert all(map(same, said["by_confidence"][name], by_confidence[name])), name


def test_confusion_and_the_images_behind_a_mark_count_the_same(house: House) -> None:
    said = house.client.get(place(house, "/confusion"), params={"at": 0.4}).json()
    one = house.project.evaluation(house.evaluations[0])
    table = one.confusion(confidence=0.4)
    assert said["counts"] == table.to_numpy().tolist()
    assert [*said["classes"], "background"] == list(table.columns)
    per_image = one.per_image(confidence=0.4)
    for mark in ("TP", "FP", "FN"):
        listed, after = [], 0
        while True:
            query = {"mark": mark, "at": 0.4, "limit": 7, "after": after}
            page = house.client.get(place(house, "/images"), params=query).json()  # type: ignore[arg-type]
            listed += page["items"]
            if page["next"] is None:
                break
            after = page["next"]
        counts = [image[mark] for image in listed]
        assert sum(counts) == per_image[mark].sum() and counts == sorted(counts, reverse=True)
        assert len({image["id"] for image in listed}) == page["total"] == (per_image[mark] > 0).sum()
    worst = house.client.get(place(house, "/images")).json()["items"]
    assert [image["F1"] for image in worst] == sorted(image["F1"] for image in worst)
    missed = house.client.get(place(house, "/images"), params={"mark": "FN", "of": "ball"}).json()
    assert 0 < missed["total"] < len(house.image_ids)


def test_intervals_and_the_comparison_are_those_of_the_notebook(house: House) -> None:
    this, other = (house.project.evaluation(one) for one in house.evaluations)
    said = house.client.get(place(house, "/intervals"), params={"replicates": 200, "level": 0.9}).json()
    expected = this.intervals(replicates=200, level=0.9)
    for row, (_, of) in zip(said["items"], expected.iterrows(), strict=True):
        assert row["number"] == of["number"]
        assert all(same(row[name], of[name]) for name in ("value", "low", "high", "standard_error", "bias"))
    query = {"replicates": 200, "tag": "day"}
    compared = house.client.get(place(house, f"/compare/{house.evaluations[1]}"), params=query).json()  # type: ignore[arg-type]
    made = this.where(tag="day").compare(other.where(tag="day"), replicates=200)
    assert compared["sentence"] == made.sentence
    assert (compared["wins"], compared["losses"]) == (made.wins, made.losses)
    for rows, table in ((compared["numbers"], made.numbers), (compared["classes"], made.classes)):
        for row, (_, of) in zip(rows, table.iterrows(), strict=True):
            assert all(same(row[name], of[name]) for name in ("this", "other", "difference", "p", "p_adjusted"))
    assert all(one["difference"] > 0 for one in compared["won"])
    assert [one["difference"] for one in compared["lost"]] == sorted(one["difference"] for one in compared["lost"])


def test_what_an_evaluation_has_not_is_refused_with_what_it_has(house: House) -> None:
    strange = house.client.get(place(house, "/summary"), params={"class": "bal"})
    assert strange.status_code == 404 and "ball" in strange.json()["remedy"]
    unmatched = house.client.get(place(house, "/curves"), params={"iou": 0.52})
    assert unmatched.status_code == 422 and "0.55" in unmatched.json()["remedy"]
    assert house.client.get("/api/evaluations/999/summary").status_code == 404
    nothing = house.client.get(place(house, "/summary"), params={"tag": "never"}).json()
    assert nothing["images"] == nothing["truths"] == 0
    assert set(nothing["numbers"].values()) == {None}
    for what in ("/curves", "/confusion", "/images", "/intervals"):
        assert house.client.get(place(house, what), params={"tag": "never"}).status_code == 200, what


def test_a_report_is_published_found_and_shown_as_a_page_of_its_own(house: House) -> None:
    listing = f"/api/projects/{house.project.id}/reports"
    made = house.client.post(listing, json={"evaluation_id": house.evaluations[1], "title": "Über quay 9"})
    assert made.status_code == 201, made.text
    assert (made.json()["slug"], made.json()["evaluation_id"]) == ("uber-quay-9", house.evaluations[1])
    assert house.client.get("/api/reports/uber-quay-9").json() == made.json()
    assert house.client.get(listing, params={"limit": 1}).json()["items"] == [made.json()]
    page = house.client.get("/api/reports/uber-quay-9/page")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in page.headers["content-security-policy"]
    assert "Über quay 9" in page.text
    elsewhere = house.client.post("/api/projects", json={"name": "another house"}).json()["id"]
    away = house.client.post(
        f"/api/projects/{elsewhere}/reports", json={"evaluation_id": house.evaluations[0], "title": "x"}
    )
    assert away.status_code == 404
    assert house.client.get("/api/reports/no-such").status_code == 404
