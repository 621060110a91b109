"""The jobs that evalnb ships, end to end: submitted, run by a real worker, on real pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalnb import jobs
from evalnb.core.progress import NullProgress
from evalnb.demo import dataset as demo
from evalnb.errors import Cancelled, Invalid, NotFound, Offline
from evalnb.jobs.submit import Submit
from evalnb.registry import models
from evalnb.registry.ingest import import_coco
from evalnb.runs.evaluate import load
from tests.crew import Crew


@pytest.fixture
def scenes(crew: Crew, tmp_path: Path) -> int:
    """A dataset of twelve small scenes."""
    written = demo.write(tmp_path / "scenes", images=12, processes=1, width=160, height=120)
    report = import_coco(
        crew.store,
        crew.project_id,
        "scenes",
        images=written.images,
        annotations=written.annotations,
        progress=NullProgress(),
    )
    return report.dataset_id


@pytest.fixture
def submit(crew: Crew) -> Submit:
    return Submit(crew.store, crew.project_id, "ada")


def test_a_model_is_trained_run_and_evaluated_on_a_worker(crew: Crew, scenes: int, submit: Submit) -> None:
    crew.worker("--lease", "15")
    job = submit.train("yolo11n", scenes, epochs=2, image_size=64, batch=4, pretrained=False, name="tiny")
    made = job.wait(timeout=200)
    version = models.get(crew.store, made["model_version_id"])
    assert (version.name, version.number, version.job_id) == ("tiny", 1, job.id)
    assert len(version.class_names) == 8
    assert list(job.events.index) == [1, 2]
    assert {"loss/box_loss", "loss/cls_loss", "mAP50", "mAP50-95"} <= set(job.events.columns), job.events.columns
    assert job.read().progress.total == job.read().progress.done
    assert not (crew.store.settings.home / "jobs" / str(job.id)).exists(), "nothing is left of a job that succeeded"

    run_id = submit.predict(version, scenes, confidence=0.01).wait(timeout=100)["run_id"]
    found = submit.evaluate(run_id).wait(timeout=60)
    assert load(crew.store, found["evaluation_id"]).summary().keys() == found["summary"].keys()
    assert 0 <= found["summary"]["AP"] <= 1


def test_training_goes_on_after_its_worker_was_killed(crew: Crew, scenes: int, submit: Submit) -> None:
    first = crew.worker("--lease", "4")
    job = submit.train("yolo11n", scenes, epochs=6, image_size=64, batch=2, pretrained=False)
    crew.until(lambda: len(job.events) >= 2 or job.read().finished, within_s=120)
    first.kill()
    first.wait()
    crew.worker("--lease", "15")
    made = job.wait(timeout=150)
    assert job.read().attempt == 2
    assert list(job.events.index) == [1, 2, 3, 4, 5, 6]
    # Told once each, but for the epoch in which the first worker was killed: it went on, and did not start again.
    with crew.store.database.transaction() as session:
        told = [one.body["epoch"] for one in jobs.events(session, job.id) if one.kind == "epoch"]
    assert told.count(1) == 1
    assert made["metrics"]["epochs"] == 6


def test_a_cancelled_training_ends_and_leaves_its_checkpoint_but_not_the_files(
    crew: Crew, scenes: int, submit: Submit
) -> None:
    crew.worker("--lease", "15", "--grace", "20")
    job = submit.train("yolo11n", scenes, epochs=500, image_size=64, batch=2, pretrained=False)
    folder = crew.store.settings.home / "jobs" / str(job.id)
    crew.until(lambda: len(job.events) >= 1 or job.read().finished, within_s=120)
    assert (folder / "data" / "training.yaml").exists()
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait(timeout=30)
    crew.until(lambda: not (folder / "data").exists(), within_s=5)
    assert (folder / "last.pt").exists()
    assert models.table(crew.store, crew.project_id).empty


def test_published_weights_that_are_not_there_say_which_file_to_put_where(
    crew: Crew, scenes: int, submit: Submit
) -> None:
    crew.worker("--lease", "15")
    with pytest.raises(Offline, match=r"yolo11n.*pretrained=False"):
        submit.train("yolo11n", scenes, epochs=1).wait(timeout=90)


def test_what_cannot_work_is_refused_before_it_is_queued(crew: Crew, scenes: int, submit: Submit) -> None:
    with pytest.raises(NotFound, match="there is no architecture 'yolo11q'"):
        submit.train("yolo11q", scenes)
    with pytest.raises(NotFound, match="there is no dataset 99"):
        submit.train("yolo11n", 99)
    with pytest.raises(Invalid, match="epochs is 0; give 1 or more"):
        submit.train("yolo11n", scenes, epochs=0)
    with pytest.raises(NotFound, match="there is no model version 7"):
        submit.predict(7, scenes)
    with pytest.raises(NotFound, match="there is no prediction run 7"):
        submit.evaluate(7)
    with pytest.raises(NotFound, match="belongs to another project"):
        Submit(crew.store, crew.project_id + 1, "ada").train("yolo11n", scenes)
    with crew.store.database.transaction() as session:
        assert jobs.recent(session, crew.project_id) == []
