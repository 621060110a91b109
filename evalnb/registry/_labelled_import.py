"""The import of labelled images: what VOC, CVAT, LabelMe, Datumaro and mask files share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import orjson

from evalnb.core import shapes
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.sources import SourceImage, SourceShape, exact
from evalnb.core.stored import from_geometry
from evalnb.errors import EvalnbError
from evalnb.formats.labelled import Drawn, Picture, Reader
from evalnb.formats.problems import Problems
from evalnb.registry._filling import Filling, Pixels, filling
from evalnb.registry.receipts import ImportReport
from evalnb.store import Store
from evalnb.store.repositories import annotations as shape_rows
from evalnb.store.repositories import images as image_rows

BATCH = 250
ORIGIN = "evalnb_source"
"""Where a dataset's ``source`` says which format it came from; no word of a COCO file."""


def import_labelled(
    store: Store,
    project_id: int,
    name: str,
    reader: Reader,
    *,
    problems: Problems,
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Take what ``reader`` reads into the dataset ``name``, made if need be.

    Images stay in place unless ``copy``. An interrupted import is taken up by the same call, the same files again are
    no work, and what is refused is listed; ``problems`` are those found so far. Conflict if the classes contradict
    the dataset's, or another import into it runs.
    """
    bar = progress or NullProgress()
    pixels = Pixels(store, reader.root, copy=copy)
    try:
        with filling(
            store,
            project_id,
            name,
            format=reader.format,
            source=reader.source,
            digest=reader.digest,
            classes=reader.classes,
            about={ORIGIN: {"format": reader.format, **reader.about}},
            problems=problems,
        ) as work:
            if not work.repeated:
                _take(work, reader, pixels, bar)
            return work.finish()
    finally:
        bar.close()


def _take(work: Filling, reader: Reader, pixels: Pixels, bar: Progress) -> None:
    with work.store.database.transaction() as session:
        had_images = image_rows.known(session, work.dataset_id)
        had_shapes = shape_rows.known_keys(session, work.dataset_id)
    bar.start(len(reader), unit="images", what="registering images and labels")
    bar.advance(work.images_done)
    refused = work.problems.refused("annotation")
    pictures = reader.pictures(work.images_done, work.problems)
    while batch := list(islice(pictures, BATCH)):
        new: list[SourceImage] = []
        owned: list[tuple[int | None, int, Picture, list[Drawn]]] = []
        met = 0
        for picture in batch:
            if picture is None:
                continue
            known = had_images.get(picture.name)
            if known is not None:
                image_id, *size = known
                work.problems.keep("image")
            else:
                image_id = None
                found = _image(work.problems, pixels, picture)
                if found is None:
                    for one in picture.drawn:
                        _tell(work.problems, picture, one, "image", "was refused")
                    continue
                size = [found.width, found.height]
                new.append(found)
            fresh = []
            for one in picture.drawn:
                if f"{picture.name}:{one.key}" in had_shapes:
                    met += 1
                    work.problems.keep("annotation")
                elif one.geometry.mask is not None and list(one.geometry.mask.size) != size[::-1]:
                    _tell(work.problems, picture, one, "mask", "does not fit its image")
                else:
                    met += 1
                    fresh.append(one)
            owned.append((image_id, len(new) - 1, picture, fresh))

        def made(
            ids: Sequence[int], owned: Sequence[tuple[int | None, int, Picture, list[Drawn]]] = owned
        ) -> list[SourceShape]:
            return [
                _shape(f"{picture.name}:{one.key}", ids[place] if image_id is None else image_id, one)
                for image_id, place, picture, drawn in owned
                for one in drawn
            ]

        now = work.problems.refused("annotation")
        work.write(new_images=new, shapes_of=made, images_done=len(batch), annotations_done=met + now - refused)
        refused = now
        bar.advance(len(batch))


def _image(problems: Problems, pixels: Pixels, picture: Picture) -> SourceImage | None:
    path = pixels.path(picture.name)
    if path is None:
        problems.add("image", picture.name, "file", "leads out of the images' folder")
        return None
    refusal = pixels.refusal(path)
    if refusal is not None:
        problems.add("image", picture.name, "file", refusal)
        return None
    try:
        width, height = picture.size or pixels.size(path)
    except EvalnbError as error:
        problems.add("image", picture.name, "file", "cannot be measured", error.happened)
        return None
    uri, sha256 = pixels.keep(path)
    return SourceImage(picture.name, picture.name, uri, sha256, width, height, tags=picture.tags)


def _tell(problems: Problems, picture: Picture, one: Drawn, field: str, reason: str) -> None:
    problems.add("annotation", f"{picture.name}:{one.key}", field, reason)


def _shape(key: str, image_id: int, one: Drawn) -> SourceShape:
    geometry = one.geometry
    stored = from_geometry(geometry)
    return SourceShape(
        key,
        image_id,
        one.class_id,
        geometry.kind,
        geometry.box,
        shapes.area_of(geometry) if one.area is None else one.area,
        None if stored is None else orjson.dumps(stored),
        orjson.dumps([list(point) for point in geometry.points]) if geometry.points else None,
        one.crowd,
        orjson.dumps(exact(dict(one.attributes))),
        one.tags,
        b"{}",
        one.z,
        one.track,
    )
