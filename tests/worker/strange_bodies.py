"""Job kinds for the tests of the worker: bodies that behave, and bodies that do not."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from evalnb.errors import Cancelled, Invalid

BODIES = {
    kind: f"{__name__}:{kind}" for kind in ("count", "refuse", "explode", "crash", "leave", "deaf", "chatter", "slow")
}


def count(work):
    """Count to ``to``, one step each ``step_s``; keeps its place in a file, and resumes from there."""
    place = work.folder / "place"
    done = int(place.read_text()) if place.exists() else 0
    to = work.arguments["to"]
    print(f"starting from {done}")
    work.progress.start(to, unit="steps", what="counting")
    work.progress.advance(done)
    for step in range(done, to):
        if work.cancelled():
            raise Cancelled(f"stopped at {step}", remedy="run it again")
        time.sleep(work.arguments.get("step_s", 0.01))
        work.progress.advance(1)
        # Told before its place is kept: killed in between, a step is told twice (and shown once), never not at all.
        work.claim.event("epoch", {"epoch": step + 1, "epochs": to, "losses": {"box": 1 / (step + 1)}, "metrics": {}})
        place.write_text(str(step + 1))
    work.progress.close()
    return {"counted": to, "started_from": done}


def refuse(work):
    raise Invalid("the value is 7", remedy="use 8")


def explode(work):
    raise RuntimeError("boom")


def crash(work):
    print("about to crash", flush=True)
    os.kill(os.getpid(), getattr(signal, work.arguments["signal"]))
    time.sleep(60)


def leave(work):
    os._exit(work.arguments["code"])


def deaf(work):
    """Ignores SIGTERM, and has a child that does too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
    )
    Path(work.arguments["pids"]).write_text(f"{os.getpid()} {child.pid}")
    work.progress.start(None, unit="", what="not listening")
    # Native code that holds the interpreter's lock: no Python signal handler would run either.
    while True:
        ctypes.pythonapi.PyErr_CheckSignals()
        time.sleep(0.1)


def slow(work):
    """Stops in order when asked to."""
    Path(work.arguments["pids"]).write_text(str(os.getpid()))
    work.progress.start(None, unit="", what="waiting")
    while not work.cancelled():
        time.sleep(0.02)
    raise Cancelled("stopped as asked", remedy="run it again")


def chatter(work):
    for line in range(work.arguments["lines"]):
        print(f"line {line} \x1b[31mred\x1b[0m")
    sys.stdout.write("\r10%\r50%\r100%\n")
    sys.stdout.write("no newline at the end")
    return {}
