"""The Job widget's kernel half: what the browser is told, from the row alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID

import pytest

from evalnb import jobs
from evalnb.core.jobs import JobFailure, JobProgress
from evalnb.store import Store
from evalnb.store.tables import ProjectRow
from evalnb.widgets.job import JobWidget, view


@pytest.fixture
def job(store: Store) -> jobs.Job:
    with store.database.transaction() as session:
        row = ProjectRow(name="yard")
        session.add(row)
        session.flush()
        job_id = jobs.ask(session, row.id, "count", {}, author="ada")
    return jobs.Job(store, job_id, view=view)


def claim(job: jobs.Job) -> jobs.Claim:
    taken = jobs.claim(job.store, worker="box:7", kinds=["count"], lease_s=30)
    assert taken is not None
    return taken


def soon(fact: Callable[[], object]) -> None:
    ends = time.monotonic() + 10
    while not fact():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


def test_a_cell_shows_the_widget_and_plain_text_beside_it(job: jobs.Job) -> None:
    bundle = job._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == job.shown.model_id
    assert f"{job.id} count: queued" in bundle["text/plain"]
    assert job._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]["model_id"] == job.shown.model_id
    job.shown.close()


def test_a_queued_job_says_that_no_worker_is_there(job: jobs.Job, broker: str) -> None:
    widget = JobWidget(job)
    assert widget.view["state"] == "queued"
    assert widget.view["note"] == "no worker is running; start one with `evalnb up`"
    jobs.announce(job.store, jobs.WorkerRecord("box:7", "box", 7, 1, 0, ("count",)), ttl_s=10)
    soon(lambda: widget.view["note"] == "")
    jobs.retire(job.store, "box:7")
    widget.close()


def test_the_widget_follows_the_row_to_its_end_and_then_rests(job: jobs.Job) -> None:
    widget = JobWidget(job)
    held = claim(job)
    held.progress(JobProgress(3, 10, "epochs", "training", 12.5))
    for epoch in (1, 2, 2):
        held.event("epoch", {"epoch": epoch, "epochs": 10, "losses": {"box": 2.0}, "metrics": {"AP": 0.1 * epoch}})
    held.log("one\ntwo\n")
    soon(lambda: widget.view["log"])
    assert widget.view["progress"] == {"done": 3, "total": 10, "unit": "epochs", "message": "training", "eta_s": 12.5}
    assert [one["epoch"] for one in widget.view["epochs"]] == [1, 2]
    assert widget.view["log"] == "one\ntwo"
    held.succeed({"run_id": 4})
    soon(lambda: widget.view["state"] == "succeeded")
    assert widget.view["result"] == "Prediction run 4"
    soon(lambda: not [one for one in _threads(job.id) if one.is_alive()])
    widget.close()


def test_a_failed_job_shows_the_reason_and_the_remedy(job: jobs.Job) -> None:
    claim(job).fail(JobFailure("Invalid", "the value is 7", "use 8", "Traceback …"))
    told = JobWidget(job).view
    assert (told["failure"]["happened"], told["failure"]["remedy"]) == ("the value is 7", "use 8")
    assert told["failure"]["status"] == 422
    assert told["detail"] == "Traceback …"


def test_the_cancel_button_cancels(job: jobs.Job) -> None:
    widget = JobWidget(job)
    held = claim(job)
    widget._handle_custom_msg({"ask": "cancel"}, [])
    assert widget.view["cancelling"]
    assert held.beat(lease_s=30) is True
    held.end_cancelled()
    soon(lambda: widget.view["state"] == "cancelled")
    assert not widget.view["cancelling"]


def test_a_new_handle_on_the_same_job_shows_the_same(job: jobs.Job) -> None:
    held = claim(job)
    held.event("epoch", {"epoch": 1, "epochs": 2, "losses": {"box": 2.0}, "metrics": {}})
    held.log("hello\n")
    held.succeed({})
    before, after = JobWidget(job), JobWidget(jobs.Job(job.store, str(job.id)))
    assert before.view == after.view


def test_a_closed_widget_stops_reading_and_the_job_runs_on(job: jobs.Job) -> None:
    widget = JobWidget(job)
    claim(job)
    widget.close()
    soon(lambda: not [one for one in _threads(job.id) if one.is_alive()])
    assert job.state == "running"


def _threads(job_id: UUID) -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == f"job {job_id}"]
