"""Annotations: the way between rows and records, the shapes of an image, the truths of a dataset, COPY."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import BigInteger, Text, case, cast, exists, func, select
from sqlalchemy.orm import Session

from evalnb.core import masks as rle
from evalnb.core import rotated, shapes
from evalnb.core.records import Annotation, Floats, Geometry, Ints, Track, Truths
from evalnb.core.slices import Slice
from evalnb.core.sources import SourceShape, forget
from evalnb.core.stored import from_geometry, to_geometry
from evalnb.store.repositories import slices
from evalnb.store.repositories.copying import copy_columns_out, copy_lines_in
from evalnb.store.tables import AnnotationRow, ImageRow


def of_image(session: Session, image_id: int, *, deleted: bool = False) -> list[Annotation]:
    """The shapes of one image in the order of the source, then of drawing; with ``deleted``, tombstones too."""
    chosen = select(AnnotationRow).where(AnnotationRow.image_id == image_id).order_by(AnnotationRow.place)
    if not deleted:
        chosen = chosen.where(~AnnotationRow.deleted)
    return [to_record(row) for row in session.scalars(chosen)]


def of_images(session: Session, image_ids: Sequence[int]) -> dict[int, list[Annotation]]:
    """The living shapes of several images at once, by image id; every id has its list."""
    out: dict[int, list[Annotation]] = {one: [] for one in image_ids}
    chosen = (
        select(AnnotationRow)
        .where(AnnotationRow.image_id.in_(list(out)), ~AnnotationRow.deleted)
        .order_by(AnnotationRow.place)
    )
    for row in session.scalars(chosen):
        out[row.image_id].append(to_record(row))
    return out


def of_ids(session: Session, ids: Sequence[UUID]) -> list[Annotation]:
    """The annotations of these ids, tombstones too, on whatever image."""
    return [to_record(row) for row in rows_of(session, ids).values()]


def keyframes(
    session: Session, dataset_id: int, part: Slice, track_ids: Sequence[UUID] | None = None
) -> list[tuple[UUID, int, UUID, bool]]:
    """The keyframes of tracks (None: of every track with a shape that the slice's classes and areas name), image by
    image: the track's id, the image's, the shape's, and whether the object is out of sight from there on."""
    row = AnnotationRow
    chosen = select(row.track_id, row.image_id, row.id, row.outside).where(
        row.dataset_id == dataset_id, row.keyframe, ~row.deleted
    )
    if track_ids is None:
        named = select(row.track_id).where(*slices.of_annotations(session, dataset_id, part))
        chosen = chosen.where(row.track_id.in_(named.where(row.track_id.is_not(None))))
    else:
        chosen = chosen.where(row.track_id.in_(track_ids))
    found = session.execute(chosen.order_by(row.image_id, row.place))
    return [(track, image, shape, outside) for track, image, shape, outside in found if track is not None]


def rows_of(session: Session, ids: Sequence[UUID]) -> dict[UUID, AnnotationRow]:
    """Their rows, for whoever will write them in this transaction."""
    return {row.id: row for row in session.scalars(select(AnnotationRow).where(AnnotationRow.id.in_(ids)))}


def to_record(row: AnnotationRow) -> Annotation:
    """The record of a row. ``geometry.points`` are set whenever the row has keypoints, whatever its kind."""
    return Annotation(
        id=row.id,
        image_id=row.image_id,
        class_id=row.class_id,
        geometry=to_geometry(row.kind, (row.x, row.y, row.w, row.h), row.geometry, row.keypoints),
        area=row.area,
        crowd=row.crowd,
        attributes=row.attributes,
        tags=tuple(row.tags),
        z=row.z,
        track=Track(row.track_id, row.keyframe, row.outside),
        revision=row.revision,
        deleted=row.deleted,
    )


def new_row(annotation: Annotation, *, dataset_id: int) -> AnnotationRow:
    """The row of a shape drawn here (it has no source key). Add it to the session yourself."""
    row = AnnotationRow(
        id=annotation.id,
        image_id=annotation.image_id,
        dataset_id=dataset_id,
        class_id=annotation.class_id,
        crowd=annotation.crowd,
        attributes=dict(annotation.attributes),
        tags=list(annotation.tags),
        z=annotation.z,
        track_id=annotation.track.id,
        keyframe=annotation.track.keyframe,
        outside=annotation.track.outside,
        extra={},
        keypoints=None,
        revision=annotation.revision,
        deleted=annotation.deleted,
    )
    _set_geometry(row, annotation.geometry)
    if annotation.area is not None:
        row.area = annotation.area
    return row


def assign(row: AnnotationRow, annotation: Annotation) -> None:
    """Write a record's properties into its row: what an edit does.

    A changed geometry brings its own area with it (``annotation.area`` is then not read), and the row forgets how its
    source had written the old one. Keypoints that stand beside a polygon or mask stay when the outline changes.
    """
    if annotation.geometry != to_record(row).geometry:
        _set_geometry(row, annotation.geometry)
    if annotation.crowd != row.crowd:
        row.extra = forget(row.extra, "iscrowd")
    row.class_id = annotation.class_id
    row.crowd = annotation.crowd
    row.attributes = dict(annotation.attributes)
    row.tags = list(annotation.tags)
    row.z = annotation.z
    row.track_id = annotation.track.id
    row.keyframe = annotation.track.keyframe
    row.outside = annotation.track.outside
    row.revision = annotation.revision
    row.deleted = annotation.deleted


def _set_geometry(row: AnnotationRow, geometry: Geometry) -> None:
    row.kind = geometry.kind
    row.x, row.y, row.w, row.h = geometry.box
    row.area = shapes.area_of(geometry)
    row.geometry = from_geometry(geometry)
    forgotten = ["bbox", "area", "segmentation", "counts"]
    if geometry.points or geometry.kind == "keypoints":
        points = [[x, y, v] for x, y, v in geometry.points]
        if points != row.keypoints:
            row.keypoints = points
            forgotten += ["keypoints", "num_keypoints"]
    row.extra = forget(row.extra, *forgotten)


# ---------------------------------------------------------------------------------------------- many at once


def truths(
    session: Session, dataset_id: int, part: Slice = Slice(), *, masks: bool = False, corners: bool = False
) -> Truths:
    """The ground truth of a slice as columns, in the order of the source.

    Integer source ids are kept; shapes without one (drawn here, or with string ids) get fresh ids above them all.
    ``masks`` adds run-length masks of the image's size: outlines rasterised as COCO does, plain boxes filled.
    ``corners`` adds those of rotated boxes, and takes the box around them: an ellipse has those of the rectangle that
    it fills, a polygon of four corners its own, and what has none those of its upright box.
    Polylines and points enclose nothing and are left out, as is what its track says is out of sight.
    """
    conditions = _regions(session, dataset_id, part)
    # 1 - 2⁶³ stands for "no integer id": COPY's rows have one length only without NULLs.
    none = 1 - 2**63
    number = case(
        (AnnotationRow.source_key.op("~")("^-?[0-9]{1,18}$"), cast(AnnotationRow.source_key, BigInteger)), else_=none
    )
    ignore = func.coalesce(cast(AnnotationRow.extra["ignore"].astext, Text).in_(["1", "true", "1.0"]), False)
    row = AnnotationRow
    chosen = select(
        number, row.image_id, row.class_id, row.x, row.y, row.w, row.h, row.area, row.crowd, ignore
    ).where(*conditions)
    types = ["i8", "i8", "i8", "f8", "f8", "f8", "f8", "f8", "bool", "bool"]
    columns = copy_columns_out(session, chosen.order_by(row.place), types)
    ids: Ints = columns[0]
    fresh = ids == none
    if fresh.any():
        above = int(ids[~fresh].max()) if not fresh.all() else 0
        ids[fresh] = np.arange(1, fresh.sum() + 1) + max(above, 0)
    box = np.stack(columns[3:7], axis=1)
    quads = _corners(session, conditions, box) if corners else None
    return Truths(
        id=ids,
        image=columns[1],
        class_id=columns[2],
        box=box if quads is None else rotated.enclosing(quads),
        area=columns[7],
        crowd=columns[8],
        ignore=columns[9] if columns[9].any() else None,
        masks=list(_masks(session, conditions)) if masks else None,
        corners=quads,
    )


def truth_ids(session: Session, dataset_id: int, part: Slice = Slice()) -> list[UUID]:
    """Which shapes the rows of ``truths`` are."""
    chosen = select(AnnotationRow.id).where(*_regions(session, dataset_id, part))
    return list(session.scalars(chosen.order_by(AnnotationRow.place)))


def _regions(session: Session, dataset_id: int, part: Slice) -> list[Any]:
    conditions: list[Any] = slices.of_annotations(session, dataset_id, part)
    if slices.narrows_images(part):
        conditions.append(AnnotationRow.image_id.in_(slices.image_ids(dataset_id, part)))
    # What is out of sight on a frame of its track is not there to be found.
    return [*conditions, AnnotationRow.kind.in_(shapes.REGIONS), ~AnnotationRow.outside]


def _masks(session: Session, conditions: Sequence[Any]) -> Iterator[rle.Rle]:
    row = AnnotationRow
    chosen = (
        select(row.kind, row.x, row.y, row.w, row.h, row.geometry, ImageRow.height, ImageRow.width)
        .join(ImageRow, ImageRow.id == row.image_id)
        .where(*conditions)
        .order_by(row.place)
    )
    for kind, x, y, w, h, stored, height, width in session.execute(chosen.execution_options(yield_per=5_000)):
        yield shapes.mask_of(to_geometry(kind, (x, y, w, h), stored, None), (height, width))


def _corners(session: Session, conditions: Sequence[Any], box: Floats) -> Floats:
    """(n, 4, 2) of shapes whose upright boxes are ``box`` (n, 4), in the order of ``convex``."""
    row = AnnotationRow
    out = rotated.upright(box)
    chosen = select(row.kind, row.geometry).where(*conditions).order_by(row.place)
    turned: list[list[float]] = []
    at: list[int] = []
    for place, (kind, stored) in enumerate(session.execute(chosen.execution_options(yield_per=5_000))):
        if kind in ("rotated", "ellipse"):
            turned.append(stored)
            at.append(place)
        elif kind == "polygon" and isinstance(stored, list) and len(stored) == 1 and len(stored[0]) == 8:
            out[place] = np.array(stored[0], dtype=np.float64).reshape(4, 2)
    if at:
        out[at] = rotated.corners_of(np.array(turned, dtype=np.float64))
    return rotated.convex(out)[0]


def id_of_source(dataset_id: int, key: str) -> UUID:
    """The id that an imported shape has: a UUIDv8 (RFC 9562) of BLAKE2b over the dataset's id and the source's key.

    The same source shape in the same dataset has it for ever, so that importing twice adds nothing.
    """
    digest = bytearray(hashlib.blake2b(b"%d:%b" % (dataset_id, key.encode()), digest_size=16).digest())
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def known_keys(session: Session, dataset_id: int) -> set[str]:
    """The source keys of every shape that was ever imported into the dataset, deleted ones included."""
    chosen = select(AnnotationRow.source_key).where(
        AnnotationRow.dataset_id == dataset_id, AnnotationRow.source_key.is_not(None)
    )
    return {key for key in session.scalars(chosen.execution_options(yield_per=10_000)) if key is not None}


_COLUMNS = (
    "id",
    "image_id",
    "dataset_id",
    "class_id",
    "source_key",
    "kind",
    "x",
    "y",
    "w",
    "h",
    "area",
    "geometry",
    "keypoints",
    "crowd",
    "attributes",
    "tags",
    "extra",
    "z",
    "track_id",
    "keyframe",
    "outside",
)


def add(session: Session, dataset_id: int, shapes: Sequence[SourceShape]) -> None:
    """Append shapes by COPY. Their keys must be new to the dataset, and the caller must hold its import lock."""
    if shapes:
        copy_lines_in(session, AnnotationRow.__tablename__, _COLUMNS, _lines(dataset_id, shapes))


def _lines(dataset_id: int, shapes: Sequence[SourceShape]) -> Iterator[bytes]:
    prefix = b"%d:" % dataset_id
    blake2b = hashlib.blake2b
    block: list[bytes] = []
    for one in shapes:
        key, image_id, class_id, kind, box, area, geometry, keypoints, crowd, attributes, tags, extra, z, track = one
        raw = key.encode()
        digest = bytearray(blake2b(prefix + raw, digest_size=16).digest())
        digest[6] = digest[6] & 0x0F | 0x80
        digest[8] = digest[8] & 0x3F | 0x80
        x, y, w, h = box
        # repr is the shortest text that reads back as the same double.
        numbers = f"{image_id}\t{dataset_id}\t{class_id}".encode()
        measures = f"{kind}\t{x!r}\t{y!r}\t{w!r}\t{h!r}\t{area!r}".encode()
        fields = (
            digest.hex().encode(),
            numbers,
            raw if raw.isalnum() else _escaped(raw),
            measures,
            _escaped(geometry),
            _escaped(keypoints),
            b"t" if crowd else b"f",
            _escaped(attributes),
            _escaped(_array(tags)) if tags else b"{}",
            _escaped(extra),
            b"%d" % z,
            track.id.hex.encode() if track.id else b"\\N",
            b"t" if track.keyframe else b"f",
            b"t" if track.outside else b"f",
        )
        block.append(b"\t".join(fields) + b"\n")
        if len(block) == 500:
            yield b"".join(block)
            block.clear()
    yield b"".join(block)


_CONTROL = {ord("\\"): "\\\\", ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}


def _escaped(value: bytes | None) -> bytes:
    r"""A value in COPY's text format: NULL is \N; backslash, tab and line ends are escaped."""
    if value is None:
        return b"\\N"
    if b"\\" in value or b"\t" in value or b"\n" in value or b"\r" in value:
        return value.decode().translate(_CONTROL).encode()
    return value


def _array(values: Sequence[str]) -> bytes:
    """A text[] literal."""
    quoted = ('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in values)
    return ("{" + ",".join(quoted) + "}").encode()


def stream(session: Session, dataset_id: int, part: Slice) -> Iterator[tuple[str | None, SourceShape]]:
    """(source key or None, shape) of a slice in the order of the source; JSON stays text, memory stays bounded.

    A shape drawn here has its UUID as ``SourceShape.key``.
    """
    row = AnnotationRow
    conditions = slices.of_annotations(session, dataset_id, part)
    if slices.narrows_images(part):
        conditions.append(row.image_id.in_(slices.image_ids(dataset_id, part)))
    chosen = (
        select(
            row.source_key,
            row.id,
            row.image_id,
            row.class_id,
            row.kind,
            row.x,
            row.y,
            row.w,
            row.h,
            row.area,
            cast(row.geometry, Text),
            cast(row.keypoints, Text),
            row.crowd,
            cast(row.attributes, Text),
            row.tags,
            cast(row.extra, Text),
            row.z,
            row.track_id,
            row.keyframe,
            row.outside,
        )
        .where(*conditions)
        .order_by(row.place)
    )
    for found in session.execute(chosen.execution_options(yield_per=2_000)):
        source_key, own, image, class_id, kind, x, y, w, h, area, geometry, points, crowd, *rest = found
        attributes, tags, extra, z, *track = rest
        yield (
            source_key,
            SourceShape(
                source_key if source_key is not None else str(own),
                image,
                class_id,
                kind,  # type: ignore[arg-type]  # the table's constraint keeps it among the kinds
                (x, y, w, h),
                area,
                None if geometry is None else geometry.encode(),
                None if points is None else points.encode(),
                crowd,
                attributes.encode(),
                tuple(tags),
                extra.encode(),
                z,
                Track(*track),
            ),
        )


def has_outlines(session: Session, dataset_id: int, part: Slice) -> bool:
    """Whether the slice has any polygon or mask."""
    conditions = slices.of_annotations(session, dataset_id, part)
    if slices.narrows_images(part):
        conditions.append(AnnotationRow.image_id.in_(slices.image_ids(dataset_id, part)))
    outlined = exists().where(*conditions, AnnotationRow.kind.in_(("polygon", "mask", "ellipse", "rotated")))
    return bool(session.scalar(select(outlined)))


def counts_by_class(session: Session, dataset_id: int, part: Slice) -> dict[int, tuple[int, int]]:
    """Class id → (on how many images of the slice, how many annotations); classes without any are absent."""
    conditions = slices.of_annotations(session, dataset_id, part)
    if slices.narrows_images(part):
        conditions.append(AnnotationRow.image_id.in_(slices.image_ids(dataset_id, part)))
    rows = session.execute(
        select(AnnotationRow.class_id, func.count(func.distinct(AnnotationRow.image_id)), func.count())
        .where(*conditions)
        .group_by(AnnotationRow.class_id)
    )
    return {class_id: (on_images, instances) for class_id, on_images, instances in rows}


def most_keypoints(session: Session, dataset_id: int) -> int:
    """How many keypoints the shape with most of them has."""
    many = func.coalesce(func.max(func.jsonb_array_length(AnnotationRow.keypoints)), 0)
    listed = func.jsonb_typeof(AnnotationRow.keypoints) == "array"
    chosen = select(many).where(AnnotationRow.dataset_id == dataset_id, ~AnnotationRow.deleted, listed)
    return int(session.scalars(chosen).one())


def highest_number(session: Session, dataset_id: int) -> int:
    """The highest integer source id of the dataset's annotations, 0 where there is none."""
    numeric = AnnotationRow.source_key.op("~")("^[0-9]{1,18}$")
    return session.scalars(
        select(func.coalesce(func.max(cast(AnnotationRow.source_key, BigInteger)), 0)).where(
            AnnotationRow.dataset_id == dataset_id, numeric
        )
    ).one()
