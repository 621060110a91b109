"""The loop that keeps the services running until it is told to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from evalnb.cli.supervision import logs, processes
from evalnb.cli.supervision.child import Child, Service
from evalnb.cli.supervision.processes import Identity
from evalnb.cli.supervision.runfile import Entry, Record, RunDirectory
from evalnb.errors import EvalnbError

_TICK_S = 0.2
_LOOK_S = 2.0
"""How often the tree of processes is read and the embedded servers are looked at."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server that is not our child (PostgreSQL, Valkey): looked at now and then, started again by its own verb."""

    name: str
    title: str
    pid: Callable[[], int | None]
    """Its pid, or None where it does not run."""
    ensure: Callable[[], str]
    """Start or adopt it; gives its address."""


class Supervisor:
    """Starts the services, tells how they stand, starts again what dies, and ends all of them.

    ``say`` gets lines for a person; ``became_ready`` is called once, when every service has answered or failed;
    ``ending`` once a signal came.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        run: RunDirectory,
        guarded: Sequence[Guarded] = (),
        absent: Iterable[Entry] = (),
        say: Callable[[str], None],
        became_ready: Callable[[list[Entry]], None],
        ending: Callable[[], None] = lambda: None,
        grace_s: float = 8.0,
        public_url: str | None = None,
    ) -> None:
        self._run = run
        self._guarded = list(guarded)
        self._guarded_entries: dict[str, Entry] = {}
        self._absent = list(absent)
        self._say = say
        self._became_ready = became_ready
        self._ending = ending
        self._grace_s = grace_s
        self._public_url = public_url
        self._behind: dict[str, Any] = {}
        home = run.path.parent
        self._children = [Child(service, home / "logs" / f"{service.name}.log") for service in services]
        self._descendants: set[Identity] = set()
        self._signals = 0
        self._looked = 0.0
        self._ready = False

    def run(self) -> None:
        """Keep everything running until SIGINT, SIGTERM or SIGHUP; then end it. A second signal kills at once."""
        old = {
            number: signal.signal(number, self._signalled)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            self._write_backends()
            for child in self._children:
                logs.rotate(child.log)
                child.start()
            self._look()
            self._write()
            while self._signals == 0:
                self._tick()
                time.sleep(_TICK_S)
            self._ending()
        finally:
            self._end()
            for number, handler in old.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        # Only a number changes here: a lock taken in a handler can wait for the very frame it interrupted.
        self._signals += 1
        if self._signals > 1:
            # Straight from the handler: whatever the loop waits for, this is now.
            self._kill()

    def _tick(self) -> None:
        changed = False
        for child in self._children:
            changed |= child.tick()
            while child.happened:
                self._say(child.happened.pop(0))
        if time.monotonic() - self._looked > _LOOK_S:
            changed |= self._look()
        if not self._ready and all(child.state in {"up", "failed"} for child in self._children):
            self._ready = changed = True
            self._write()
            self._became_ready(self.entries())
        if changed:
            self._write()

    def _look(self) -> bool:
        self._looked = time.monotonic()
        before = (self._descendants, dict(self._guarded_entries))
        for server in self._guarded:
            self._guard(server)
        roots = [child.identity for child in self._children if child.identity is not None]
        known = processes.living(self._descendants)
        self._descendants = known | processes.family([*roots, *known], spare=self._spared())
        return before != (self._descendants, self._guarded_entries)

    def _guard(self, server: Guarded) -> None:
        entry = self._guarded_entries.get(server.name)
        pid = server.pid()
        try:
            if entry is None or pid is None:
                if entry is not None and entry.state == "up":
                    self._say(f"{server.title} has gone; it starts again")
                address = server.ensure()
                pid = server.pid()
                entry = Entry(server.name, server.title, "up", address=address)
            found = None if pid is None else processes.identify(pid)
            entry = Entry(
                server.name,
                server.title,
                "up",
                address=entry.address,
                pid=found.pid if found else None,
                born=found.born if found else None,
            )
        except EvalnbError as error:
            if entry is None or entry.state != "failed":
                self._say(f"{server.title} cannot be started: {error}")
            entry = Entry(server.name, server.title, "failed", note=str(error))
        self._guarded_entries[server.name] = entry

    def _spared(self) -> set[int]:
        # A kernel that finds PostgreSQL gone starts it: then it is below a service, yet not the service's own.
        return {entry.pid for entry in self._guarded_entries.values() if entry.pid is not None}

    def entries(self) -> list[Entry]:
        """The table, as things stand."""
        rows = [
            Entry(
                child.service.name,
                child.service.title,
                child.state,
                address=self._shown(child.service),
                pid=child.identity.pid if child.identity else None,
                born=child.identity.born if child.identity else None,
                log=str(child.log),
                note=child.service.note,
            )
            for child in self._children
        ]
        return [*rows, *self._absent, *self._guarded_entries.values()]

    def _write(self) -> None:
        self._run.write_record(
            Record(
                supervisor=processes.myself(),
                ready=self._ready,
                entries=self.entries(),
                descendants=sorted(self._descendants),
            )
        )

        self._run.write_addresses(
            {child.service.name: shown for child in self._children if (shown := self._shown(child.service))}
        )
        self._write_backends()

    def _write_backends(self) -> None:
        behind = {
            "backends": {
                child.service.name: {
                    "title": child.service.title,
                    "prefix": child.service.prefix,
                    "host": child.service.host,
                    "port": child.service.port,
                    "secret": child.service.secret,
                    "log": str(child.log),
                }
                for child in self._children
                if child.service.prefix
            },
            "left_out": {entry.name: entry.note for entry in self._absent if entry.state == "absent"},
        }
        # The front reads it again whenever it has changed.
        if behind != self._behind:
            self._run.write_backends(behind)
            self._behind = behind

    def _shown(self, service: Service) -> str:
        """Where a person opens it: at the one address, where there is one."""
        front = next((child.service for child in self._children if child.service.name == "front"), None)
        if front is None or not service.page:
            return service.located()
        return f"{self._public_url or front.located()}{service.page}"

    def _roots(self) -> set[Identity]:
        return {child.identity for child in self._children if child.identity is not None}

    def _end(self) -> None:
        left = processes.end(self._roots(), known=self._descendants, spare=self._spared(), grace_s=self._grace_s)
        for one in sorted(left):
            self._say(f"process {one.pid} could not be ended")

    def _kill(self) -> None:
        processes.kill(self._roots(), known=self._descendants, spare=self._spared())
