"""A slice as a sequence: its tracks' keyframes as what people said, and what is found as shapes of their kinds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from evalnb.core import masks
from evalnb.core.masks import Rle
from evalnb.core.outlines import polygon_of
from evalnb.core.ports import Tracking
from evalnb.core.records import Annotation, Geometry
from evalnb.core.slices import Slice
from evalnb.registry.frames import SliceFrames
from evalnb.store.repositories import annotations as rows

FOLLOWED = ("box", "rotated", "ellipse", "polygon", "mask")
"""The kinds of shapes that enclose what can be followed."""


@dataclass(frozen=True, slots=True)
class Keyframes:
    """What people said of one track."""

    track_id: UUID
    places: tuple[int, ...]
    """In the slice, ascending."""
    shapes: tuple[Annotation, ...]
    """As many."""

    def within(self, place: int) -> Annotation | None:
        """The keyframe at or before a place."""
        at = bisect_right(self.places, place)
        return self.shapes[at - 1] if at else None

    def meant(self, place: int) -> bool:
        """Whether the object may be looked for there: not between a keyframe that takes it out of sight and the next,
        nor before the first, if that is one."""
        before = self.within(place)
        return not (before or self.shapes[0]).track.outside

    def around(self, place: int) -> tuple[tuple[int, Annotation] | None, tuple[int, Annotation] | None]:
        """The nearest keyframe before a place and after it, each with its own place."""
        at, beyond = bisect_left(self.places, place), bisect_right(self.places, place)
        before = (self.places[at - 1], self.shapes[at - 1]) if at else None
        after = (self.places[beyond], self.shapes[beyond]) if beyond < len(self.places) else None
        return before, after

    def nearest(self, place: int) -> Annotation:
        """The shape that a result at a place is like: the keyframe before it, else the first."""
        return self.within(place) or self.shapes[0]


def keyframes_of(
    session: Session, dataset_id: int, part: Slice, frames: SliceFrames, track_ids: Sequence[UUID] | None = None
) -> list[Keyframes]:
    """The tracks' keyframes in the slice, the track that begins first before the others; none without a keyframe."""
    found = rows.keyframes(session, dataset_id, part, track_ids)
    shapes = {one.id: one for one in rows.of_ids(session, [id for _, _, id, _ in found])}
    by_track: dict[UUID, dict[int, Annotation]] = {}
    for track_id, image_id, shape_id, _ in found:
        place = frames.place(image_id)
        if place is not None:
            # Of two on one image the first counts, as everywhere.
            by_track.setdefault(track_id, {}).setdefault(place, shapes[shape_id])
    return [Keyframes(id, tuple(places), tuple(places.values())) for id, places in by_track.items()]


def say(tracking: Tracking, keyframe: Annotation, place: int, track_id: UUID) -> bool:
    """Prompt with a keyframe: a box as a box, any other outline as it is. False where it says nothing of a region."""
    geometry = keyframe.geometry
    if keyframe.track.outside or geometry.kind not in FOLLOWED:
        return False
    if geometry.kind == "box":
        x, y, w, h = geometry.box
        tracking.prompt(place, track_id, box=(x, y, x + w, y + h))
    else:
        tracking.prompt(place, track_id, mask=geometry)
    return True


def drawn(mask: Rle, like: Geometry, *, tolerance_px: float = 1.0) -> Geometry:
    """A mask, not empty, as a shape of the kind that its track has: a box, a polygon, else the mask itself."""
    if like.kind == "box":
        return Geometry("box", masks.box(mask))
    outline = polygon_of(mask, tolerance_px) if like.kind == "polygon" else None
    return outline or Geometry("mask", masks.box(mask), mask=mask)
