"""Real workers on a test's own database, started and ended by id; and the jobs they are given."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from evalnb import jobs
from evalnb.jobs import Job
from evalnb.store import Store
from evalnb.store.tables import ProjectRow

BODIES = Path(__file__).parent / "worker"
"""Where strange_bodies.py stands."""


class Crew:
    """Starts workers, asks for jobs, and waits for facts."""

    def __init__(self, store: Store, project_id: int, logs: Path) -> None:
        self.store = store
        self.project_id = project_id
        self._logs = logs
        self.workers: list[subprocess.Popen[bytes]] = []

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        """A worker process with short leases and the strange bodies."""
        command = [sys.executable, "-m", "evalnb_server.worker", "--bodies", "strange_bodies"]
        command += ["--lease", "2", "--grace", "2", "--look", "0.3", *options]
        # Before, not instead of, what this run imports from.
        places = os.pathsep.join(filter(None, (str(BODIES), os.environ.get("PYTHONPATH"))))
        environment = self.store.settings.child_environment(PYTHONPATH=places)
        with (self._logs / f"worker{len(self.workers)}.log").open("wb") as log:
            one = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        self.workers.append(one)
        return one

    def log_of(self, worker: subprocess.Popen[bytes]) -> str:
        return (self._logs / f"worker{self.workers.index(worker)}.log").read_text()

    def ask(self, kind: str, *, ring: bool = True, **arguments: object) -> Job:
        with self.store.database.transaction() as session:
            job_id = jobs.ask(session, self.project_id, kind, arguments, author="ada")
        if ring:
            jobs.ring(self.store, job_id)
        return Job(self.store, job_id)

    def until(self, fact: Callable[[], object], *, within_s: float = 30.0, what: str = "") -> None:
        ends = time.monotonic() + within_s
        while not fact():
            logs = "\n".join(self.log_of(worker) for worker in self.workers)
            assert time.monotonic() < ends, f"{what or 'it did not happen'}\n{logs}"
            time.sleep(0.05)

    def running(self, pid: int) -> bool:
        """Whether a process runs; a zombie does not."""
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@contextmanager
def hired(store: Store, folder: Path) -> Iterator[Crew]:
    """A crew in a new project; its workers end with it."""
    with store.database.transaction() as session:
        row = ProjectRow(name="quarry")
        session.add(row)
        session.flush()
        project_id = row.id
    crew = Crew(store, project_id, folder)
    try:
        yield crew
    finally:
        for worker in crew.workers:
            if worker.poll() is None:
                worker.terminate()
        for worker in crew.workers:
            try:
                worker.wait(15)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait(5)
                raise
