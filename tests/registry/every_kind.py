"""A dataset with every kind of label, made from a seed, and how it is compared with what came back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.records import Annotation, Geometry, Track, Turned
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Attribute, Class
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images

SIDE = (120, 90)
CLASSES = (
    Class(
        id=1,
        name="van",
        attributes=(
            Attribute("colour", "select", ("red", "blue"), default="red"),
            Attribute("doors", "number", default=2, low=0, high=9),
            Attribute("parked", "checkbox", default=False),
            Attribute("plate", "text"),
        ),
    ),
    Class(id=2, name="person", keypoints=("head", "hip", "foot"), skeleton=((1, 2), (2, 3))),
    Class(id=7, name='a "b" <c> & ü'),
)
ATTRIBUTES = {"colour": "blue", "doors": 4, "parked": True, "plate": "B <X> 1"}


def geometry(kind: str, **more: Any) -> Geometry:
    made = Geometry(kind, (0.0, 0.0, 0.0, 0.0), **more)  # type: ignore[arg-type]
    return replace(made, box=shapes.box_around(made))


def blob(chance: np.random.Generator) -> rle.Rle:
    mask = np.zeros((SIDE[1], SIDE[0]), bool)
    x, y = int(chance.integers(5, 60)), int(chance.integers(5, 40))
    mask[y : y + 30, x : x + 40] = True
    mask[y + 10 : y + 15, x + 10 : x + 20] = False
    return rle.encode(mask)


def every_shape(chance: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Name → what an Annotation of it says beside its id and image."""

    def run(points: int) -> tuple[float, ...]:
        turns = np.sort(chance.uniform(0, 2 * math.pi, points)) + np.arange(points) * 1e-3
        x, y = 60 + 40 * np.cos(turns), 45 + 30 * np.sin(turns)
        return tuple(np.stack([x, y], axis=1).ravel().tolist())

    box = tuple(chance.uniform(5, 40, 4).tolist())
    turned = Turned((60.25, 45.5), (40.0 + float(chance.uniform(0, 9)), 20.0), float(chance.uniform(0.1, 1.4)))
    keypoints = ((10.5, 11.25, 2), (20.0, 30.0, 1), (0.0, 0.0, 0))
    return {
        "box": {"geometry": Geometry("box", box)},
        "attributes": {"geometry": Geometry("box", (1.0, 2.0, 30.0, 20.5)), "attributes": ATTRIBUTES},
        "odd attributes": {"geometry": Geometry("box", (1.0, 2.0, 30.0, 21.5)), "attributes": {"deep": [1, None]}},
        "tags": {"geometry": Geometry("box", (2.0, 2.0, 30.0, 20.5)), "tags": ("seen",)},
        "crowd": {"geometry": Geometry("box", (3.0, 2.0, 30.0, 20.5)), "crowd": True},
        "stated area": {"geometry": Geometry("box", (4.0, 2.0, 30.0, 20.5)), "area": 7.5},
        "z": {"geometry": Geometry("box", (5.0, 2.0, 30.0, 20.5)), "z": 3},
        "track": {"geometry": Geometry("box", (6.0, 2.0, 30.0, 20.5)), "track": Track(uuid4(), True, False)},
        "odd class": {"geometry": Geometry("box", (7.0, 2.0, 30.0, 20.5)), "class_id": 7},
        "rotated": {"geometry": geometry("rotated", turned=turned)},
        "ellipse": {"geometry": geometry("ellipse", turned=replace(turned, angle=0.0))},
        "turned ellipse": {"geometry": geometry("ellipse", turned=turned)},
        "circle": {"geometry": geometry("ellipse", turned=Turned((60.0, 45.0), (30.0, 30.0), 0.0))},
        "polygon": {"geometry": geometry("polygon", parts=(run(7),))},
        "parts": {"geometry": geometry("polygon", parts=(run(5), (2.0, 2.0, 9.0, 2.0, 9.0, 9.0)))},
        "holes": {"geometry": geometry("polygon", parts=((5.0, 5.0, 60.0, 5.0, 60.0, 60.0, 5.0, 60.0),),
                                       holes=((10.0, 10.0, 20.0, 10.0, 20.0, 20.0),))},
        "polyline": {"geometry": geometry("polyline", parts=(run(4),))},
        "level line": {"geometry": geometry("polyline", parts=((5.0, 9.0, 50.0, 9.0),))},
        "polylines": {"geometry": geometry("polyline", parts=(run(4), (1.0, 1.0, 9.5, 9.0)))},
        "point": {"geometry": geometry("points", parts=((30.5, 20.25),))},
        "points": {"geometry": geometry("points", parts=((30.5, 20.25, 31.0, 60.0, 1.0, 2.0),))},
        "mask": {"geometry": geometry("mask", mask=blob(chance))},
        "keypoints": {
            "geometry": Geometry("keypoints", (5.0, 6.0, 30.0, 40.5), points=keypoints),
            "class_id": 2,
        },
    }  # fmt: skip


def fill(
    store: Store, project: int, folder: Path, *, seed: int = 0, name: str = "every"
) -> tuple[int, dict[str, str]]:
    """(dataset id, shape id → which of ``every_shape`` it is): one image for each shape, and one without any."""
    chance = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    named: dict[str, str] = {}
    with store.database.transaction() as session:
        dataset_id = datasets.create(session, project, name, classes=CLASSES, source={})
        described = every_shape(chance)
        sources = []
        for place, what in enumerate([*described, "nothing"]):
            path = folder / f"{place:02} {what}.png"
            Image.new("RGB", SIDE, (place, 9, 9)).save(path)
            tags = ("val",) if place % 3 == 0 else ("train",)
            sources.append(SourceImage(path.name, path.name, str(path), None, *SIDE, tags=tags))
        ids = images.add(session, dataset_id, sources)
        for image_id, (what, said) in zip(ids, described.items(), strict=False):
            one = Annotation(id=uuid4(), image_id=image_id, **{"class_id": 1, **said})
            session.add(annotations.new_row(one, dataset_id=dataset_id))
            named[str(one.id)] = what
    return dataset_id, named


def shapes_by_image(store: Store, dataset_id: int) -> dict[str, list[Annotation]]:
    """The shapes by the bare name of their image: "07 track"."""
    with store.database.transaction() as session:
        page = images.page(session, dataset_id, limit=1000)
        drawn = annotations.of_images(session, [one.id for one in page])
        return {Path(one.file_name).stem[3:]: drawn[one.id] for one in page}


def differences(before: Annotation, after: Annotation, names: tuple[dict[int, str], dict[int, str]]) -> set[str]:
    """Which properties differ by more than the last bits of their numbers."""
    out = {
        name
        for name in ("attributes", "tags", "crowd", "z", "track")
        if getattr(before, name) != getattr(after, name)
    }
    if names[0][before.class_id] != names[1][after.class_id]:
        out.add("class")
    assert before.area is not None and after.area is not None
    if not math.isclose(before.area, after.area, rel_tol=1e-6):
        out.add("area")
    if not same(before.geometry, after.geometry):
        out.add("geometry")
    return out


def same(one: Geometry, other: Geometry) -> bool:
    """Whether two geometries are equal to a millionth of a pixel."""
    if one.kind != other.kind or one.mask != other.mask or len(one.points) != len(other.points):
        if one.mask is None or other.mask is None or one.mask.size != other.mask.size:
            return False
        if not np.array_equal(one.mask.counts, other.mask.counts):
            return False
    if [len(part) for part in (*one.parts, *one.holes)] != [len(part) for part in (*other.parts, *other.holes)]:
        return False

    def numbers(of: Geometry) -> list[float]:
        turned = [*of.turned.center, *of.turned.size, of.turned.angle] if of.turned else []
        return [*of.box, *sum(of.parts, ()), *sum(of.holes, ()), *sum(of.points, ()), *turned]

    return bool(np.allclose(numbers(one), numbers(other), rtol=0, atol=1e-6))
