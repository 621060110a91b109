"""What a body says at its end, to its supervisor: a file that is there whole or not at all.

The body does not write the job's end into the database itself: the supervisor first writes what the body has printed,
so that a job that has ended has all of its log.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from evalnb.core.jobs import JobFailure


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result or a failure."""

    result: dict[str, Any] | None = None
    failure: JobFailure | None = None


def write(folder: Path, fence: int, outcome: Outcome) -> None:
    """Leave the outcome; TypeError if the result is not JSON."""
    path = _path(folder, fence)
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        file.write(orjson.dumps(asdict(outcome)))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read(folder: Path, fence: int) -> Outcome | None:
    """What the body that ran under this fence has left, or None if it did not come so far."""
    path = _path(folder, fence)
    if not path.exists():
        return None
    said = orjson.loads(path.read_bytes())
    failure = said["failure"]
    return Outcome(result=said["result"], failure=None if failure is None else JobFailure(**failure))


def _path(folder: Path, fence: int) -> Path:
    # By fence: what an earlier start has left is not taken for this one's word.
    return folder / f"outcome-{fence}.json"
