"""Objects followed from one image of a slice over the next, a piece at each ask: whoever asks sets the pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from evalnb.annotating.sequences import FOLLOWED, Keyframes, keyframes_of, say
from evalnb.core.following import Followed
from evalnb.core.masks import Rle, box
from evalnb.core.ports import Follower, Segmenter, Tracking
from evalnb.core.records import Annotation, Geometry, Track
from evalnb.core.slices import Slice
from evalnb.errors import Cancelled, Invalid, NotFound, Unavailable
from evalnb.registry.frames import SliceFrames
from evalnb.store import Store
from evalnb.store.repositories import images
from evalnb.wire.shapes import MaskGeometry, geometry_of
from evalnb.wire.tracks import FollowAsk, FollowedShape

PIECE_S, PIECE_MAX = 0.25, 16
"""So long, or for so many images, one ask is worked on: the canvas shows what came, and may stop."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one ask brought."""

    frames: list[tuple[int, int, list[FollowedShape], str]]
    """Of each image its place in the slice and its id, its shapes, and why it could not be read."""
    of: int
    """So many images the trail takes in all, at the most."""
    ended: bool


@dataclass(slots=True)
class _Trail:
    name: UUID
    frames: SliceFrames
    of: int = 0
    running: Iterator[Followed] = field(default_factory=lambda: iter(()))
    stopped: threading.Event = field(default_factory=threading.Event)


class Trails:
    """Follows for one canvas: one trail at a time, the latest. Asks come from one thread; ``stop`` from any."""

    def __init__(
        self, store: Store, dataset_id: int, segmenter: Segmenter, give_way: Callable[[], None] = lambda: None
    ) -> None:
        """``give_way`` returns once the hand does not need the model."""
        self._store, self._dataset_id, self._segmenter, self._give_way = store, dataset_id, segmenter, give_way
        self._trail: _Trail | None = None

    def follow(self, ask: FollowAsk, part: Slice) -> Piece:
        """Begin where the ask has seeds, else go on: what is found on the next images, until a quarter of a second
        is over, at least one.

        A track is followed up to its next keyframe, which is read as what a person said, as are those around; where
        people put it out of sight it is not looked for.

        NotFound where that trail is over or another has taken its place; Unavailable for a segmenter that follows
        nothing; Cancelled by ``stop``.
        """
        trail = self._begun(ask, part) if ask.seeds else self._trail
        if trail is None or trail.name != ask.follow:
            raise NotFound("this following is over", remedy="press the key again: it goes on from what is there")
        begun = time.perf_counter()
        found: list[tuple[int, int, list[FollowedShape], str]] = []
        try:
            for one in trail.running:
                shapes = [
                    FollowedShape(
                        track_id=UUID(str(track_id)),
                        mask=_wired(seen.mask) if seen.there else None,
                        presence=seen.presence,
                    )
                    for track_id, seen in one.found.items()
                ]
                found.append((one.frame, trail.frames.image_id(one.frame), shapes, one.problem))
                stopped = trail.stopped.is_set()
                if stopped or time.perf_counter() - begun >= PIECE_S or len(found) >= PIECE_MAX:
                    return Piece(found, trail.of, ended=stopped)
        except Cancelled:
            # What was found before is told.
            if not found:
                raise
        self._trail = None
        return Piece(found, trail.of, ended=True)

    def stop(self, name: UUID) -> None:
        """End that trail, in the middle of an image if need be."""
        trail = self._trail
        if trail is not None and trail.name == name:
            trail.stopped.set()
            self._trail = None

    def _begun(self, ask: FollowAsk, part: Slice) -> _Trail:
        segmenter = self._segmenter
        if not isinstance(segmenter, Follower):
            raise Unavailable(f"{segmenter.name} follows no objects", remedy="use a SAM 2: segmenter='pico'")
        for seed in ask.seeds:
            if seed.geometry.kind not in FOLLOWED:
                raise Invalid(
                    f"a shape of kind {seed.geometry.kind} encloses nothing that can be followed",
                    remedy="select a mask, a polygon or a box",
                )
        with self._store.database.transaction() as session:
            frames = SliceFrames(self._store, images.ids(session, self._dataset_id, part))
            tracks = [one.track_id for one in ask.seeds]
            known = keyframes_of(session, self._dataset_id, part, frames, tracks)
        start = frames.place(ask.image_id)
        if start is None:
            raise NotFound(f"the slice has no image {ask.image_id}", remedy="begin on one of its images")
        trail = _Trail(ask.follow, frames)
        trail.running = self._run(segmenter.tracking(frames), trail, ask, start, known)
        self._trail = trail
        return trail

    def _run(
        self, tracking: Tracking, trail: _Trail, ask: FollowAsk, start: int, known: list[Keyframes]
    ) -> Iterator[Followed]:
        def told(_share: float = 0.0) -> None:
            if trail.stopped.is_set():
                raise Cancelled("following was stopped", remedy="what was found is there; press the key to go on")
            self._give_way()

        keyframes = {one.track_id: one for one in known}
        ends: dict[Hashable, range] = {}
        for seed in ask.seeds:
            told()
            shape = Annotation(seed.track_id, ask.image_id, 0, seed.geometry.record(), track=Track(seed.track_id))
            say(tracking, shape, start, seed.track_id)
            most = len(trail.frames) if ask.count is None else ask.count
            there = range(max(0, start - most), start) if ask.backward else range(start + 1, start + 1 + most)
            before, after = keyframes[seed.track_id].around(start) if seed.track_id in keyframes else (None, None)
            for near in (before, after):
                if near is not None:
                    told()
                    say(tracking, near[1], near[0], seed.track_id)
            if ask.backward and before is not None:
                # Between a keyframe that takes the object out of sight and the next it is not looked for.
                there = range(start if before[1].track.outside else max(there.start, before[0] + 1), start)
            elif not ask.backward and after is not None:
                there = range(there.start, min(there.stop, after[0]))
            ends[seed.track_id] = there
        first = min(one.start for one in ends.values())
        stop = min(max(one.stop for one in ends.values()), len(trail.frames))
        trail.of = max(0, stop - first)
        yield from tracking.run(
            min(first, stop),
            stop,
            direction="backward" if ask.backward else "forward",
            where=lambda track_id, place: place in ends[track_id],
            told=told,
        )


def _wired(mask: Rle) -> MaskGeometry:
    shape = geometry_of(Geometry("mask", box(mask), mask=mask))
    assert isinstance(shape, MaskGeometry)
    return shape
