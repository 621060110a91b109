"""The models that are in memory: each in a process of its own, the least recently used one goes for the next."""

from __future__ import annotations

import logging
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from evalnb import errors
from evalnb.core.children import Child, ChildLost
from evalnb.errors import Busy, EvalnbError, Unavailable
from evalnb.imagery import SharedPixels
from evalnb.store import Store
from evalnb.store.repositories.models import ModelVersion
from evalnb_server.monitoring import Metrics
from evalnb_server.serving.batcher import Batcher, Limits

_log = logging.getLogger(__name__)
_PATIENCE_S = 180.0
"""For a batch, the import of torch and the reading of weights included."""


@dataclass(frozen=True, slots=True)
class Question:
    """One image for a model."""

    pixels: SharedPixels
    confidence: float
    most: int
    """Detections."""
    id: UUID
    """What the answer will be known by."""
    change_id: int
    """What its alias stood for when it was asked."""
    version_id: int
    key: str | None
    began: float
    """``time.monotonic``."""


@dataclass(frozen=True, slots=True)
class Detected:
    """What a model found on one image, best first."""

    box: list[list[float]]
    score: list[float]
    class_index: list[int]
    batch: int
    """How many images the model was given at once."""
    seconds: float
    """What the model took for all of them."""


class Resident:
    """One model version: its process, and its queue."""

    def __init__(self, version: ModelVersion, store: Store, metrics: Metrics, limits: Limits, keep: Keep) -> None:
        settings = store.settings
        self._metrics = metrics
        self._keep = keep
        self._model = {
            "architecture": version.architecture,
            "weights": str(store.blobs.local_path(version.sha256)),
            "class_names": list(version.class_names),
            "device": settings.device,
            "home": str(settings.home),
        }
        self._child = Child(
            _command,
            # It computes; it is told neither where the database is nor how to enter.
            environment={
                name: value for name, value in settings.child_environment().items() if not name.startswith("EVALNB_")
            },
            start_s=_PATIENCE_S,
            # What it says goes where the server's log goes.
            log=None,
        )
        self.batches: Batcher[Question, Detected] = Batcher(
            self._run,
            limits,
            prepare=self._prepare,
            ran=self._ran,
            name=f"batches of {version.name} v{version.number}",
        )

    @property
    def pid(self) -> int | None:
        """The model's process."""
        return self._child.pid

    def close(self) -> None:
        """End the process; its memory is free when this returns."""
        self.batches.close()
        self._child.close()

    def _prepare(self) -> None:
        if self._child.pid is None:
            self._asked({"ask": "load", "model": self._model}, [])

    def _run(self, batch: Sequence[Question]) -> list[Detected]:
        # One call for all: what a lower threshold or a longer list finds beyond an image's own is cut off behind it.
        # Suppression never looks at weaker boxes to judge a stronger one, so that the rest is as if asked alone.
        head = {
            "ask": "detect",
            "model": self._model,
            "shapes": [one.pixels.shape for one in batch],
            "confidence": min(one.confidence for one in batch),
            "most": max(one.most for one in batch),
        }
        said = self._asked(head, [one.pixels.descriptor for one in batch])
        found = [
            _cut(answer, question, batch=len(batch), seconds=said["seconds"])
            for question, answer in zip(batch, said["ok"], strict=True)
        ]
        self._keep(list(zip(batch, found, strict=True)))
        return found

    def _asked(self, head: dict[str, Any], files: list[int]) -> dict[str, Any]:
        for again in (True, False):
            starts = self._child.starts
            try:
                said = self._child.ask(head, b"", files, within_s=_PATIENCE_S).head
            except ChildLost as error:
                _log.warning("a model's process was lost: %s", error)
                if again and not error.late:
                    continue
                raise Unavailable(
                    f"the model's process did not answer: {error}",
                    remedy="ask again; if it goes on, the log says why (most often memory)",
                ) from error
            finally:
                self._metrics.model_starts.inc(self._child.starts - starts)
            if "refused" in said:
                kind, happened, remedy = said["refused"]
                refused: type[EvalnbError] = getattr(errors, kind, Unavailable)
                raise refused(happened, remedy=remedy)
            return said
        raise AssertionError("unreachable")

    def _ran(self, images: int, seconds: float) -> None:
        self._metrics.batch_size.observe(images)
        self._metrics.batch_seconds.observe(seconds)


Keep = Callable[[Sequence[tuple[Question, Detected]]], None]
"""Keeps what was answered, before anybody is told."""


class Residents:
    """At most ``most`` models at once. Threads may share it."""

    def __init__(self, store: Store, metrics: Metrics, *, most: int, limits: Limits, keep: Keep) -> None:
        self._store = store
        self._metrics = metrics
        self._most = most
        self._limits = limits
        self._keep = keep
        self._lock = threading.Lock()
        self._here: OrderedDict[int, Resident] = OrderedDict()

    def reserve(self, version: ModelVersion) -> Resident:
        """The version's model, with a place in its queue; its process starts with the first batch.

        Busy when its queue is full, or when every model that is in memory is at work and there is no room for one
        more. NotFound if its weights are gone.
        """
        with self._lock:
            found = self._here.get(version.id)
            if found is None:
                self._make_room()
                found = Resident(version, self._store, self._metrics, self._limits, self._keep)
                self._here[version.id] = found
                self._metrics.models.set(len(self._here))
            self._here.move_to_end(version.id)
            # Within the lock: a model with a place taken is not idle, and is not unloaded.
            found.batches.reserve()
            return found

    def pids(self) -> dict[int, int | None]:
        """Model version → its process."""
        with self._lock:
            return {version: one.pid for version, one in self._here.items()}

    def close(self) -> None:
        """Unload all."""
        with self._lock:
            for one in self._here.values():
                one.close()
            self._here.clear()
            self._metrics.models.set(0)

    def _make_room(self) -> None:
        while len(self._here) >= self._most:
            oldest = next((version for version, one in self._here.items() if one.batches.idle), None)
            if oldest is None:
                raise Busy(
                    f"all {self._most} models that may be in memory are at work",
                    remedy="ask again, or raise EVALNB_RESIDENT_MODELS",
                    retry_after_s=2,
                )
            self._here.pop(oldest).close()


def _command(descriptor: int) -> list[str]:
    return [sys.executable, "-m", "evalnb_server.serving.model_child", str(descriptor)]


def _cut(answer: dict[str, Any], question: Question, *, batch: int, seconds: float) -> Detected:
    score = answer["score"]
    # Best first, so what is kept is a beginning.
    kept = sum(1 for one in score[: question.most] if one >= question.confidence)
    return Detected(
        box=answer["box"][:kept],
        score=score[:kept],
        class_index=answer["class"][:kept],
        batch=batch,
        seconds=seconds,
    )
