"""Who looks at which image just now. Kept in the broker alone, and forgotten by it when nobody confirms it.

An image has one sorted set: its members are people, their scores say until when they count.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import orjson
import redis

from evalnb.errors import Unavailable
from evalnb.store import broker
from evalnb.store.hints import PATIENCE_S, Hints
from evalnb.wire.live import Person

TTL_S = 30.0
"""Who has not been confirmed for so long is gone: a process that was killed says no goodbye."""
CONFIRM_S = 10.0
"""How often a process confirms those who are with it."""
REST_S = 10.0
"""After a failure the broker is left alone for so long: one that hangs would hold every caller up."""

_log = logging.getLogger(__name__)


class Presence:
    """The people on the images of one database. Every method raises Unavailable while the broker is away."""

    def __init__(self, hints: Hints, broker_url: str) -> None:
        self._hints = hints
        self._client = broker.connect(broker_url, patience_s=PATIENCE_S)

    def enter(self, people: Mapping[Person, int]) -> None:
        """These people are on these images, for another ``TTL_S`` seconds."""
        until = time.time() + TTL_S
        with _answering():
            pipeline = self._client.pipeline(transaction=False)
            for person, image_id in people.items():
                key = self._key(image_id)
                pipeline.zadd(key, {_member(person): until})
                pipeline.expire(key, int(2 * TTL_S))
            pipeline.execute()

    def leave(self, person: Person, image_id: int) -> None:
        """This one is not on the image any more."""
        with _answering():
            self._client.zrem(self._key(image_id), _member(person))

    def on(self, image_ids: Iterable[int]) -> dict[int, list[Person]]:
        """Who is on each of the images, in the order of their names."""
        chosen = list(image_ids)
        now = time.time()
        with _answering():
            pipeline = self._client.pipeline(transaction=False)
            for image_id in chosen:
                pipeline.zrangebyscore(self._key(image_id), now, "+inf")
            found = pipeline.execute()
        return {
            image_id: sorted(
                (Person.model_validate(orjson.loads(one)) for one in members), key=lambda one: (one.name, one.key)
            )
            for image_id, members in zip(chosen, found, strict=True)
        }

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _key(self, image_id: int) -> str:
        return f"evalnb:{self._hints.scope()}:here:{image_id}"


class Company:
    """The people whom this process serves, each on one image, and whoever is beside them. For several threads.

    While the broker is away nobody is seen to come or go; that is logged, and nothing else suffers.
    """

    def __init__(self, presence: Presence, hints: Hints) -> None:
        self._presence = presence
        self._hints = hints
        self._lock = threading.Lock()
        self._places: dict[Person, int] = {}
        self._told: dict[int, list[Person]] = {}
        self._confirmed_at = 0.0
        self._rests_until = 0.0

    def place(self, person: Person, image_id: int | None) -> None:
        """This one looks at the image now, or at none."""
        with self._lock:
            before = self._places.pop(person, None)
            if image_id is not None:
                self._places[person] = image_id
                # Whoever comes is told who is there, though nobody else came.
                self._told.pop(image_id, None)
        if self._rests():
            return
        with self._away():
            if before is not None and before != image_id:
                self._presence.leave(person, before)
            if image_id is not None:
                self._presence.enter({person: image_id})
        for changed in {before, image_id} - {None}:
            assert changed is not None
            self._hints.moved(changed)

    def look(self) -> dict[int, list[Person]]:
        """The people on each image where somebody of ours is and they changed since the last look."""
        now = time.monotonic()
        with self._lock:
            places = dict(self._places)
            due = now - self._confirmed_at > CONFIRM_S
        if not places or self._rests():
            return {}
        found: dict[int, list[Person]] = {}
        with self._away():
            if due:
                self._presence.enter(places)
            found = self._presence.on(set(places.values()))
        with self._lock:
            if due:
                self._confirmed_at = now
            changed = {image_id: people for image_id, people in found.items() if self._told.get(image_id) != people}
            self._told = {
                image_id: people for image_id, people in {**self._told, **found}.items() if image_id in found
            }
        return changed

    def close(self) -> None:
        """Everybody leaves."""
        for person in list(self._places):
            self.place(person, None)
        self._presence.close()

    def _rests(self) -> bool:
        return time.monotonic() < self._rests_until

    @contextmanager
    def _away(self) -> Iterator[None]:
        try:
            yield
        except Unavailable as error:
            # Of no consequence to a notebook, where a warning would stand in somebody's cell.
            _log.info("for %g s nobody is seen to come or go (%s)", REST_S, error)
            self._rests_until = time.monotonic() + REST_S


def _member(person: Person) -> bytes:
    return orjson.dumps(person.model_dump(), option=orjson.OPT_SORT_KEYS)


@contextmanager
def _answering() -> Iterator[None]:
    """Failures of the broker read as Unavailable."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise Unavailable(
            f"the broker does not answer ({error})",
            remedy="start it, or correct EVALNB_BROKER_URL; edits are saved without it",
        ) from error
