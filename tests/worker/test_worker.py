"""A real worker with real jobs: what it runs, survives, ends and hands back."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import update

from evalnb import jobs
from evalnb.errors import Cancelled, EvalnbError, Invalid, Unavailable
from evalnb.registry import aliases
from evalnb.registry.aliases import Served
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.embedded import postgres, valkey
from evalnb.store.repositories import models, projects
from evalnb.store.tables import ServedPredictionRow
from tests.crew import Crew, hired


def test_a_ring_runs_a_job_at_once_and_a_lost_ring_costs_seconds(crew: Crew) -> None:
    crew.worker("--look", "2")
    crew.until(lambda: jobs.workers(crew.store))
    assert crew.ask("count", to=3, step_s=0).wait(timeout=30) == {"counted": 3, "started_from": 0}
    began = time.monotonic()
    assert crew.ask("count", ring=False, to=3, step_s=0).wait(timeout=30)["counted"] == 3
    assert time.monotonic() - began < 10


def test_a_job_tells_its_progress_its_epochs_and_its_log(crew: Crew) -> None:
    crew.worker()
    job = crew.ask("count", to=4, step_s=0)
    job.wait(timeout=30)
    record = job.read()
    assert (record.progress.done, record.progress.total, record.progress.unit) == (4, 4, "steps")
    assert list(job.events.index) == [1, 2, 3, 4]
    assert list(job.events["loss/box"]) == [1, 1 / 2, 1 / 3, 1 / 4]
    assert "starting from 0" in job.log
    assert record.worker is not None
    assert record.worker.endswith(f":{crew.workers[0].pid}")


def test_a_worker_removes_old_served_predictions(crew: Crew) -> None:
    old = uuid4()
    with crew.store.database.transaction() as session:
        project = projects.opened(session, "main")
        version = models.add(
            session,
            project,
            "detector",
            architecture="yolo11n",
            sha256="0" * 64,
            class_names=["bolt"],
            metrics={},
            job_id=None,
            extra={},
        )
        change = aliases.point(session, project, "live", version, author="ada")
        aliases.record(session, [Served(old, change.id, version, None, 1, 5.0)])
        session.execute(update(ServedPredictionRow).values(at=datetime.now(UTC) - timedelta(days=1000)))
    crew.worker()

    def gone() -> bool:
        with crew.store.database.transaction() as session:
            return session.get(ServedPredictionRow, old) is None

    crew.until(gone)


def test_the_supervisor_never_imports_torch(crew: Crew) -> None:
    worker = crew.worker()
    crew.ask("count", to=1).wait(timeout=30)
    maps = Path(f"/proc/{worker.pid}/maps").read_text()
    assert "libtorch" not in maps
    assert "psycopg" in maps, "the maps must show what the process has loaded"


def test_a_refusal_comes_back_as_the_error_it_was(crew: Crew) -> None:
    crew.worker()
    job = crew.ask("refuse")
    with pytest.raises(Invalid, match="the value is 7; use 8") as caught:
        job.wait(timeout=30)
    assert "strange_bodies" in caught.value.__notes__[0]
    exploded = crew.ask("explode")
    with pytest.raises(EvalnbError, match="RuntimeError: boom"):
        exploded.wait(timeout=30)
    assert exploded.log.endswith("RuntimeError: boom\n"), "the log is whole when the job has ended"


def test_a_body_that_ends_without_a_word_is_explained(crew: Crew) -> None:
    crew.worker("--slots", "2")
    asked = [
        (crew.ask("crash", signal="SIGSEGV"), "SIGSEGV; native code crashed"),
        (crew.ask("crash", signal="SIGKILL"), "want of memory"),
        (crew.ask("leave", code=41), "exit code 41"),
        (crew.ask("leave", code=0), "without a result"),
    ]
    for job, words in asked:
        with pytest.raises(Unavailable, match=words):
            job.wait(timeout=30)
    crashed = asked[0][0]
    assert crashed.log == "about to crash\n"
    failure = crashed.read().failure
    assert failure is not None
    assert failure.detail == "about to crash"


def test_a_job_of_a_kind_that_no_worker_knows_waits_and_says_so(crew: Crew) -> None:
    crew.worker()
    crew.until(lambda: jobs.workers(crew.store))
    job = crew.ask("nowhere")
    with pytest.raises(Unavailable, match="no worker is running"):
        job.wait(timeout=1)


def test_what_a_body_prints_is_kept_within_bounds(crew: Crew) -> None:
    crew.worker()
    job = crew.ask("chatter", lines=50_000)
    job.wait(timeout=30)
    lines = job.log.splitlines()
    assert "line 49999 red" in lines
    assert lines[-2:] == ["100%", "no newline at the end"]
    assert any("lines left out" in line for line in lines)
    assert len(job.log) < 200_000


def test_cancelling_a_running_job_lets_it_stop_in_order(crew: Crew, tmp_path: Path) -> None:
    crew.worker()
    pids = tmp_path / "pids"
    job = crew.ask("slow", pids=str(pids))
    crew.until(pids.exists)
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait(timeout=10)
    assert "stopped as asked" in job.log
    assert not crew.running(int(pids.read_text()))


def test_a_body_that_ignores_sigterm_is_killed_with_its_children(crew: Crew, tmp_path: Path) -> None:
    crew.worker("--grace", "1")
    pids = tmp_path / "pids"
    job = crew.ask("deaf", pids=str(pids))
    crew.until(lambda: pids.exists() and pids.read_text().count(" "))
    body, child = map(int, pids.read_text().split())
    assert crew.running(body)
    assert crew.running(child)
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait(timeout=10)
    crew.until(lambda: not crew.running(body) and not crew.running(child), within_s=5)


def test_a_killed_worker_takes_its_body_along_and_another_resumes(crew: Crew) -> None:
    first = crew.worker()
    job = crew.ask("count", to=60, step_s=0.05)
    crew.until(lambda: job.read().progress.done >= 10)
    body = psutil.Process(first.pid).children()[0]
    first.send_signal(signal.SIGKILL)
    first.wait()
    crew.until(lambda: not body.is_running() or body.status() == psutil.STATUS_ZOMBIE, within_s=5)
    second = crew.worker()
    result = job.wait(timeout=30)
    record = job.read()
    assert result["started_from"] >= 10
    assert record.attempt == 2
    assert record.worker.endswith(f":{second.pid}")
    assert f":{first.pid} was lost (start 1 of 3); queued again" in job.log
    assert list(job.events.index) == list(range(1, 61))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_end_hands_its_job_back_promptly(crew: Crew, how: signal.Signals) -> None:
    first = crew.worker()
    job = crew.ask("count", to=100, step_s=0.03)
    crew.until(lambda: job.read().progress.done >= 5)
    began = time.monotonic()
    first.send_signal(how)
    assert first.wait(10) == 0
    assert time.monotonic() - began < 5
    record = job.read()
    assert (record.state, record.attempt) == ("queued", 0)
    assert jobs.workers(crew.store) == []
    crew.worker()
    assert job.wait(timeout=30)["started_from"] >= 5


def test_a_frozen_worker_loses_its_job_and_cannot_spoil_it(crew: Crew) -> None:
    first = crew.worker()
    job = crew.ask("count", to=40, step_s=0.1)
    crew.until(lambda: job.read().progress.done >= 3)
    body = psutil.Process(first.pid).children()[0]
    os.kill(first.pid, signal.SIGSTOP)
    body.suspend()
    second = crew.worker()
    crew.until(lambda: (job.read().worker or "").endswith(f":{second.pid}"))
    body.resume()
    os.kill(first.pid, signal.SIGCONT)
    assert job.wait(timeout=30)["counted"] == 40
    assert job.read().worker.endswith(f":{second.pid}")
    crew.until(lambda: not body.is_running() or body.status() == psutil.STATUS_ZOMBIE, within_s=10)
    assert first.poll() is None, "losing a job does not end the worker"


def test_a_worker_with_two_slots_runs_two_jobs_at_once(crew: Crew) -> None:
    crew.worker("--slots", "2")
    both = [crew.ask("count", to=30, step_s=0.05) for _ in range(2)]
    crew.until(lambda: [job.state for job in both] == ["running", "running"])
    for job in both:
        job.wait(timeout=30)


def test_a_queued_job_says_when_nobody_is_there_to_run_it(crew: Crew) -> None:
    job = crew.ask("count", to=1)
    with pytest.raises(Unavailable, match="start one with `evalnb up`"):
        job.wait(timeout=0.1)
    with pytest.raises(Unavailable, match="has no result yet"):
        _ = job.result


@pytest.mark.chaos
def test_jobs_run_and_workers_end_without_a_broker(store: Store, own_home: Path, tmp_path: Path) -> None:
    broker_url = valkey.ensure(own_home)
    lonely = replace(store, settings=replace(store.settings, broker_url=broker_url), broker_url=broker_url)
    with hired(lonely, tmp_path) as crew:
        worker = crew.worker()
        crew.until(lambda: jobs.workers(lonely))
        valkey.stop(own_home)
        job = crew.ask("count", to=3, step_s=0)
        assert job.wait(timeout=40)["counted"] == 3
        worker.terminate()
        assert worker.wait(15) == 0


@pytest.mark.chaos
def test_a_job_outlives_a_database_that_dies_under_it(own_home: Path, broker: str, tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"HOME": str(tmp_path), "EVALNB_HOME": str(own_home), "EVALNB_BROKER_URL": broker}
    )
    store = open_store(settings)
    with hired(store, tmp_path) as crew:
        crew.worker("--lease", "20")
        job = crew.ask("count", to=60, step_s=0.1)
        crew.until(lambda: job.read().progress.done >= 5)
        postmaster = postgres.status(own_home).pid
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        assert job.wait(timeout=90)["counted"] == 60
        assert job.read().attempt == 1
    store.close()
