"""A small dataset with real pictures, for tests that look at images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from evalnb import edits
from evalnb.core.sources import SourceImage, SourceShape
from evalnb.core.taxonomy import Class
from evalnb.registry import ingest
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images
from evalnb.store.tables import ProjectRow
from evalnb.wire.shapes import Shape
from tests.clips import filmed

WIDTH, HEIGHT = 512, 384
CLASSES = (Class(1, "person"), Class(7, "bag"), Class(30, "van"))


@dataclass(frozen=True, slots=True)
class Yard:
    """Dataset ``yard``: three pictures, 512 × 384, left where they are; the first has a box and a polygon."""

    store: Store
    dataset_id: int
    image_ids: tuple[int, ...]
    folder: Path

    def shapes(self, place: int = 0) -> list[Shape]:
        """What the database holds for the picture at ``place``, tombstones left out."""
        with self.store.database.transaction() as session:
            return edits.shapes(session, self.image_ids[place]).shapes

    def history(self, place: int = 0) -> list[edits.Edit]:
        """The picture's edits, oldest first."""
        with self.store.database.transaction() as session:
            return edits.history(session, image_id=self.image_ids[place])


def make_yard(
    store: Store,
    folder: Path,
    *,
    pictures: int = 3,
    project_id: int | None = None,
    name: str = "yard",
    film_rate: int | None = None,
) -> Yard:
    """Paint the pictures and register them with their two shapes, in a project of that id or a new one.

    ``film_rate``: they are a video of so many frames a second, and imported as one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(7)
    painted = []
    for n in range(pictures):
        pixels = noise.integers(90, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        pixels[100:200, 60 + 20 * n : 160 + 20 * n] = (200, (60 + 40 * n) % 256, 40)
        Image.fromarray(pixels).save(folder / f"yard-{n}.jpg", quality=85)
        painted.append(pixels)
    with store.database.transaction() as session:
        if project_id is None:
            project = ProjectRow(name="default")
            session.add(project)
            session.flush()
            project_id = project.id
        dataset_id = datasets.create(session, project_id, name, classes=CLASSES)
    if film_rate is not None:
        ingest.import_video(store, project_id, name, videos=filmed(folder / "yard.mp4", painted, rate=film_rate))
    with store.database.transaction() as session:
        known = [one.id for one in images.page(session, dataset_id)]
        ids = known or images.add(
            session,
            dataset_id,
            [
                SourceImage(str(n), f"yard-{n}.jpg", str(folder / f"yard-{n}.jpg"), None, WIDTH, HEIGHT)
                for n in range(pictures)
            ],
        )
        outline = [[60.0, 100.0, 160.0, 100.0, 160.0, 200.0, 60.0, 200.0]]
        annotations.add(
            session,
            dataset_id,
            [
                _shape("11", ids[0], "box", (300.0, 40.0, 50.0, 60.0), None),
                _shape("12", ids[0], "polygon", (60.0, 100.0, 100.0, 100.0), json.dumps(outline).encode()),
            ],
        )
    return Yard(store, dataset_id, tuple(ids), folder)


def _shape(
    key: str, image_id: int, kind: str, box: tuple[float, float, float, float], outline: bytes | None
) -> SourceShape:
    return SourceShape(
        key=key,
        image_id=image_id,
        class_id=1,
        kind=kind,  # type: ignore[arg-type]
        box=box,
        area=box[2] * box[3],
        geometry=outline,
        keypoints=None,
        crowd=False,
        attributes=b"{}",
        tags=(),
        extra=b"{}",
    )
