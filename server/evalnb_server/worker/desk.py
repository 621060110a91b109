"""The supervisor's desk: a few slots, each of which takes queued jobs until there are none."""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable

from evalnb import jobs
from evalnb.errors import EvalnbError
from evalnb.jobs.claims import queued
from evalnb.registry import aliases
from evalnb.store import Store
from evalnb_server.worker import supervision
from evalnb_server.worker.options import Options

_log = logging.getLogger(__name__)

PRESENCE_TTL_S = 10.0
"""A worker that has not announced itself for so long counts as gone."""
_PRUNE_S = 3600.0


class Desk:
    """Claims jobs and runs them. ``work`` is called by a ring, and by a thread that looks every ``look_s``."""

    def __init__(self, store: Store, options: Options, *, kinds: tuple[str, ...]) -> None:
        self._store = store
        self._options = options
        self._kinds = kinds
        self._free = threading.BoundedSemaphore(options.slots)
        self._busy = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._prune_at = time.monotonic()
        self._threads: list[threading.Thread] = []

    @property
    def name(self) -> str:
        """The worker's name, as rows and people have it."""
        return self._options.name

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin to look for lost rings and lost workers, and to say that this worker is alive."""
        self._spawn(self._look, "look")
        self._spawn(self._announce, "announce")

    def stop(self) -> None:
        """Ask running jobs for a checkpoint and hand them back. Only sets a flag, so a signal handler may call it."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until every slot is free and the threads have ended: at most the grace period and a little."""
        while self._threads:
            self._threads.pop().join()

    def work(self) -> None:
        """Take queued jobs one after the other until none is left, if a slot is free."""
        if not self._free.acquire(blocking=False):
            return
        self._count(+1)
        try:
            while not self._stopping.is_set():
                claim = jobs.claim(
                    self._store, worker=self._options.name, kinds=self._kinds, lease_s=self._options.lease_s
                )
                if claim is None:
                    return
                supervision.run(claim, self._options, stopping=self._stopping)
        finally:
            self._count(-1)
            self._free.release()

    def _look(self) -> None:
        while not self._stopping.is_set():
            self._guarded("looking for work", self._look_once)
            self._guarded("removing old predictions", self._prune)
            self._stopping.wait(self._options.look_s)

    def _look_once(self) -> None:
        for job in jobs.reap(self._store, attempts=self._options.attempts):
            _log.warning("job %s: its worker was lost; %s", job.id, job.state)
        waiting = queued(self._store, self._kinds)
        for _ in range(min(waiting, self._options.slots - self._busy)):
            self._spawn(lambda: self._guarded("working", self.work), "work")

    def _prune(self) -> None:
        if time.monotonic() < self._prune_at:
            return
        if removed := aliases.prune(self._store):
            _log.info("removed %d served predictions without an outcome", removed)
        self._prune_at = time.monotonic() + _PRUNE_S

    def _announce(self) -> None:
        while not self._stopping.is_set():
            self._guarded("announcing this worker", self._announce_once)
            self._stopping.wait(PRESENCE_TTL_S / 3)
        self._guarded("taking leave", lambda: jobs.retire(self._store, self._options.name))

    def _announce_once(self) -> None:
        me = jobs.WorkerRecord(
            name=self._options.name,
            host=platform.node(),
            pid=os.getpid(),
            slots=self._options.slots,
            busy=self._busy,
            kinds=self._kinds,
        )
        jobs.announce(self._store, me, ttl_s=PRESENCE_TTL_S)

    def _guarded(self, doing: str, act: Callable[[], None]) -> None:
        """Servers come and go; the desk stays and tries again."""
        try:
            act()
        except EvalnbError as error:
            _log.warning("%s: %s", doing, error)

    def _spawn(self, act: Callable[[], None], name: str) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=act, name=f"desk {name}")
        self._threads.append(thread)
        thread.start()

    def _count(self, change: int) -> None:
        with self._lock:
            self._busy += change
