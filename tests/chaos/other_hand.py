"""Whoever edits without a page: a process that applies ops to the image, is killed, and is started again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4


@dataclass
class OtherHand:
    """Makes ``left`` ops, one after another, and sends those again that were not acknowledged. ``patch`` makes one's
    values, all of them if ``whole``."""

    image_id: int
    environment: Mapping[str, str]
    patch: Callable[..., dict[str, Any]]
    left: int
    luck: random.Random
    acknowledged: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, list[str]] = field(default_factory=dict)
    deaths: int = 0
    fault: BaseException | None = None
    enough: threading.Event = field(default_factory=threading.Event)
    _drawn: list[str] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None

    @property
    def done(self) -> bool:
        """Whether everything is made and acknowledged."""
        return not self.left

    def run(self) -> None:
        """Until all is done, or ``enough``."""
        try:
            while self.left and not self.enough.is_set():
                op = self._op()
                while not self.enough.is_set() and not self._sent(op):
                    self.deaths += 1
                self.left -= 1
        except BaseException as error:
            self.fault = error
            raise
        finally:
            self.kill()

    def kill(self) -> None:
        """As a machine that loses its power does."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _op(self) -> dict[str, Any]:
        old = self._drawn and self.luck.random() < 0.6
        shape_id = self.luck.choice(self._drawn) if old else str(uuid4())
        if not old:
            self._drawn.append(shape_id)
        return {
            "client_op_id": str(uuid4()),
            "shape_id": shape_id,
            "base_rev": 1 if old else 0,
            "action": "update" if old else "create",
            "patch": self.patch(self.luck, whole=not old),
        }

    def _sent(self, op: dict[str, Any]) -> bool:
        """Whether it was acknowledged; if not, the process died before it could say so."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(op) + "\n")
            process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return False
        line = process.stdout.readline()
        if not line.endswith("\n"):
            return False
        op_id, status, conflicts = line.split()
        assert op_id == op["client_op_id"]
        self.acknowledged[op_id] = status
        if status != "refused":
            # Of one that was applied before the process died the answer is "duplicate", with the same conflicts.
            self.conflicts[op_id] = [] if conflicts == "-" else conflicts.split(",")
        return True

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = applier(self.image_id, self.environment)
        return self._process


def applier(image_id: int, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """The process that applies what stands on its stdin to the image."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.applier", str(image_id)],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
