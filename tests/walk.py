"""A sequence for tests that follow: a red square walks over noise, and is gone for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evalnb import edits
from evalnb.core import masks
from evalnb.core.following import Followed, Found, Stretches
from evalnb.core.records import Geometry
from evalnb.core.shapes import mask_of
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Class
from evalnb.store import Store
from evalnb.store.repositories import datasets, images
from evalnb.store.tables import ProjectRow
from evalnb.wire.shapes import Op, Patch, Shape, Track, geometry_of

WIDTH, HEIGHT, COUNT = 160, 120, 24
GONE = range(9, 12)
"""The square is not in sight on these frames."""


def square(frame: int) -> NDArray[np.bool_]:
    """Where the square is."""
    found = np.zeros((HEIGHT, WIDTH), dtype=bool)
    if frame not in GONE:
        found[40:80, 8 + 4 * frame : 48 + 4 * frame] = True
    return found


@dataclass(frozen=True, slots=True)
class Walk:
    """A dataset of frames over which a red square walks."""

    store: Store
    dataset_id: int
    image_ids: tuple[int, ...]

    def shapes(self, frame: int) -> list[Shape]:
        """What the database holds for a frame, tombstones left out."""
        with self.store.database.transaction() as session:
            return edits.shapes(session, self.image_ids[frame]).shapes

    def apply(self, frame: int, op: Op, author: str = "ada") -> None:
        """One edit."""
        with self.store.database.transaction() as session:
            (result,) = edits.apply(session, self.image_ids[frame], [op], author=author).results
        assert result.status == "applied", result

    def key(self, frame: int, track: UUID, geometry: Any = None, *, outside: bool = False) -> UUID:
        """Draw a keyframe: the square's mask if nothing else is said; the shape's id."""
        id = uuid4()
        drawn = geometry or geometry_of(of_mask(square(frame)))
        track_ = Track(id=track, keyframe=True, outside=outside)
        patch = Patch(class_id=1, geometry=drawn, track=track_, attributes={"coat": "red"})
        self.apply(frame, Op(client_op_id=uuid4(), shape_id=id, action="create", base_rev=0, patch=patch))
        return id

    def seen(self, track: UUID) -> dict[int, Shape]:
        """The track's shape on each frame that has one."""
        found = {frame: [one for one in self.shapes(frame) if one.track.id == track] for frame in range(COUNT)}
        assert all(len(some) <= 1 for some in found.values())
        return {frame: some[0] for frame, some in found.items() if some}


def of_mask(bits: NDArray[np.bool_]) -> Geometry:
    """It as a shape."""
    rle = masks.encode(bits)
    return Geometry("mask", masks.box(rle), mask=rle)


def make_walk(store: Store, folder: Path, *, project_id: int | None = None) -> Walk:
    """Paint the frames and register them, in a project of that id or a new one."""
    noise = np.random.default_rng(3)
    folder.mkdir()
    for frame in range(COUNT):
        pixels = noise.integers(90, 110, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        pixels[square(frame)] = (220, 40, 40)
        Image.fromarray(pixels).save(folder / f"{frame:03}.png")
    with store.database.transaction() as session:
        if project_id is None:
            project = ProjectRow(name="default")
            session.add(project)
            session.flush()
            project_id = project.id
        dataset_id = datasets.create(session, project_id, "walk", classes=[Class(1, "square"), Class(2, "other")])
        files = [(f"{n:03}.png", str(folder / f"{n:03}.png")) for n in range(COUNT)]
        sources = [SourceImage(name, name, place, None, WIDTH, HEIGHT) for name, place in files]
        ids = images.add(session, dataset_id, sources)
    return Walk(store, dataset_id, tuple(ids))


def iou(shape: Shape, wanted: NDArray[np.bool_]) -> float:
    """Of a shape's pixels with a mask."""
    drawn = masks.decode(mask_of(shape.geometry.record(), (HEIGHT, WIDTH)))
    return float((drawn & wanted).sum() / (drawn | wanted).sum())


class Truthful:
    """A follower that knows where the square is; it counts, and calls ``seen`` before each frame."""

    name = "truthful"

    def __init__(self, seen: Callable[[int], None] = lambda _frame: None) -> None:
        self.visited: list[int] = []
        self.recalled: list[int] = []
        self.seen = seen

    def tracking(self, frames: Sequence[bytes]) -> Truthful:
        """Itself, begun anew."""
        self.frames = frames
        self.objects: dict[Any, Stretches] = {}
        return self

    def prompt(self, frame: int, object: Any, **said: Any) -> Found:
        """The square, whatever is said."""
        self.objects.setdefault(object, Stretches()).prompt(frame)
        return Found(masks.encode(square(frame)), 1.0)

    def recall(self, frame: int, object: Any, mask: Any) -> None:
        """Only noted."""
        self.recalled.append(frame)

    def run(
        self, start: int, stop: int, *, direction: str, where: Any = lambda *_: True, told: Any = None
    ) -> Iterator[Followed]:
        """The square, frame by frame."""
        backward = direction == "backward"
        for frame in range(stop - 1, start - 1, -1) if backward else range(start, stop):
            some = [
                (name, one)
                for name, one in self.objects.items()
                if not one.stands(frame) and one.origin(frame, backward=backward) is not None and where(name, frame)
            ]
            if some:
                self.seen(frame)
                self.visited.append(frame)
                for _, one in some:
                    one.did(frame, one.origin(frame, backward=backward) or 0)
                yield Followed(frame, {name: Found(masks.encode(square(frame)), 0.9) for name, _ in some})
