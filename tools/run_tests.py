"""Run the tests, two folders at a time, so that one works while another waits. `make test` runs this.

Each folder is a pytest of its own: its servers, its home and its ports are its own too. What fails is shown whole at
the end, and all that was said is kept in .build/tests.

What failed beside other work is asked once more with the machine to itself. A defect fails again. What passes then is
named as unsteady, so that somebody mends it, and holds nobody else up.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".build" / "tests"

# The longest first, so that nothing long begins last. Folders that are not named here run together as "the others".
ALONE = (
    *("browser", "server", "models", "worker", "demo", "cli", "store", "registry", "packaging", "chaos"),
    *("uploads", "parity"),
)
ON_OTHER_SERVERS = ("store", "edits", "registry", "jobs", "runs")
"""What touches the database runs once more, against the distribution's own PostgreSQL and Redis."""
SOME_FAILED = 1
"""pytest's exit code when tests ran and some failed; others say that it could not run them."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some tests, as one pytest."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def again(self) -> Part:
        """Those of its tests that failed just now."""
        return Part(self.name, ["--last-failed", "--last-failed-no-failures=none", *self.arguments], self.environment)


@dataclass(slots=True)
class Running:
    """A part that has begun."""

    part: Part
    process: subprocess.Popen[bytes]
    log: Path
    began_s: float


def parts() -> list[Part]:
    """All of the tests."""
    alone = [Part(name, [f"tests/{name}"]) for name in ALONE]
    outside = Part(
        "other servers",
        ["-m", "not browser and not chaos", *(f"tests/{name}" for name in ON_OTHER_SERVERS)],
        {"EVALNB_TEST_SERVERS": "outside"},
    )
    others = Part("the others", ["tests", *(f"--ignore=tests/{name}" for name in ALONE)])
    return [*alone[:4], outside, others, *alone[4:]]


def main() -> int:
    """0 if every test passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, default=2, help="how many folders run at a time (2)")
    parser.add_argument("names", nargs="*", help="of the parts to run (all)")
    asked = parser.parse_args()
    known = {part.name: part for part in parts()}
    if strange := set(asked.names) - set(known):
        parser.error(f"there is no part {sorted(strange)[0]!r}; there are {', '.join(known)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    waiting = [known[name] for name in asked.names or known]
    running: list[Running] = []
    failed: list[Running] = []
    unsteady: list[str] = []
    began_s = time.monotonic()
    # A terminated run ends as an interrupted one, also where a shell had it ignore Ctrl+C; what it began ends first.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.default_int_handler)
    try:
        while waiting or running:
            while waiting and len(running) < max(1, asked.at_once):
                running.append(_begin(waiting.pop(0)))
            time.sleep(0.2)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                _tell(one)
                if one.process.returncode:
                    failed.append(one)
        for first in [one for one in failed if one.process.returncode == SOME_FAILED]:
            running.append(_begin(first.part.again(), log=f"{first.log.stem}-again.log"))
            again = running[0]
            again.process.wait()
            running.clear()
            _tell(again)
            if again.process.returncode == 0:
                failed.remove(first)
                unsteady += _failures(first)
    finally:
        for one in running:
            one.process.send_signal(signal.SIGINT)
        for one in running:
            one.process.wait()
    for one in failed:
        print(f"\n──── {one.part.name}\n{one.log.read_text(errors='replace')}")
    for test in unsteady:
        print(f"unsteady, to be mended: {test} failed beside other work and passed alone")
    told = f"{', '.join(one.part.name for one in failed)} failed" if failed else "all passed"
    print(f"{told}, in {time.monotonic() - began_s:.0f} s", flush=True)
    return 1 if failed else 0


def _begin(part: Part, *, log: str | None = None) -> Running:
    name = part.name.replace(" ", "-")
    output_to = LOGS / (log or f"{name}.log")
    # Its own group: a Ctrl+C at the terminal reaches it once, through us.
    with output_to.open("wb") as output:
        # A cache of its own: it says which of the part's tests failed.
        cache = ["-o", f"cache_dir={LOGS / name}.cache"]
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *cache, "--durations=10", *part.arguments],
            cwd=ROOT,
            env={**os.environ, **part.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    return Running(part, process, output_to, time.monotonic())


def _failures(one: Running) -> list[str]:
    lines = one.log.read_text(errors="replace").splitlines()
    return [line.split()[1] for line in lines if line.startswith(("FAILED ", "ERROR ")) and "::" in line]


def _tell(one: Running) -> None:
    lines = one.log.read_text(errors="replace").splitlines() or ["said nothing"]
    mark = "✗" if one.process.returncode else "✓"
    print(f"{mark} {one.part.name:14} {lines[-1].strip('= ')}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
