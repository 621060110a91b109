"""One service's life: started, answering, dead, started again after a pause, given up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalnb.cli.supervision import logs, ports
from evalnb.cli.supervision.processes import Identity, identify

QUICK_S = 10.0
"""A death sooner than this after the start is a quick one."""
QUICK_DEATHS = 5
"""So many quick deaths in a row, and the service is given up."""
_PAUSE_S = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True)
class Service:
    """A process to run and keep. ``{port}`` in ``command``, ``environment`` and ``address`` is its port."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    ready: Callable[[str, int], bool]
    """Given the address ("" where there is none) and the pid: whether it answers."""
    address: str = ""
    """Where it listens."""
    prefix: str = ""
    """Its paths at the one address, where it stands behind the front: ``/jupyter/``."""
    page: str = ""
    """What a person opens there: ``/jupyter/lab``."""
    secret: str = ""
    """What it asks the front for."""
    host: str = "127.0.0.1"
    port: int | None = None
    movable: bool = True
    """Whether another port may be taken when somebody was faster on this one."""
    note: str = ""
    within_s: float = 90.0
    """How long it may take to answer for the first time."""

    def located(self) -> str:
        """The address, with its port."""
        return self.address.replace("{port}", str(self.port))

    def argv(self) -> list[str]:
        """The command, with its port."""
        return [part.replace("{port}", str(self.port)) for part in self.command]

    def environ(self) -> dict[str, str]:
        """The environment, with its port."""
        return {name: str(self.port) if value == "{port}" else value for name, value in self.environment.items()}


@dataclass(slots=True)
class Child:
    """A service under care. ``tick`` is called a few times a second and never waits."""

    service: Service
    log: Path
    state: str = "starting"
    happened: list[str] = field(default_factory=list)
    """Lines for a person: deaths, restarts, giving up. Whoever shows them empties the list."""
    answered: bool = False
    """Whether it has answered since ``up`` began."""
    quick_deaths: int = 0
    identity: Identity | None = None
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _again: float = 0.0

    def start(self) -> None:
        """Start the process, in a session of its own: the terminal's Ctrl+C is the supervisor's alone."""
        service = self.service
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as log:
            log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {service.title} starts\n".encode())
            log.flush()
            self._started = time.monotonic()
            self.state = "starting"
            try:
                self._process = subprocess.Popen(
                    service.argv(),
                    cwd=service.directory,
                    env=service.environ(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                # No memory or no process to be had, or the folder is gone: one death more.
                log.write(f"{error}\n".encode())
                log.flush()
                self._died(self._started, str(error))
                return
        self.identity = identify(self._process.pid)

    def tick(self) -> bool:
        """Look after it once; True where something changed."""
        before = (self.state, self.identity)
        now = time.monotonic()
        if self.state == "waiting" and now >= self._again:
            self.start()
        if self._process is not None and self._process.poll() is not None:
            code = self._process.returncode
            self._died(now, f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")
        elif self._process is not None and self.state != "up" and self._answers(self._process.pid):
            self.state, self.answered = "up", True
        elif self.state == "starting" and now - self._started > self.service.within_s:
            self._fail(f"{self.service.title} has not answered for {self.service.within_s:.0f} s; it is left running")
        elif self.state == "up" and now - self._started > 6 * QUICK_S:
            self.quick_deaths = 0
        return (self.state, self.identity) != before

    def _answers(self, pid: int) -> bool:
        return self.service.ready(self.service.located(), pid)

    def _died(self, now: float, how: str) -> None:
        service = self.service
        self._process, self.identity = None, None
        # Supervisors are killed with a reason; the count is of deaths that a fresh start will not mend.
        self.quick_deaths = self.quick_deaths + 1 if now - self._started < QUICK_S else 1
        if self.quick_deaths >= QUICK_DEATHS:
            self._fail(f"{service.title} died {self.quick_deaths} times in a row ({how}) and is given up")
            return
        moved = self._move_off_a_busy_port()
        pause = _PAUSE_S[min(self.quick_deaths, len(_PAUSE_S)) - 1]
        self.state, self._again = "waiting", now + pause
        where = f" on port {self.service.port}" if moved else ""
        self.happened.append(
            f"{service.title} died ({how}); it starts again{where} in {pause:.1f} s. Its log: {self.log}"
        )

    def _move_off_a_busy_port(self) -> bool:
        # Between choosing a port and listening on it, another program may have been faster. An address that
        # people have seen stays, and the deaths are counted.
        service = self.service
        if self.answered or not service.movable or service.port is None or ports.is_free(service.host, service.port):
            return False
        self.service = replace(service, port=ports.first_free(service.host, service.port + 1))
        return True

    def _fail(self, line: str) -> None:
        self.state = "failed"
        last = "\n".join(f"    {one}" for one in logs.tail(self.log))
        self.happened.append(f"{line}. The end of {self.log}:\n{last}")
