"""Images gathered into batches by their deadlines, for one model.

A batch is begun when it is full, when its oldest image has waited long enough, or when the most urgent one could not
wait longer: whatever comes first. The most urgent go first. What cannot be answered in time is told so before it
costs anything, and whoever has gone away takes no place.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from evalnb.errors import Busy, TooLate, Unavailable

_MARGIN_S = 0.02
_Q = TypeVar("_Q")
_A = TypeVar("_A")


@dataclass(frozen=True, slots=True)
class Limits:
    """How one model's queue behaves."""

    batch: int = 8
    """Images that the model is given at once, at most."""
    wait_s: float = 0.005
    """How long the first image of a batch waits for others."""
    queue: int = 64
    """Images that may wait; the next one is refused at once."""


@dataclass(frozen=True, slots=True)
class Waiting(Generic[_Q, _A]):
    """One question on its way."""

    question: _Q
    deadline: float
    """``time.monotonic``."""
    came: float
    answer: Future[_A] = field(default_factory=Future)


class Batcher(Generic[_Q, _A]):
    """Gathers, and calls ``run`` with a batch in a thread of its own. ``run`` answers each question, in order.

    ``prepare`` is called before each batch and should mostly find nothing to do. What it takes is no part of what a
    batch is believed to take; what it raises is told to everybody who waits.
    """

    def __init__(
        self,
        run: Callable[[Sequence[_Q]], Sequence[_A]],
        limits: Limits,
        *,
        prepare: Callable[[], None] = lambda: None,
        ran: Callable[[int, float], None] = lambda _images, _seconds: None,
        name: str = "batches",
    ) -> None:
        self._run = run
        self._prepare = prepare
        self._limits = limits
        self._ran = ran
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Waiting[_Q, _A]]] = []
        self._order = itertools.count()
        self._held = 0
        self._running = 0
        self._closed = False
        self._seconds = 0.0
        """What a batch takes, as the last ones told."""
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        with self._changed:
            return not self._held and not self._running

    def reserve(self) -> None:
        """Take a place in the queue, before anything is spent on the question. Busy, with the time that the queue
        needs to be worked off, when it is full. Every place that was taken is given back by ``release``."""
        with self._changed:
            if self._closed:
                raise Busy("the model is being unloaded", remedy="ask again", retry_after_s=1)
            if self._held >= self._limits.queue:
                drained_s = (self._held / self._limits.batch) * max(self._seconds, 0.05)
                raise Busy(
                    f"{self._held} images wait for this model already",
                    remedy=f"ask again in {drained_s:.1f} s, or send fewer at once",
                    retry_after_s=max(1.0, drained_s),
                )
            self._held += 1

    def release(self) -> None:
        """Give a place back: its question is answered, or will not be asked."""
        with self._changed:
            self._held -= 1

    def ask(self, question: _Q, *, deadline: float) -> Future[_A]:
        """The answer to come; the caller holds a place. TooLate in it when it could not be there in time. Cancelled,
        it takes no part in a batch."""
        one: Waiting[_Q, _A] = Waiting(question, deadline, time.monotonic())
        with self._changed:
            heapq.heappush(self._heap, (deadline, next(self._order), one))
            self._changed.notify_all()
        return one.answer

    def close(self) -> None:
        """Take no more, fail what waits, and end the thread when its present batch is done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _loop(self) -> None:
        while self._wait():
            try:
                self._prepare()
            except Exception as error:  # noqa: BLE001 - a thread's edge: whoever waits is told, and the thread goes on
                self._fail_all(error)
                continue
            if batch := self._gather():
                self._answer(batch)
        self._fail_all(Unavailable("the server is stopping", remedy="ask again"))

    def _wait(self) -> bool:
        """Until something waits; False at the end."""
        with self._changed:
            while not self._heap and not self._closed:
                self._changed.wait()
            return not self._closed

    def _fail_all(self, error: Exception) -> None:
        with self._changed:
            waiting = [one for _, _, one in self._heap]
            self._heap.clear()
        for one in waiting:
            _fail(one, error)

    def _gather(self) -> list[Waiting[_Q, _A]]:
        """The next batch; empty where all were late or gone."""
        late: list[Waiting[_Q, _A]] = []
        with self._changed:
            while not self._closed and (left := self._until_begin()) > 0:
                self._changed.wait(left)
            batch: list[Waiting[_Q, _A]] = []
            now = time.monotonic()
            while self._heap and len(batch) < self._limits.batch:
                _, _, one = heapq.heappop(self._heap)
                if one.deadline < now + self._seconds:
                    # Believed a little less each time: or one slow batch would refuse everything for ever after.
                    self._seconds *= 0.9
                    late.append(one)
                elif one.answer.set_running_or_notify_cancel():
                    batch.append(one)
            self._running = len(batch)
        # Outside of the lock: whoever is told gives its place back, which takes it.
        for one in late:
            _fail(one, _late(one))
        return batch

    def _until_begin(self) -> float:
        """Seconds that the batch may still wait."""
        if len(self._heap) >= self._limits.batch:
            return 0.0
        if all(one.answer.cancelled() for _, _, one in self._heap):
            return 0.0
        oldest = min(one.came for _, _, one in self._heap)
        # Not at the last moment, at which it would be too late by the time that it is begun.
        urgent = self._heap[0][0] - 2 * self._seconds - _MARGIN_S
        return min(oldest + self._limits.wait_s, urgent) - time.monotonic()

    def _answer(self, batch: list[Waiting[_Q, _A]]) -> None:
        began = time.monotonic()
        try:
            answers = self._run([one.question for one in batch])
            took = time.monotonic() - began
            # The quicker of the last two: a start or a hiccup is no reason to refuse what comes next.
            self._seconds = took if not self._seconds else min(took, (self._seconds + took) / 2)
            self._ran(len(batch), took)
            for one, answer in zip(batch, answers, strict=True):
                one.answer.set_result(answer)
        except Exception as error:  # noqa: BLE001 - a thread's edge: whoever waits is told, and the thread goes on
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        finally:
            with self._changed:
                self._running = 0


def _late(one: Waiting[_Q, _A]) -> TooLate:
    waited_ms = 1000 * (time.monotonic() - one.came)
    return TooLate(
        f"the answer could not be there by its deadline (it has waited {waited_ms:.0f} ms)",
        remedy="give a longer deadline_ms, send fewer images at once, or use a smaller model",
    )


def _fail(one: Waiting[_Q, _A], error: Exception) -> None:
    if one.answer.set_running_or_notify_cancel():
        one.answer.set_exception(error)
