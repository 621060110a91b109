"""Batches by deadline: who goes together, who goes first, and who is told that it is too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from evalnb_server.serving.batcher import Batcher, Limits

from evalnb.errors import Busy, EvalnbError, TooLate, Unavailable


class Machine:
    """Answers with the question itself, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def __call__(self, questions: Sequence[str]) -> list[str]:
        self.batches.append(list(questions))
        self.begun.release()
        assert self.let.acquire(timeout=60)
        if "broken" in questions:
            raise Unavailable("it broke", remedy="mend it")
        return list(questions)


@contextmanager
def batching(limits: Limits) -> Iterator[tuple[Machine, Batcher[str, str]]]:
    machine = Machine()
    batcher: Batcher[str, str] = Batcher(machine, limits)
    try:
        yield machine, batcher
    finally:
        for _ in range(100):
            machine.let.release()
        batcher.close()


def soon(s: float = 120.0) -> float:
    return time.monotonic() + s


def test_what_comes_while_a_batch_runs_goes_together_the_most_urgent_first() -> None:
    with batching(Limits(batch=3, wait_s=0.0)) as (machine, batcher):
        first = batcher.ask("first", deadline=soon())
        assert machine.begun.acquire(timeout=60)
        asked = [batcher.ask(str(n), deadline=soon(200 - 10 * n)) for n in range(5)]
        for _ in range(3):
            machine.let.release()
        assert [one.result(60) for one in [first, *asked]] == ["first", *map(str, range(5))]
        assert machine.batches == [["first"], ["4", "3", "2"], ["1", "0"]]


def test_a_batch_waits_a_little_for_others_and_not_when_it_is_full() -> None:
    with batching(Limits(batch=2, wait_s=30.0)) as (machine, batcher):
        one = batcher.ask("one", deadline=soon())
        assert not machine.begun.acquire(timeout=0.2)
        two = batcher.ask("two", deadline=soon())
        assert machine.begun.acquire(timeout=20)
        machine.let.release()
        assert (one.result(60), two.result(60)) == ("one", "two")
        # The most urgent one ends the wait of all.
        began = time.monotonic()
        urgent = batcher.ask("urgent", deadline=soon(8.0))
        assert machine.begun.acquire(timeout=20) and time.monotonic() - began < 20
        machine.let.release()
        assert urgent.result(60) == "urgent" or machine.batches[-1] == ["urgent"]


def test_what_is_too_late_costs_nothing_and_what_was_given_up_takes_no_place() -> None:
    with batching(Limits(batch=8, wait_s=0.0)) as (machine, batcher):
        running = batcher.ask("running", deadline=soon())
        assert machine.begun.acquire(timeout=60)
        late = batcher.ask("late", deadline=soon(0.01))
        given_up = batcher.ask("given up", deadline=soon())
        kept = batcher.ask("kept", deadline=soon())
        assert given_up.cancel() and not running.cancel()
        time.sleep(0.05)
        for _ in range(2):
            machine.let.release()
        assert kept.result(60) == "kept"
        with pytest.raises(TooLate, match="has waited"):
            late.result(60)
        assert machine.batches == [["running"], ["kept"]]


def test_one_slow_batch_does_not_refuse_everything_after_it() -> None:
    with batching(Limits(batch=1, wait_s=0.0)) as (machine, batcher):
        slow = batcher.ask("slow", deadline=soon())
        time.sleep(0.5)
        machine.let.release()
        assert slow.result(60) == "slow"
        refused = 0
        while refused < 200:
            machine.let.release()
            try:
                assert batcher.ask("quick", deadline=soon(0.25)).result(60) == "quick"
                break
            except TooLate:
                refused += 1
        assert refused < 200


def test_a_full_queue_refuses_with_the_time_that_it_needs() -> None:
    with batching(Limits(batch=1, wait_s=0.0, queue=2)) as (_, batcher):
        batcher.reserve()
        batcher.reserve()
        with pytest.raises(Busy, match="2 images wait") as refusal:
            batcher.reserve()
        assert refusal.value.retry_after_s >= 1 and not batcher.idle
        batcher.release()
        batcher.reserve()


def test_a_batch_that_fails_tells_everybody_in_it_and_the_next_one_goes_on() -> None:
    with batching(Limits(batch=2, wait_s=0.0)) as (machine, batcher):
        batcher.ask("first", deadline=soon())
        assert machine.begun.acquire(timeout=60)
        both = [batcher.ask("broken", deadline=soon()), batcher.ask("neighbour", deadline=soon())]
        for _ in range(3):
            machine.let.release()
        for one in both:
            with pytest.raises(Unavailable, match="it broke"):
                one.result(60)
        assert batcher.ask("after", deadline=soon()).result(60) == "after"


def test_closing_fails_what_waits() -> None:
    with batching(Limits(batch=1, wait_s=0.0)) as (machine, batcher):
        running = batcher.ask("running", deadline=soon())
        assert machine.begun.acquire(timeout=60)
        waiting = batcher.ask("waiting", deadline=soon())
        closing = threading.Thread(target=batcher.close)
        closing.start()
        machine.let.release()
        closing.join(60)
        assert running.result(0) == "running"
        with pytest.raises(EvalnbError, match="stopping"):
            waiting.result(0)
        with pytest.raises(Busy):
            batcher.reserve()
