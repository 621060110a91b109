"""Datasets as hypothesis draws them: every kind of shape that the canvas draws, and whatever is said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.records import Annotation, Geometry, Track, Turned
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Attribute, Class
from evalnb.registry.receipts import LossReport
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images
from tests.registry.every_kind import same

W, H = 64, 48
NAMES = ("a.png", "a.jpg", "deep/er/b.png", "frame_000007.png", "ü & <x> 'q'.png")
CLASSES = (
    Class(
        1,
        "van",
        attributes=(
            Attribute("colour", "select", ("red", "dark blue"), default="red"),
            Attribute("doors", "number", default=2, low=0, high=9),
            Attribute("parked", "checkbox", default=False),
            Attribute("plate", "text"),
        ),
    ),
    Class(2, "person", keypoints=("head", "hip", "foot"), skeleton=((1, 2), (2, 3))),
    Class(7, 'a "b" <c> & ü'),
)
_TEXT = "aB1 <>&\"'\n\t\r;:,=-.é\u2028😀"

_half = st.integers(-16, 160).map(lambda one: one / 2)
_pixel = st.one_of(_half, st.floats(-8, 72, width=32).map(float), st.floats(0, 48))
_side = st.one_of(st.integers(1, 80).map(lambda one: one / 2), st.floats(0.25, 60, width=32).map(float))
_turn = st.one_of(st.just(0.0), st.floats(-7, 7), st.sampled_from([math.pi / 2, math.pi, -math.pi / 4]))


def _run(least: int) -> st.SearchStrategy[tuple[float, ...]]:
    points = st.lists(st.tuples(_pixel, _pixel), min_size=least, max_size=6, unique=True)
    return points.map(lambda pairs: tuple(value for pair in pairs for value in pair))


def _runs(least: int, many: int = 3) -> st.SearchStrategy[tuple[tuple[float, ...], ...]]:
    return st.lists(_run(least), min_size=1, max_size=many).map(tuple)


def _made(kind: str, **more: Any) -> Geometry:
    return shapes.with_box(Geometry(kind, (0.0, 0.0, 0.0, 0.0), **more))  # type: ignore[arg-type]


@st.composite
def _mask(draw: st.DrawFn) -> rle.Rle:
    bits = np.zeros((H, W), bool)
    corner = st.tuples(st.integers(0, W - 1), st.integers(0, H - 1), st.integers(1, 30), st.integers(1, 30))
    for place, (x, y, w, h) in enumerate(draw(st.lists(corner, min_size=1, max_size=4))):
        bits[y : y + h, x : x + w] = place != 1
    bits[draw(st.integers(0, H - 1)), draw(st.integers(0, W - 1))] = True
    return rle.encode(bits)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    """A geometry that an edit may write: see ``edits._geometry.sound``."""
    kind = draw(st.sampled_from(["box", "rotated", "ellipse", "polygon", "polyline", "points", "mask", "keypoints"]))
    match kind:
        case "box":
            made = Geometry("box", (draw(_pixel), draw(_pixel), draw(_side), draw(_side)))
        case "rotated" | "ellipse":
            size = draw(st.one_of(st.tuples(_side, _side), _side.map(lambda one: (one, one))))
            made = _made(kind, turned=Turned((draw(_pixel), draw(_pixel)), size, draw(_turn)))
        case "polygon":
            holes = draw(st.one_of(st.just(()), _runs(3, 2)))
            made = _made(kind, parts=draw(_runs(3).filter(_encloses)), holes=holes)
        case "polyline":
            made = _made(kind, parts=draw(_runs(2)))
        case "points":
            made = _made(kind, parts=(draw(_run(1)),))
        case "mask":
            made = _made(kind, mask=draw(_mask()))
        case _:
            many = draw(st.sampled_from([3, 3, 3, 2]))
            points = tuple((draw(_pixel), draw(_pixel), draw(st.integers(0, 2))) for _ in range(many))
            made = Geometry("keypoints", (draw(_pixel), draw(_pixel), draw(_side), draw(_side)), points=points)
            seen = np.array([(x, y) for x, y, v in points if v])
            if len(seen) and draw(st.booleans()) and np.ptp(seen, axis=0).min() > 0:
                made = replace(made, box=(*seen.min(axis=0).tolist(), *np.ptp(seen, axis=0).tolist()))
    x, y, w, h = made.box
    on_it = x < W and y < H and x + w > 0 and y + h > 0
    return made if on_it else Geometry("box", (1.0, 2.0, 30.0, 20.5))


def _encloses(parts: Sequence[Sequence[float]]) -> bool:
    low = np.min([[min(part[0::2]), min(part[1::2])] for part in parts], axis=0)
    high = np.max([[max(part[0::2]), max(part[1::2])] for part in parts], axis=0)
    return sum(map(shapes.polygon_area, parts)) > 1e-3 and float((high - low).min()) > 0


_said = {
    "colour": st.sampled_from(["red", "dark blue"]),
    "doors": st.one_of(st.integers(0, 9), st.floats(0, 9)),
    "parked": st.booleans(),
    "plate": st.text(_TEXT, max_size=6),
    "occluded": st.booleans(),
    "group_id": st.integers(1, 3),
    "a note": st.one_of(st.text(_TEXT, max_size=4), st.booleans(), st.integers(-(2**40), 2**40), st.none()),
    "pose": st.sampled_from(["Left", " x", "12"]),
    "description": st.sampled_from(["", "seen twice", "ü"]),
    "truncated": st.booleans(),
}
attributes = st.one_of(st.just({}), st.fixed_dictionaries({}, optional=_said))


@st.composite
def _annotation(draw: st.DrawFn) -> Annotation:
    geometry = draw(geometries())
    named = 2 if geometry.kind == "keypoints" else 1
    return Annotation(
        id=uuid4(),
        image_id=0,
        class_id=draw(st.sampled_from([named, named, 1, 2, 7])),
        geometry=geometry,
        area=draw(st.one_of(st.none(), st.none(), st.just(7.5))),
        crowd=draw(st.integers(0, 9)) == 0,
        attributes=draw(attributes),
        tags=draw(st.sampled_from([(), (), (), ("seen",), ("a b", "ü")])),
        z=draw(st.sampled_from([0, 0, 1, -2, 5])),
    )


@dataclass(frozen=True)
class Labelled:
    """One image's name, its tags, and the shapes on it."""

    name: str
    tags: tuple[str, ...]
    drawn: tuple[Annotation, ...]


@st.composite
def datasets_(draw: st.DrawFn, *, most: int = 4) -> list[Labelled]:
    """Some images with up to ``most`` shapes each; some of those are objects tracked over the images."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(sorted))
    on: dict[str, list[Annotation]] = {name: draw(st.lists(_annotation(), max_size=most)) for name in names}
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        identity, first = uuid4(), draw(_annotation())
        for name in names:
            track = Track(identity, draw(st.booleans()), draw(st.booleans()))
            if draw(st.booleans()) and len(on[name]) < most:
                on[name].append(replace(first, id=uuid4(), geometry=draw(geometries()), track=track))
    tag = st.sampled_from(["train", "val", "test", "night", "a/b", "van", "ü ü"])
    tags = st.lists(tag, max_size=2, unique=True).map(tuple)
    return [Labelled(name, draw(tags), tuple(drawn)) for name, drawn in on.items()]


def pictures(folder: Path) -> Path:
    """A picture of its own colour for each of ``NAMES``."""
    for place, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (W, H), (40 * (place + 1), 9, 9)).save(path, quality=95)
    return folder


def fill(store: Store, project: int, folder: Path, made: Sequence[Labelled]) -> int:
    """The dataset, put into the store; its id."""
    with store.database.transaction() as session:
        dataset_id = datasets.create(session, project, str(uuid4()), classes=CLASSES, source={})
        sources = [SourceImage(one.name, one.name, str(folder / one.name), None, W, H, tags=one.tags) for one in made]
        for image_id, one in zip(images.add(session, dataset_id, sources), made, strict=True):
            for shape in one.drawn:
                session.add(annotations.new_row(replace(shape, image_id=image_id), dataset_id=dataset_id))
                session.flush()
    return dataset_id


def stored(store: Store, dataset_id: int) -> dict[str, Labelled]:
    """What a dataset holds, by the pictures' own colours: whatever an export called them."""
    with store.database.transaction() as session:
        page = images.page(session, dataset_id, limit=1000)
        drawn = annotations.of_images(session, [one.id for one in page])
        names = {one.id: one.name for one in datasets.taxonomy(session, dataset_id)}
        out: dict[str, Labelled] = {}
        for one in page:
            assert one.uri is not None
            with Image.open(one.uri) as picture:
                pixel = picture.convert("RGB").getpixel((0, 0))
            assert isinstance(pixel, tuple)
            key = NAMES[round(pixel[0] / 40) - 1]
            assert key not in out, f"{one.file_name} is in it twice"
            shapes_ = tuple(replace(each, image_id=0) for each in drawn[one.id])
            out[key] = Labelled(one.file_name, tuple(one.tags), shapes_)
    assert {each.class_id for one in out.values() for each in one.drawn} <= names.keys()
    return out


# ---------------------------------------------------------------------------------------------- what is the same


def differences(
    before: Annotation, after: Annotation, names: tuple[dict[int, str], dict[int, str]], tracks: dict[UUID, UUID]
) -> set[str]:
    """Which properties differ by more than the last bits of their numbers; ``tracks`` is which track became which."""
    out = {name for name in ("tags", "crowd", "z") if getattr(before, name) != getattr(after, name)}
    if typed(before.attributes) != typed(after.attributes):
        out.add("attributes")
    if names[0][before.class_id] != names[1][after.class_id]:
        out.add("class")
    assert before.area is not None and after.area is not None
    if not math.isclose(before.area, after.area, rel_tol=1e-6, abs_tol=1e-9):
        out.add("area")
    if not same(upright(before.geometry), upright(after.geometry)):
        out.add("geometry")
    mine, other = before.track, after.track
    became = mine.id if mine.id is None or other.id is None else tracks.setdefault(mine.id, other.id)
    if (became, mine.keyframe, mine.outside) != (other.id, other.keyframe, other.outside):
        out.add("track")
    return out


def typed(attributes: Any) -> dict[str, tuple[type, Any]]:
    """Attributes with the types of their values: 1 is not True, and 1.0 is 1 (as JSON has it)."""
    kinds = {name: float if type(value) is int else type(value) for name, value in attributes.items()}
    return {name: (kinds[name], value) for name, value in attributes.items()}


def upright(geometry: Geometry) -> Geometry:
    """The angle within one turn: what lies beyond is the same shape."""
    if geometry.turned is None:
        return geometry
    angle = geometry.turned.angle % (2 * math.pi)
    angle = 0.0 if math.isclose(angle, 2 * math.pi, abs_tol=1e-9) else angle
    return replace(geometry, turned=replace(geometry.turned, angle=angle))


WORDS = {
    "attributes": ("attribute", "group"),
    "tags": ("tag",),
    "crowd": ("crowd",),
    "z": ("z-order",),
    "track": ("track",),
    "area": ("area", "crowd"),
    "geometry": ("is ", "has ", "lost its", "lies ", "reached", "became", "mask", "keypoint"),
    "gone": ("left out", "covers no pixel", "encloses nothing"),
}
"""Of each property, the words by which a reason says that it changed. A changed outline explains a changed area."""


def explained(changed: set[str], reasons: Sequence[str]) -> set[str]:
    """What of ``changed`` no reason tells."""
    told = {name for name in changed for word in WORDS.get(name, ()) for reason in reasons if word in reason}
    return changed - told - ({"area"} if "geometry" in told else set())


def reasons_of(losses: LossReport) -> dict[str, list[str]]:
    """Shape → what the loss report says of it."""
    out: dict[str, list[str]] = {}
    for one in losses.examples:
        out.setdefault(one.id, []).append(one.reason)
    return out
