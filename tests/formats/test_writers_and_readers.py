"""Any shapes, written and read again: equal, or named by the loss report. Any damage to a file: listed or refused."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.images import ImageRecord
from evalnb.core.records import Annotation, Geometry, Turned
from evalnb.core.taxonomy import Class, Taxonomy
from evalnb.errors import EvalnbError
from evalnb.formats import cvat, cvat_writer, datumaro, labelme, mask_files, voc
from evalnb.formats.labelled import Losses, Reader, Writer
from evalnb.formats.problems import Problems

W, H = 64, 48
TAXONOMY = Taxonomy((Class(1, "van"), Class(2, "man", keypoints=("a", "b"), skeleton=((1, 2),)), Class(3, "ü & <x>")))
IMAGE = ImageRecord(1, 1, "1", "a.png", None, None, W, H)

Formats = dict[str, tuple[Callable[[Path, Taxonomy, Losses], Writer], Callable[[Path, Problems], Reader]]]
FORMATS: Formats = {
    "voc": (voc.VocWriter, lambda out, problems: voc.VocReader(out, None, problems)),
    "labelme": (labelme.LabelMeWriter, lambda out, problems: labelme.LabelMeReader(out, None, problems)),
    "cvat": (cvat_writer.CvatWriter, lambda out, problems: cvat.CvatReader(out / cvat_writer.FILE, None, problems)),
    "datumaro": (datumaro.DatumaroWriter, lambda out, problems: datumaro.DatumaroReader(out, None, problems)),
    "masks": (
        mask_files.MaskWriter,
        lambda out, problems: mask_files.MaskReader(out, out / "instances", None),
    ),
}

pixel = st.floats(-10, 70, allow_nan=False, width=32).map(float)
side = st.floats(0.25, 60, width=32).map(float)


def runs(least: int) -> st.SearchStrategy[tuple[float, ...]]:
    points = st.lists(st.tuples(pixel, pixel), min_size=least, max_size=6, unique=True)
    return points.map(lambda pairs: tuple(value for pair in pairs for value in pair))


def made(kind: str, **more: Any) -> Geometry:
    return shapes.with_box(Geometry(kind, (0.0, 0.0, 0.0, 0.0), **more))  # type: ignore[arg-type]


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    kind = draw(st.sampled_from(["box", "rotated", "ellipse", "polygon", "polyline", "points", "mask", "keypoints"]))
    match kind:
        case "box":
            return Geometry("box", (draw(pixel), draw(pixel), draw(side), draw(side)))
        case "rotated" | "ellipse":
            turned = Turned((draw(pixel), draw(pixel)), (draw(side), draw(side)), draw(st.floats(0, 6)))
            return made(kind, turned=turned)
        case "polygon":
            return made(kind, parts=tuple(draw(st.lists(runs(3), min_size=1, max_size=3))))
        case "polyline":
            return made(kind, parts=tuple(draw(st.lists(runs(2), min_size=1, max_size=3))))
        case "points":
            return made(kind, parts=(draw(runs(1)),))
        case "mask":
            bits = draw(st.binary(min_size=H * W // 8, max_size=H * W // 8))
            mask = np.unpackbits(np.frombuffer(bits, np.uint8)).reshape(H, W).astype(bool)
            return made(kind, mask=rle.encode(mask))
        case _:
            box = (draw(pixel), draw(pixel), draw(side), draw(side))
            return Geometry(
                "keypoints", box, points=tuple((draw(pixel), draw(pixel), draw(st.integers(0, 2))) for _ in "ab")
            )


values = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.none(),
    st.lists(st.integers(-9, 9), max_size=2),
)
annotations = st.builds(
    Annotation,
    id=st.integers(1, 2**64).map(lambda one: UUID(int=one)),
    image_id=st.just(1),
    class_id=st.integers(1, 3),
    geometry=geometries(),
    attributes=st.dictionaries(
        st.sampled_from(["colour", "a b", "occluded", "pose", "description", "truncated"]), values
    ),
    z=st.integers(-3, 3),
)


@contextmanager
def folder() -> Iterator[Path]:
    out = Path(tempfile.mkdtemp())
    try:
        yield out
    finally:
        shutil.rmtree(out)


def written(format: str, out: Path, drawn: list[Annotation]) -> set[str]:
    """The ids of the shapes that the loss report names."""
    problems = Problems()
    writer = FORMATS[format][0](out, TAXONOMY, Losses(problems))
    writer.image(IMAGE, "a.png", drawn)
    writer.finish()
    return {one.id for one in problems}


@pytest.mark.parametrize("format", list(FORMATS))
@settings(max_examples=100, deadline=None)
@given(one=annotations)
def test_a_shape_comes_back_equal_or_is_named(format: str, one: Annotation) -> None:
    with folder() as out:
        lost = written(format, out, [one])
        problems = Problems()
        reader = FORMATS[format][1](out, problems)
        (picture,) = reader.pictures(0, problems)
    names = {each.id: each.name for each in reader.classes}
    assert picture is not None
    if str(one.id) in lost:
        return
    assert len(problems) == 0, list(problems)
    (other,) = picture.drawn
    assert names[other.class_id] == TAXONOMY.by_id[one.class_id].name
    assert (other.attributes, other.z) == (one.attributes, one.z)
    assert {name: type(value) for name, value in other.attributes.items()} == {
        name: type(value) for name, value in one.attributes.items()
    }
    same(one.geometry, other.geometry)


def same(one: Geometry, other: Geometry) -> None:
    assert one.kind == other.kind
    np.testing.assert_allclose(other.box, one.box, rtol=0, atol=1e-5)
    assert len(one.parts) == len(other.parts) and (one.points != ()) == (other.points != ())
    for before, after in zip([*one.parts, *one.points], [*other.parts, *other.points], strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-9)
    if one.mask is not None:
        assert other.mask is not None and np.array_equal(one.mask.counts, other.mask.counts)
    if one.turned is not None:
        assert other.turned is not None
        numbers = [
            [*each.center, *each.size, np.cos(each.angle), np.sin(each.angle)] for each in (one.turned, other.turned)
        ]
        np.testing.assert_allclose(*numbers, rtol=0, atol=1e-9)


@pytest.mark.parametrize("format", list(FORMATS))
@settings(max_examples=80, deadline=None)
@given(drawn=st.lists(annotations, min_size=1, max_size=4), data=st.data())
def test_a_damaged_file_is_listed_or_refused_and_never_a_crash(
    format: str, drawn: list[Annotation], data: st.DataObject
) -> None:
    with folder() as out:
        written(format, out, drawn)
        files = [one for one in sorted(out.rglob("*")) if one.is_file() and one.stat().st_size]
        path = data.draw(st.sampled_from(files))
        raw = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(raw) - 1))
            raw[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
            if not raw:
                break
        path.write_bytes(raw)
        problems = Problems()
        with suppress(EvalnbError):
            list(FORMATS[format][1](out, problems).pictures(0, problems))
