"""Tracks followed through a slice: a model finds them on every image between and beyond their keyframes, as edits."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from evalnb import edits
from evalnb.annotating.sequences import FOLLOWED, Keyframes, drawn, keyframes_of, say
from evalnb.core.following import Direction, Followed, Found
from evalnb.core.ports import Follower, Tracking
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.records import Annotation, Geometry
from evalnb.core.shapes import mask_of
from evalnb.core.slices import Slice
from evalnb.errors import Cancelled, EvalnbError, Invalid, NotFound
from evalnb.registry.frames import SliceFrames
from evalnb.store import Store
from evalnb.store.repositories import annotations as rows
from evalnb.store.repositories import edits as log
from evalnb.store.repositories import images
from evalnb.wire.shapes import Op, Patch, Track, geometry_of

_MOST_PROBLEMS = 100
_PAGE = 20_000
"""So many op ids are looked up at once."""
_CHUNK = 64
"""For so many images at a time keyframes are told to the model: those in them, and the next to each side."""
_RECALLED = 6
"""So many of the last images are recalled by a start that goes on: the memory of SAM 2."""


@dataclass(frozen=True, slots=True)
class Propagated:
    """What became of a slice's tracks."""

    tracks: int
    """How many were followed."""
    images: int
    """How many were looked at."""
    drawn: int
    """Shapes that stand as the model found them."""
    absent: int
    """Places where the object is not in sight."""
    kept: int
    """Places where a person's shape stood, or came meanwhile."""
    problems: list[str] = field(default_factory=list)
    """Images that could not be read and tracks that could not be followed, with the reason."""

    def to_json(self) -> dict[str, Any]:
        """As a job's result."""
        return asdict(self)


def follow_tracks(
    store: Store,
    dataset_id: int,
    follower: Follower,
    *,
    author: str,
    once: UUID,
    part: Slice = Slice(),
    tracks: Sequence[UUID] | None = None,
    direction: Direction = "both",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Propagated:
    """Follow the slice's tracks (those with a shape of its classes; or ``tracks``) from their keyframes over all its
    images, in their order: ``forward`` of each, ``backward``, or both (forward, and back before the first).

    Keyframes are people's: they are prompts, and stay as they are; what was computed between them is drawn anew, of
    the kind that the keyframe before it has. Where an object is not found it is put out of sight; where a person put
    it out of sight it is not looked for. Each image is a transaction of its own. Under the same ``once`` nothing is
    done twice: an interrupted call is repeated with its own, and goes on behind the last image that has an edit.

    NotFound without the dataset or a track, Invalid without a keyframe to begin at, Cancelled (what was done stays).
    """
    progress = progress or NullProgress()
    with store.database.transaction() as session:
        # Classes and areas name tracks; the frames between their shapes belong to the sequence all the same.
        whole = Slice(tags=part.tags, images=part.images, text=part.text)
        frames = SliceFrames(store, images.ids(session, dataset_id, whole))
        known = keyframes_of(session, dataset_id, part, frames, tracks)
    for missing in set(tracks or ()) - {one.track_id for one in known}:
        raise NotFound(f"track {missing} has no keyframe in the slice", remedy="give the id of one of its tracks")
    task = _Task(store, frames, {one.track_id: one for one in known}, author, once)
    progress.start(len(frames) * (2 if direction == "both" else 1), unit="images", what="following tracks")
    try:
        return task.run(follower, direction, progress, cancelled)
    finally:
        progress.close()


def _says(shape: Annotation) -> bool:
    return shape.geometry.kind in FOLLOWED and not shape.track.outside


class _Task:
    def __init__(
        self, store: Store, frames: SliceFrames, tracks: dict[UUID, Keyframes], author: str, once: UUID
    ) -> None:
        self._store, self._frames, self._tracks, self._author, self._once = store, frames, tracks, author, once
        self._said: set[tuple[UUID, int]] = set()
        self._drawn = self._absent = self._kept = self._looked = 0
        self._problems: list[str] = []
        # The image that was done before, by track, and its shape there; None: it was not in sight.
        self._before: dict[UUID, tuple[int, Geometry | None]] = {}
        self._left_at: list[tuple[UUID, int, Geometry]] = []

    def run(
        self, follower: Follower, direction: Direction, progress: Progress, cancelled: Callable[[], bool]
    ) -> Propagated:
        def check(_share: float = 0.0) -> None:
            if cancelled():
                raise Cancelled("following was cancelled", remedy="what was found is saved; ask again to go on")

        if not any(_says(shape) for one in self._tracks.values() for shape in one.shapes):
            raise Invalid(
                "there is no keyframe to begin at",
                remedy="begin a track with Shift T on the canvas, with a box, a polygon or a mask",
            )
        tracking = follower.tracking(self._frames)
        passes: list[Direction] = ["forward", "backward"] if direction == "both" else [direction]
        for number, way in enumerate(passes):
            backward = way == "backward"
            where = self._where(only_first=number == 1)
            start, stop = self._left(way, tracking)
            progress.advance(len(self._frames) - (stop - start))
            firsts = range(start, stop, _CHUNK)
            for first in reversed(firsts) if backward else firsts:
                end = min(first + _CHUNK, stop)
                self._say(tracking, first, end, check, backward=backward)
                if self._said:
                    for found in tracking.run(first, end, direction=way, where=where, told=check):
                        self._take(found, backward=backward)
                        check()
                progress.advance(end - first)
        return Propagated(
            len(self._tracks), self._looked, self._drawn, self._absent, self._kept, self._problems[:_MOST_PROBLEMS]
        )

    def _say(self, tracking: Tracking, first: int, end: int, check: Callable[[], None], *, backward: bool) -> None:
        """Prompt with the keyframes of these images, and the next ones around them; each once."""
        for one in self._tracks.values():
            before, after = one.around(first)[0], one.around(end - 1)[1]
            inside = [(at, shape) for at, shape in zip(one.places, one.shapes, strict=True) if first <= at < end]
            for near in (None if backward else before, *inside, after):
                if near is None or (one.track_id, near[0]) in self._said:
                    continue
                check()
                try:
                    if say(tracking, near[1], near[0], one.track_id):
                        self._said.add((one.track_id, near[0]))
                except Cancelled:
                    raise
                except EvalnbError as error:
                    self._problem(f"track {one.track_id}: {error}")

    def _where(self, *, only_first: bool) -> Callable[[Hashable, int], bool]:
        def where(track_id: Hashable, place: int) -> bool:
            one = self._tracks[track_id]  # type: ignore[index]
            return one.meant(place) and not (only_first and place > one.places[0])

        return where

    def _left(self, way: Direction, tracking: Tracking) -> tuple[int, int]:
        """The places that no earlier start came to, with what it found last recalled."""
        count = len(self._frames)
        last: int | None = None
        order = range(count) if way == "forward" else range(count - 1, -1, -1)
        with self._store.database.transaction() as session:
            page = max(1, _PAGE // max(1, len(self._tracks)))
            for first in range(0, count, page):
                ids = {
                    self._op(id, place, way): place for place in order[first : first + page] for id in self._tracks
                }
                found = [ids[one] for one in log.by_op(session, ids)]
                if found:
                    last = max(found) if way == "forward" else min(found)
            if last is None:
                return 0, count
            # What is recalled needs a prompt before it.
            self._say(tracking, last, last + 1, lambda: None, backward=way == "backward")
            forward = range(max(0, last - _RECALLED + 1), last + 1)
            for place in forward if way == "forward" else range(min(count, last + _RECALLED) - 1, last - 1, -1):
                self._recall(session, tracking, place)
        return (last + 1, count) if way == "forward" else (0, last)

    def _recall(self, session: Session, tracking: Tracking, place: int) -> None:
        image = images.find(session, self._frames.image_id(place))
        if image is None:
            return
        for shape in rows.of_image(session, image.id):
            id = shape.track.id
            if id not in self._tracks or place in self._tracks[id].places:
                continue
            self._before[id] = place, None if shape.track.outside else shape.geometry
            known = any(track_id == id for track_id, _ in self._said)
            if known and not shape.track.outside and shape.geometry.kind in ("mask", "polygon"):
                tracking.recall(place, id, mask_of(shape.geometry, (image.height, image.width)))

    def _take(self, found: Followed, *, backward: bool) -> None:
        """Write what was found on one image. What a person made or changed there meanwhile stays."""
        self._looked += 1
        image_id = self._frames.image_id(found.frame)
        if found.problem:
            self._problem(f"image {image_id}: {found.problem}")
            return
        ops: list[Op] = []
        with self._store.database.transaction() as session:
            log.lock(session, image_id)
            there: dict[UUID, Annotation] = {}
            for one in rows.of_image(session, image_id):
                if one.track.id is not None:
                    there.setdefault(one.track.id, one)
            for name, seen in found.found.items():
                track_id = UUID(str(name))
                old = there.get(track_id)
                if (track_id, found.frame) in self._said:
                    said = self._tracks[track_id].within(found.frame)
                    self._before[track_id] = found.frame, None if said is None else said.geometry
                elif old is not None and old.track.keyframe:
                    self._kept += 1
                    self._before[track_id] = found.frame, None if old.track.outside else old.geometry
                else:
                    ops += self._ops(track_id, found.frame, seen, old, backward=backward)
            results = edits.apply(session, image_id, ops, author=self._author).results if ops else []
        for result, op in zip(results, ops, strict=True):
            if result.status == "refused":
                self._problem(f"image {image_id}: {result.reason}")
            elif op.patch.geometry is not None and not (op.patch.track and op.patch.track.outside):
                self._drawn += 1
        self._leave()

    def _ops(self, track_id: UUID, place: int, seen: Found, old: Annotation | None, *, backward: bool) -> list[Op]:
        like = self._tracks[track_id].nearest(place)
        before = self._before.get(track_id)
        if seen.there:
            geometry = drawn(seen.mask, like.geometry)
            if backward and before is not None and before[1] is None:
                self._left_at.append((track_id, before[0], geometry))
            self._before[track_id] = place, geometry
            return [self._put(track_id, place, like, geometry, old, outside=False, backward=backward)]
        self._absent += 1
        self._before[track_id] = place, None
        if not backward and before is not None and before[1] is not None:
            # From here on it is out of sight; nothing more is said of the images that follow.
            return [self._put(track_id, place, like, before[1], old, outside=True, backward=backward)]
        if old is None:
            return []
        op = self._op(track_id, place, "backward" if backward else "forward")
        return [Op(client_op_id=op, shape_id=old.id, action="delete", base_rev=old.revision)]

    def _put(
        self,
        track_id: UUID,
        place: int,
        like: Annotation,
        geometry: Geometry,
        old: Annotation | None,
        *,
        outside: bool,
        backward: bool,
    ) -> Op:
        op = self._op(track_id, place, "backward" if backward else "forward")
        track = Track(id=track_id, keyframe=False, outside=outside)
        if old is not None:
            patch = Patch(geometry=geometry_of(geometry), track=track)
            return Op(client_op_id=op, shape_id=old.id, action="update", base_rev=old.revision, patch=patch)
        patch = Patch(
            class_id=like.class_id,
            geometry=geometry_of(geometry),
            attributes={name: value for name, value in like.attributes.items() if name != "occluded"},
            tags=list(like.tags),
            z=like.z,
            track=track,
        )
        return Op(client_op_id=op, shape_id=uuid5(op, "shape"), action="create", base_rev=0, patch=patch)

    def _leave(self) -> None:
        """Going back: the image after the last on which it was in sight says that it is no more."""
        for track_id, place, geometry in self._left_at:
            image_id = self._frames.image_id(place)
            with self._store.database.transaction() as session:
                log.lock(session, image_id)
                if not any(one.track.id == track_id for one in rows.of_image(session, image_id)):
                    like = self._tracks[track_id].nearest(place)
                    op = self._put(track_id, place, like, geometry, None, outside=True, backward=True)
                    edits.apply(session, image_id, [op], author=self._author)
        self._left_at.clear()

    def _op(self, track_id: UUID, place: int, way: Direction) -> UUID:
        return uuid5(self._once, f"{track_id.hex} {self._frames.image_id(place)} {way}")

    def _problem(self, what: str) -> None:
        if what not in self._problems:
            self._problems.append(what)
