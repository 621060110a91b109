"""Hints between processes, through the broker: "image X is at sequence N", "people came or went on image X", and "the
review of image X is another".

A hint carries nothing that could be lost: whoever hears one looks into the database, and whoever hears none looks
there every few seconds anyway. So telling never waits and never fails, whatever the broker does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import orjson
import redis

from evalnb.errors import EvalnbError
from evalnb.store import broker
from evalnb.store.database import Database
from evalnb.store.repositories import jobs

PATIENCE_S = 1.0
"""How long an operation on the broker may take before it counts as failed."""
REST_S = 2.0
"""After a failure nothing is tried for so long; what could not be told is dropped."""
SILENCE_S = 10.0
"""After so long without a word the broker is asked for a sign of life; after twice that the line counts as dead."""
_CLOSE_S = 1.0
_Kind: TypeAlias = Literal["edits", "people", "review"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hint:
    """``seq`` of an image's edits, or None where only its people or its review changed."""

    image_id: int
    seq: int | None
    review: bool = False
    """Its status, its assignee or its comments."""


class Hints:
    """Tells and hears the hints of one database.

    One thread tells, from the first edit on: hints that wait for it are merged, image by image. Each ``listen`` has a
    thread of its own. ``revive`` starts the broker again where it is ours to start (the embedded one); who listens
    calls it when the line breaks.
    """

    def __init__(self, database: Database, broker_url: str, *, revive: Callable[[], object] = lambda: None) -> None:
        self._database = database
        self._url = broker_url
        self._revive = revive
        self._scope: str | None = None
        self._wake = threading.Condition()
        self._waiting: dict[tuple[int, _Kind], int | None] = {}
        self._busy = False
        self._closed = False
        self._teller: threading.Thread | None = None

    def scope(self) -> str:
        """What tells this database's names in the broker from another's. Unavailable without the database."""
        if self._scope is None:
            with self._database.transaction() as session:
                self._scope = jobs.scope(session)
        return self._scope

    def edited(self, images: Mapping[int, int]) -> None:
        """Say that these images stand at these sequences. Returns at once and never raises."""
        self._tell({(image_id, "edits"): seq for image_id, seq in images.items()})

    def moved(self, image_id: int) -> None:
        """Say that somebody came to an image, or left it. Returns at once and never raises."""
        self._tell({(image_id, "people"): None})

    def reviewed(self, images: Iterable[int]) -> None:
        """Say that the reviews of these images are others. Returns at once and never raises."""
        self._tell({(image_id, "review"): None for image_id in images})

    def listen(self, hear: Callable[[Hint], None], *, missed: Callable[[], None]) -> Listening:
        """Call ``hear`` with every hint from now on, in a thread of its own. ``missed`` is called whenever hints may
        have been lost: at the start, and after each time that the broker was away."""
        return Listening(self, self._url, hear, missed, revive=self._revive)

    def close(self) -> None:
        """Tell what waits, for a second at most, and end."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
            self._wake.wait_for(lambda: not (self._waiting or self._busy), timeout=_CLOSE_S)

    def _tell(self, news: Mapping[tuple[int, _Kind], int | None]) -> None:
        with self._wake:
            if self._closed:
                return
            self._waiting.update(news)
            # A forked child has the object and not the thread.
            if self._teller is None or not self._teller.is_alive():
                self._teller = threading.Thread(target=self._run, name="evalnb-hints", daemon=True)
                self._teller.start()
            self._wake.notify_all()

    def _run(self) -> None:
        client = broker.connect(self._url, patience_s=PATIENCE_S)
        failing = False
        try:
            while True:
                with self._wake:
                    self._busy = False
                    self._wake.notify_all()
                    self._wake.wait_for(lambda: self._waiting or self._closed)
                    if not self._waiting:
                        return
                    news, self._waiting = self._waiting, {}
                    self._busy = True
                try:
                    channel = self.channel()
                    for (image_id, kind), seq in news.items():
                        said = {"image": image_id, "seq": seq, "review": kind == "review"}
                        client.publish(channel, orjson.dumps(said))
                    failing = False
                except (redis.RedisError, OSError, EvalnbError) as error:
                    if not failing:
                        # Of no consequence to a notebook, where a warning would stand in somebody's cell.
                        _log.info("others learn of edits only when they look (%s)", error)
                    failing = True
                    with self._wake:
                        self._wake.wait_for(lambda: self._closed, timeout=REST_S)
        finally:
            client.close()

    def channel(self) -> str:
        """The name of the channel that carries the hints."""
        return f"evalnb:{self.scope()}:edits"


class Listening:
    """A subscription; ``close`` ends it. It outlives the broker's restarts."""

    def __init__(
        self,
        hints: Hints,
        url: str,
        hear: Callable[[Hint], None],
        missed: Callable[[], None],
        *,
        revive: Callable[[], object],
    ) -> None:
        self._hints = hints
        self._revive = revive
        self._url = url
        self._hear = hear
        self._missed = missed
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="evalnb-listening", daemon=True).start()

    def close(self) -> None:
        """Hear no more; within a second the thread ends."""
        self._ended.set()

    def _run(self) -> None:
        failing = False
        while not self._ended.is_set():
            try:
                if failing:
                    self._revive()
                client = broker.connect(self._url, patience_s=PATIENCE_S)
                try:
                    pubsub = client.pubsub()  # type: ignore[no-untyped-call]  # redis leaves its options untyped
                    with pubsub:
                        pubsub.subscribe(self._hints.channel())
                        self._follow(pubsub)
                        failing = False
                finally:
                    client.close()
            except Exception as error:  # noqa: BLE001 - a background thread has nobody to raise to
                if self._ended.is_set():
                    return
                expected = isinstance(error, (redis.RedisError, OSError, EvalnbError))
                if not failing:
                    level = logging.INFO if expected else logging.WARNING
                    _log.log(level, "edits of others are heard of late (%s)", error, exc_info=not expected)
                failing = True
                self._ended.wait(REST_S)

    def _follow(self, pubsub: redis.client.PubSub) -> None:
        heard_at = asked_at = time.monotonic()
        while not self._ended.is_set():
            message = pubsub.get_message(timeout=PATIENCE_S)
            now = time.monotonic()
            if message is None:
                if now - heard_at > 2 * SILENCE_S:
                    raise redis.TimeoutError(f"the broker has said nothing for {2 * SILENCE_S:g} s")
                if now - max(heard_at, asked_at) > SILENCE_S:
                    pubsub.ping()
                    asked_at = now
                continue
            heard_at = now
            if message["type"] == "subscribe":
                self._missed()
            elif message["type"] == "message":
                said = orjson.loads(message["data"])
                self._hear(Hint(image_id=said["image"], seq=said["seq"], review=said.get("review", False)))
