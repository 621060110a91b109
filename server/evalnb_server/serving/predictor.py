"""From a request's image to a kept answer: the alias's version, the picture decoded apart, a batch, a row."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from evalnb import imagery
from evalnb.accounts import Caller
from evalnb.core.children import memory_file
from evalnb.errors import Busy, Cancelled, EvalnbError, TooLate, Unavailable
from evalnb.registry import aliases
from evalnb.registry.aliases import AliasChange, Served
from evalnb.store import Store
from evalnb.store.repositories import models
from evalnb.store.repositories.models import ModelVersion
from evalnb_server import access
from evalnb_server.monitoring import Metrics
from evalnb_server.serving.batcher import Limits
from evalnb_server.serving.residents import Detected, Question, Resident, Residents
from evalnb_server.tiles import Gallery

MAX_PIXELS = 100_000_000
"""The largest image that is predicted on."""
LIMITS = Limits()
_MOST_BYTES = 1 << 30
"""Decoded pixels that may wait for models, of all requests together."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    project_id: int
    alias: str
    key: str | None
    confidence: float
    most: int
    """Detections."""
    deadline: float
    """``time.monotonic``."""
    image_id: int | None
    """An image of a dataset; None: the body is the image."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a request is answered with."""

    id: UUID
    alias: AliasChange
    version: ModelVersion
    width: int
    height: int
    detected: Detected
    took_s: float


@dataclass(frozen=True, slots=True)
class _Begun:
    id: UUID
    began: float
    alias: AliasChange
    version: ModelVersion
    resident: Resident


class Predictor:
    """Answers predictions; holds the models."""

    def __init__(self, store: Store, metrics: Metrics, gallery: Gallery, *, limits: Limits = LIMITS) -> None:
        self._store = store
        self._metrics = metrics
        self._gallery = gallery
        self._bytes = 0
        self._lock = threading.Lock()
        self.residents = Residents(
            store, metrics, most=store.settings.resident_models, limits=limits, keep=self._keep
        )

    def close(self) -> None:
        """Unload the models."""
        self.residents.close()

    async def predict(self, who: Caller, asked: Asked, content: bytes, gone: asyncio.Future[None]) -> Prediction:
        """The answer, kept before it is given.

        ``content`` is the image's file, unless an image of a dataset is asked about; ``gone`` is done when the
        client has gone away, and then nothing more is computed for it. Busy when the queue is full, TooLate at the
        deadline, NotFound without alias or image, Unsafe and Invalid as decoding.
        """
        outcome = "failed"
        try:
            found = await self._predict(who, asked, content, gone)
            outcome = "answered"
            return found
        except Busy:
            outcome = "full"
            raise
        except TooLate:
            outcome = "late"
            raise
        except Cancelled:
            outcome = "gone"
            raise
        finally:
            self._metrics.predictions.labels(outcome).inc()

    async def _predict(self, who: Caller, asked: Asked, content: bytes, gone: asyncio.Future[None]) -> Prediction:
        begun = await asyncio.to_thread(self._begin, who, asked)
        place = _Place(begun.resident, self._metrics)
        try:
            pixels = await asyncio.to_thread(self._decoded, who, asked, content)
            # From here on the answer holds both, until the model has no more use for them.
            place.hold(lambda: self._give_back(pixels))
            question = Question(
                pixels=pixels,
                confidence=asked.confidence,
                most=asked.most,
                id=begun.id,
                change_id=begun.alias.id,
                version_id=begun.version.id,
                key=asked.key,
                began=begun.began,
            )
            answer = begun.resident.batches.ask(question, deadline=asked.deadline)
            place.until(answer)
        finally:
            place.leave()
        detected = await _waited(answer, asked.deadline, gone)
        height, width, _ = pixels.shape
        return Prediction(
            id=begun.id,
            alias=begun.alias,
            version=begun.version,
            width=width,
            height=height,
            detected=detected,
            took_s=time.monotonic() - begun.began,
        )

    def _begin(self, who: Caller, asked: Asked) -> _Begun:
        id = uuid4()
        with self._store.database.transaction() as session:
            access.project(session, who, asked.project_id, role="annotator")
            alias = aliases.get(session, asked.project_id, asked.alias)
            version = models.get(session, aliases.choose(alias, asked.key or str(id)))
        return _Begun(id, time.monotonic(), alias, version, self.residents.reserve(version))

    def _decoded(self, who: Caller, asked: Asked, content: bytes) -> imagery.SharedPixels:
        if asked.image_id is not None:
            image = self._gallery.seen(who, asked.image_id)
            with self._gallery.file(image) as file:
                return self._taken(file, image.width * image.height, image.file_name)
        header = imagery.probe(content, name="the image")
        with _in_memory(content) as file:
            return self._taken(file, header.width * header.height, "the image")

    def _taken(self, file: int, pixels: int, name: str) -> imagery.SharedPixels:
        if pixels <= MAX_PIXELS:
            with self._lock:
                if self._bytes + 3 * pixels > _MOST_BYTES:
                    raise Busy(
                        f"{self._bytes / 1e6:,.0f} MB of pixels wait for models already",
                        remedy="ask again in a moment, or send smaller images",
                        retry_after_s=2,
                    )
                self._bytes += 3 * pixels
        taken = 0
        try:
            found = self._gallery.tiler.pixels(file, name=name, max_pixels=MAX_PIXELS)
            taken = _bytes(found)
            return found
        finally:
            # A file that was replaced since it was registered may have another size than it was let in with.
            with self._lock:
                self._bytes += taken - (3 * pixels if pixels <= MAX_PIXELS else 0)

    def _give_back(self, pixels: imagery.SharedPixels) -> None:
        pixels.close()
        with self._lock:
            self._bytes -= _bytes(pixels)

    def _keep(self, batch: Sequence[tuple[Question, Detected]]) -> None:
        now = time.monotonic()
        with self._store.database.transaction() as session:
            aliases.record(
                session,
                [
                    Served(
                        id=asked.id,
                        change_id=asked.change_id,
                        version_id=asked.version_id,
                        key=asked.key,
                        detections=len(found.score),
                        took_ms=1000 * (now - asked.began),
                    )
                    for asked, found in batch
                ],
            )


class _Place:
    """A place in a model's queue and the pixels that go with it: given back once, when nobody needs them any more."""

    def __init__(self, resident: Resident, metrics: Metrics) -> None:
        self._resident = resident
        self._metrics = metrics
        self._held: list[Callable[[], None]] = []
        self._passed_on = False
        metrics.waiting.inc()

    def hold(self, give_back: Callable[[], None]) -> None:
        """Something more to give back."""
        self._held.append(give_back)

    def until(self, answer: Future[Detected]) -> None:
        """Give all back when the answer is there, and not before: a batch may not have read its pixels yet."""
        self._passed_on = True
        answer.add_done_callback(lambda _: self._give_back())

    def leave(self) -> None:
        """Whoever held it is done; give all back, unless it waits for an answer now."""
        if not self._passed_on:
            self._give_back()

    def _give_back(self) -> None:
        for one in self._held:
            one()
        self._resident.batches.release()
        self._metrics.waiting.dec()


def _bytes(pixels: imagery.SharedPixels) -> int:
    return pixels.shape[0] * pixels.shape[1] * pixels.shape[2]


async def _waited(answer: Future[Detected], deadline: float, gone: asyncio.Future[None]) -> Detected:
    coming = asyncio.wrap_future(answer)
    both: set[asyncio.Future[Any]] = {coming, gone}
    await asyncio.wait(both, timeout=max(0.0, deadline - time.monotonic()), return_when=asyncio.FIRST_COMPLETED)
    if coming.done():
        try:
            return coming.result()
        except EvalnbError:
            raise
        except (OSError, ValueError, KeyError) as error:
            raise Unavailable(f"the model's answer cannot be used ({error})", remedy="ask again") from error
    # Not begun, it takes no place in a batch; begun, its answer is kept and nobody told.
    coming.cancel()
    if gone.done():
        raise Cancelled("the client went away before its answer", remedy="ask again")
    raise TooLate(
        "the answer was not there by the deadline",
        remedy="give a longer deadline_ms; a model's first answer waits for its process to start",
    )


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    place = memory_file("evalnb-image")
    try:
        with os.fdopen(os.dup(place), "wb") as file:
            file.write(content)
        yield place
    finally:
        os.close(place)
