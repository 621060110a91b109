"""Agreement over HTTP says what the same verbs say in a notebook."""

from __future__ import annotations

import math

import pytest
from evalnb_server.routers import agreement

from tests.server.conftest import House


def test_a_person_and_a_run_are_compared_by_class_and_image(house: House) -> None:
    dataset = house.project.dataset("scenes")
    run = house.project.run(house.runs[1])
    place = f"/api/datasets/{house.dataset_id}/agreement/runs/{run.id}"
    said = house.client.get(place, params={"confidence": 0.3, "iou": 0.6}).json()
    table = dataset.agreement(run, confidence=0.3, iou=0.6)
    assert (said["left"], said["right"], said["images"]) == ("scenes", run.name, 24)
    for row in [said["every"], *said["classes"]]:
        own = table.loc[row["name"]]
        assert (row["left"], row["right"], row["agreed"]) == (own["left"], own["right"], own["agreed"])
        for name, column in (("f1", "F1"), ("mean_iou", "mean IoU"), ("alpha", "alpha")):
            assert row[name] == pytest.approx(own[column]) if row[name] is not None else math.isnan(own[column])
    assert {row["name"] for row in said["classes"]} | {"all"} == set(table.index)
    worst = dataset.disagreements(run, confidence=0.3, iou=0.6)
    assert said["differing"] == len(worst)
    assert [one["id"] for one in said["worst"]] == list(worst.index)
    assert {one["other_id"] for one in said["worst"]} <= {None}
    counts = said["confusion"]
    assert said["names"][-1] == "nothing"
    assert sum(map(sum, counts)) - sum(counts[-1]) == said["every"]["left"]
    assert sum(counts[n][n] for n in range(len(counts) - 1)) == said["every"]["agreed"]


def test_two_datasets_are_compared_and_a_slice_narrows_the_left_one(house: House) -> None:
    place = f"/api/datasets/{house.dataset_id}/agreement/datasets/{house.dataset_id}"
    said = house.client.get(place).json()
    assert (said["every"]["f1"], said["every"]["alpha"], said["differing"], said["worst"]) == (1, 1, 0, [])
    night = house.client.get(place, params={"tag": "night"}).json()
    assert 0 < night["images"] < said["images"]


def test_what_cannot_be_compared_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"/api/datasets/{house.dataset_id}/agreement/datasets/{house.dataset_id}"
    assert "share no image" in house.client.get(place, params={"tag": "nowhere"}).json()["detail"]
    assert house.client.get(place, params={"iou": 0}).status_code == 422
    monkeypatch.setattr(agreement, "MOST_IMAGES", 3)
    refused = house.client.get(place)
    assert (refused.status_code, "24 images are more" in refused.json()["detail"]) == (422, True)
