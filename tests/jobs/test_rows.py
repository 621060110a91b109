"""The life of a job's row: asked, claimed under a fence, reported on, ended, taken over."""

from __future__ import annotations

import subprocess
import sys
import time
from uuid import UUID

import pytest

from evalnb import jobs
from evalnb.core.jobs import JobFailure, JobProgress
from evalnb.errors import NotFound, StaleFence
from evalnb.jobs.claims import LOG_BATCHES
from evalnb.store import Store
from evalnb.store.database import Database
from evalnb.store.repositories import jobs as rows


def ask(store: Store, project_id: int, kind: str = "count", **arguments: object) -> UUID:
    with store.database.transaction() as session:
        return jobs.ask(session, project_id, kind, arguments, author="ada")


def read(store: Store, job_id: UUID) -> jobs.JobRecord:
    with store.database.transaction() as session:
        return jobs.read(session, job_id)


def claim(store: Store, *, worker: str = "w1", lease_s: float = 30.0) -> jobs.Claim:
    taken = jobs.claim(store, worker=worker, kinds=["count"], lease_s=lease_s)
    assert taken is not None
    return taken


def test_a_job_asked_in_a_transaction_that_fails_was_never_asked(store: Store, project_id: int) -> None:
    with pytest.raises(RuntimeError), store.database.transaction() as session:
        jobs.ask(session, project_id, "count", {}, author="ada")
        raise RuntimeError
    assert jobs.claim(store, worker="w", kinds=["count"], lease_s=30) is None


def test_the_oldest_job_of_the_wanted_kinds_is_claimed(store: Store, project_id: int) -> None:
    ask(store, project_id, "other")
    first, second = ask(store, project_id), ask(store, project_id)
    assert [claim(store).id, claim(store).id] == [first, second]
    assert jobs.claim(store, worker="w", kinds=["count"], lease_s=30) is None


def test_a_claim_says_who_holds_it_and_counts_the_start(store: Store, project_id: int) -> None:
    ask(store, project_id)
    job = claim(store, worker="box:7").job
    assert (job.state, job.worker, job.attempt, job.fence) == ("running", "box:7", 1, 1)
    assert job.started_at is not None
    assert job.lease_until is not None
    assert 28 < (job.lease_until - job.started_at).total_seconds() < 32


CLAIMER = """
import sys
from evalnb import jobs
from evalnb.settings import Settings
from evalnb.store import open_store
store = open_store(Settings.from_environment())
while taken := jobs.claim(store, worker=sys.argv[1], kinds=["count"], lease_s=60):
    print(taken.id)
"""


def test_eight_processes_never_claim_one_job_twice(store: Store, project_id: int) -> None:
    asked = {str(ask(store, project_id)) for _ in range(200)}
    environment = store.settings.child_environment()
    crowd = [
        subprocess.Popen([sys.executable, "-c", CLAIMER, f"w{n}"], env=environment, stdout=subprocess.PIPE, text=True)
        for n in range(8)
    ]
    taken = [line for one in crowd for line in one.communicate(timeout=60)[0].split()]
    assert [one.returncode for one in crowd] == [0] * 8
    assert len(taken) == 200
    assert set(taken) == asked


def test_every_write_under_an_older_fence_is_refused(store: Store, project_id: int) -> None:
    ask(store, project_id)
    old = claim(store, lease_s=0.05)
    time.sleep(0.1)
    assert [job.state for job in jobs.reap(store)] == ["queued"]
    new = claim(store, worker="w2")
    for write in (
        lambda: old.beat(lease_s=30),
        lambda: old.progress(JobProgress(1, 2)),
        lambda: old.event("epoch", {"epoch": 1}),
        lambda: old.log("still here\n"),
        lambda: old.succeed({"by": "old"}),
        lambda: old.fail(JobFailure("Invalid", "no", "yes")),
        old.end_cancelled,
        old.hand_back,
    ):
        with pytest.raises(StaleFence):
            write()
    new.succeed({"by": "new"})
    assert read(store, new.id).result == {"by": "new"}
    assert not any("still here" in event.body.get("text", "") for event in _events(store, new.id))


def test_a_reaped_worker_is_refused_even_before_another_has_claimed(store: Store, project_id: int) -> None:
    ask(store, project_id)
    old = claim(store, lease_s=0.05)
    time.sleep(0.1)
    jobs.reap(store)
    with pytest.raises(StaleFence):
        old.succeed({})


def test_a_heartbeat_keeps_the_reaper_away(store: Store, project_id: int) -> None:
    ask(store, project_id)
    held = claim(store, lease_s=0.3)
    for _ in range(5):
        time.sleep(0.1)
        held.beat(lease_s=0.3)
        assert jobs.reap(store) == []


def test_a_job_whose_workers_keep_dying_fails_with_the_reason(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    for _ in range(2):
        claim(store, worker="box:9", lease_s=0.02)
        time.sleep(0.05)
        jobs.reap(store, attempts=2)
    job = read(store, job_id)
    assert job.state == "failed"
    assert job.failure is not None
    assert "box:9 was lost (start 2 of 2)" in job.failure.happened


def test_handing_back_does_not_count_as_an_attempt(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    for _ in range(5):
        claim(store).hand_back()
    job = read(store, job_id)
    assert (job.state, job.attempt, job.worker, job.lease_until) == ("queued", 0, None, None)


def test_cancelling_a_queued_job_ends_it_at_once(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    with store.database.transaction() as session:
        assert jobs.cancel(session, job_id).state == "cancelled"
    assert jobs.claim(store, worker="w", kinds=["count"], lease_s=30) is None
    assert read(store, job_id).finished_at is not None


def test_a_running_job_hears_of_its_cancellation_at_the_next_beat(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    held = claim(store)
    assert held.beat(lease_s=30) is False
    with store.database.transaction() as session:
        assert jobs.cancel(session, job_id).state == "running"
    assert held.beat(lease_s=30) is True


def test_a_cancelled_job_whose_worker_died_is_cancelled_not_resumed(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    claim(store, lease_s=0.02)
    with store.database.transaction() as session:
        jobs.cancel(session, job_id)
    time.sleep(0.05)
    jobs.reap(store)
    assert read(store, job_id).state == "cancelled"


def test_cancelling_a_finished_job_changes_nothing(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    claim(store).succeed({"n": 1})
    with store.database.transaction() as session:
        assert jobs.cancel(session, job_id).state == "succeeded"
    assert not read(store, job_id).cancel_requested


def test_the_last_words_may_come_after_the_result(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    held = claim(store)
    held.succeed({})
    held.log("bye\n")
    assert [event.body["text"] for event in _events(store, job_id)] == ["bye\n"]


def test_the_log_keeps_its_last_pieces_alone(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    held = claim(store)
    held.event("epoch", {"epoch": 1})
    for n in range(LOG_BATCHES + 3):
        held.log(f"{n}\n")
    said = _events(store, job_id)
    assert len(said) == LOG_BATCHES + 1
    assert said[0].kind == "epoch"
    assert said[1].body["text"] == "3\n"


def test_events_follow_on_from_the_last_one_seen(store: Store, project_id: int) -> None:
    job_id = ask(store, project_id)
    held = claim(store)
    held.event("epoch", {"epoch": 1})
    seen = _events(store, job_id)[-1].id
    held.event("epoch", {"epoch": 2})
    with store.database.transaction() as session:
        assert [event.body["epoch"] for event in jobs.events(session, job_id, after=seen)] == [2]


def test_an_unknown_job_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no job"):
        read(store, UUID(int=1))


def test_two_databases_of_one_server_have_two_scopes(store: Store, server_url: str) -> None:
    other = Database(server_url)
    with other.transaction() as session, store.database.transaction() as ours:
        assert rows.scope(session) != rows.scope(ours)
        assert rows.scope(ours) == rows.scope(ours)
    other.close()


def _events(store: Store, job_id: UUID) -> list[jobs.JobEvent]:
    with store.database.transaction() as session:
        return jobs.events(session, job_id)
