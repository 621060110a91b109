"""Jobs over HTTP: asked for, followed, cancelled; a worker's half is played by its own verbs."""

from uuid import UUID, uuid4

import pytest

from evalnb import jobs
from evalnb.core.jobs import JobProgress
from tests.server.conftest import House


def place(house: House) -> str:
    return f"/api/projects/{house.project.id}/jobs"


def test_a_job_is_asked_for_as_in_a_notebook(house: House) -> None:
    asked = {
        "kind": "predict",
        "version_id": house.version_id,
        "dataset_id": house.dataset_id,
        "part": {"tags": ["night"], "areas": ["small"]},
        "confidence": 0.1,
    }
    answer = house.client.post(place(house), json=asked)
    assert answer.status_code == 201, answer.text
    job = jobs.Job(house.store, UUID(answer.json()["id"]))
    assert (job.kind, job.state) == ("predict", "queued")
    arguments = job.read().arguments
    assert arguments["confidence"] == 0.1 and arguments["part"]["tags"] == ["night"]
    twin = house.project.submit.predict(
        house.version_id, house.project.dataset("scenes").where(tag="night", area="small"), confidence=0.1
    )
    assert twin.read().arguments == arguments
    trained = house.client.post(
        place(house), json={"kind": "train", "architecture": "yolo11n", "dataset_id": house.dataset_id, "epochs": 3}
    )
    assert trained.json()["arguments"]["epochs"] == 3


def test_what_could_only_fail_is_refused_at_once(house: House) -> None:
    good = {"kind": "train", "architecture": "yolo11n", "dataset_id": house.dataset_id}
    for wrong, status in (
        ({"architecture": "resnet"}, 404),
        ({"dataset_id": 999}, 404),
        ({"start_version_id": 999}, 404),
        ({"epochs": 0}, 422),
        ({"validation": 1}, 422),
        ({"kind": "explode"}, 422),
        ({"part": {"areas": ["huge"]}}, 422),
        ({"hyperparameters": {"no_such": 1}}, 422),
        ({"hyperparameters": {"lr0": float("1e300")}, "strange": 1}, 422),
    ):
        answer = house.client.post(place(house), json={**good, **wrong})
        assert answer.status_code == status, (wrong, answer.text)


@pytest.mark.parametrize("kind", ["masks", "encode"])
def test_what_a_segmenter_is_to_do_with_a_slice_is_asked_for(house: House, kind: str) -> None:
    asked = {"kind": kind, "dataset_id": house.dataset_id, "segmenter": "pico", "part": {"areas": ["large"]}}
    queued = house.client.post(place(house), json=asked)
    assert queued.status_code == 201 and queued.json()["arguments"]["segmenter"] == "pico", queued.text
    house.client.post(f"/api/jobs/{queued.json()['id']}/cancel")
    for wrong, status in (({"segmenter": "sam9"}, 404), ({"score_min": 2}, 422), ({"dataset_id": 10**9}, 404)):
        assert house.client.post(place(house), json={**asked, **wrong}).status_code == status


def test_a_job_is_followed_to_its_end_and_cancelled(house: House) -> None:
    asked = house.client.post(place(house), json={"kind": "evaluate", "run_id": house.runs[1]}).json()
    at = f"/api/jobs/{asked['id']}"
    while True:
        claim = jobs.claim(house.store, worker="tester", kinds=["evaluate"], lease_s=60)
        assert claim is not None
        if str(claim.job.id) == asked["id"]:
            break
    claim.progress(JobProgress(1, 3, "step", "matching", 2.0))
    for text in ("one\n", "two\n"):
        claim.log(text)
    running = house.client.get(at).json()
    assert (running["state"], running["worker"]) == ("running", "tester")
    assert running["progress"] == {"done": 1, "total": 3, "unit": "step", "message": "matching", "eta_s": 2.0}
    first = house.client.get(f"{at}/events", params={"limit": 1}).json()
    second = house.client.get(f"{at}/events", params={"after": first["next"]}).json()
    assert [one["body"] for one in first["items"] + second["items"]] == [{"text": "one\n"}, {"text": "two\n"}]
    assert second["next"] is None
    assert house.client.get(f"{at}/log").json() == {"text": "one\ntwo\n"}
    stopping = house.client.post(f"{at}/cancel").json()
    assert (stopping["state"], stopping["cancelling"]) == ("running", True)
    claim.end_cancelled()
    assert house.client.get(at).json()["state"] == "cancelled"
    waiting = house.client.post(place(house), json={"kind": "evaluate", "run_id": house.runs[0]}).json()
    assert house.client.post(f"/api/jobs/{waiting['id']}/cancel").json()["state"] == "cancelled"
    assert house.client.get(f"/api/jobs/{uuid4()}").status_code == 404


def test_jobs_come_newest_first_page_by_page(house: House) -> None:
    asked = [
        house.client.post(place(house), json={"kind": "evaluate", "run_id": house.runs[0]}).json()["id"]
        for _ in range(3)
    ]
    first = house.client.get(place(house), params={"limit": 2, "state": "queued"}).json()
    second = house.client.get(place(house), params={"limit": 2, "state": "queued", "after": first["next"]}).json()
    assert [one["id"] for one in first["items"] + second["items"]][:3] == asked[::-1]
    done = house.client.get(place(house), params={"state": ["succeeded", "failed"]}).json()
    assert done["items"] == []
