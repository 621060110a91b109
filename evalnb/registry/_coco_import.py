"""The import of COCO dataset files."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from evalnb.core.progress import NullProgress, Progress
from evalnb.core.sources import SourceImage, SourceShape, id_of, key_of, with_form
from evalnb.core.taxonomy import Class
from evalnb.errors import EvalnbError, Invalid
from evalnb.formats import json_index
from evalnb.formats.coco_reader import ImageObject, KnownImage, Refused, ShapeReader, read_classes, read_image
from evalnb.formats.json_index import JsonIndex, Unreadable
from evalnb.formats.problems import Problems
from evalnb.registry._filling import Filling, Pixels, filling
from evalnb.registry.receipts import ImportReport
from evalnb.store import Store
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import images as image_rows

LISTS = ("images", "annotations", "categories")
BATCH = 5000
"""Rows in one transaction: a good part of a second's work, which is what a crash may undo."""
COPY_BATCH = 250
"""The same, where each image's bytes are copied."""


def import_coco(
    store: Store,
    project_id: int,
    name: str,
    *,
    images: Path,
    annotations: Path,
    copy: bool = False,
    progress: Progress | None = None,
    format: Literal["coco", "lvis"] = "coco",
) -> ImportReport:
    """Import a COCO or LVIS file of boxes, polygons, run-length masks and keypoints into the dataset ``name``.

    ``images`` is the folder that ``file_name`` starts from; the files stay where they are unless ``copy`` puts them
    into the blobs. Images and annotations that the dataset has already keep their edits. An interrupted import is
    taken up by calling again. Invalid if the file is not COCO or no image is found; Conflict if its classes
    contradict the dataset's, or another import into it runs.
    """
    bar = progress or NullProgress()
    images, annotations = Path(images), Path(annotations)
    if not images.is_dir():
        raise Invalid(f"{images} is not a folder", remedy="pass the folder that the file names start from")
    try:
        index = _index(annotations, bar)
        problems = Problems()
        for fault in index.faults:
            problems.add("file", f"byte {fault.byte}", "", fault.reason)
        classes, numbers = _classes(index, problems)
        pixels = Pixels(store, images, copy=copy)
        _some_image_is_there(index, pixels, images)
        with filling(
            store,
            project_id,
            name,
            format=format,
            source=annotations.absolute(),
            digest=index.digest,
            classes=classes,
            about=_about(index, problems),
            problems=problems,
        ) as work:
            if not work.repeated:
                known, refused = _take_images(work, index, pixels, bar, batch=COPY_BATCH if copy else BATCH)
                _take_shapes(work, index, ShapeReader(known, numbers, refused=refused), bar)
            return work.finish()
    finally:
        bar.close()


def _index(path: Path, bar: Progress) -> JsonIndex:
    bar.start(path.stat().st_size if path.is_file() else None, unit="B", what=f"reading {path.name}")
    index = json_index.build(path, lists=LISTS, advance=bar.advance)
    if "images" not in index.arrays:
        found = ", ".join(repr(one) for one in [*index.arrays, *index.values] if one) or "none that has a name"
        raise Invalid(
            f"{path.name} has no list of images (its keys: {found})",
            remedy="pass a COCO dataset file, with images, annotations and categories",
        )
    return index


def _all(index: JsonIndex, name: str) -> list[Any]:
    return [one for batch in index.batches(name) for one in batch]


def _classes(index: JsonIndex, problems: Problems) -> tuple[list[Class], dict[int | str, int]]:
    if "categories" in index.arrays:
        return read_classes(_all(index, "categories"), problems)
    # COCO puts the categories last: a truncated file has lost them, and the shapes still say their numbers.
    numbers: set[int] = set()
    for batch in index.batches("annotations"):
        ids = [one.get("category_id") for one in batch if isinstance(one, dict)]
        numbers.update(one for one in ids if type(one) is int and 0 <= one < 2**31)
    if numbers:
        problems.add("file", "", "categories", "are missing; classes are called by their numbers")
    return [Class(id=one, name=str(one)) for one in sorted(numbers)], {one: one for one in numbers}


def _about(index: JsonIndex, problems: Problems) -> dict[str, Any]:
    """Everything at the top of the file but the three lists; for export."""
    for name in LISTS:
        if name in index.values:
            problems.add("file", "", name, "is not a list and was left out")
    about = {name: value for name, value in index.values.items() if name not in LISTS}
    return with_form(about, [one for one in LISTS if one not in index.arrays], {})


def _named(value: Any, pixels: Pixels) -> Any:
    """An image object that has a ``file_name``: LVIS 1.0 says where it was fetched instead."""
    if not isinstance(value, dict) or "file_name" in value or not isinstance(value.get("coco_url"), str):
        return value
    for steps in (2, 1):  # train2017/000000391895.jpg, or the bare name
        name = "/".join(value["coco_url"].split("/")[-steps:])
        path = pixels.path(name)
        if path is not None and pixels.refusal(path) is None:
            break
    return {**value, "file_name": name}


def _some_image_is_there(index: JsonIndex, pixels: Pixels, folder: Path) -> None:
    """A wrong folder is refused at once, not listed a hundred thousand times."""
    first = next(index.batches("images", size=1000), [])
    objects = [_named(one, pixels) for one in first]
    names = [one["file_name"] for one in objects if isinstance(one, dict) and isinstance(one.get("file_name"), str)]
    for name in names:
        path = pixels.path(name)
        if path is not None and pixels.refusal(path) is None:
            return
    if names:
        raise Invalid(
            f"none of the first {len(names)} images is under {folder} (the first is {names[0]!r})",
            remedy="pass the folder that the file names start from",
        )


def _take_images(
    work: Filling, index: JsonIndex, pixels: Pixels, bar: Progress, *, batch: int
) -> tuple[dict[int | str, KnownImage], set[int | str]]:
    """(the images that the dataset has now, the ids of those that were refused), by the file's ids."""
    with work.store.database.transaction() as session:
        had = image_rows.known(session, work.dataset_id)
    known = {id_of(key): KnownImage(*size) for key, size in had.items()}
    seen: set[str] = set()
    refused: set[int | str] = set()
    bar.start(len(index.arrays["images"]), unit="images", what="registering images")
    for objects in index.batches("images", stop=work.images_done, size=batch):  # dealt with before a crash
        for value in objects:
            source_id = _id(value)
            if source_id in known:
                seen.add(_object_key(value))
            elif source_id is not None:
                refused.add(source_id)
        bar.advance(len(objects))
    for objects in index.batches("images", first=work.images_done, size=batch):
        new: list[tuple[ImageObject, SourceImage]] = []
        for value in objects:
            try:
                one = read_image(_named(value, pixels))
                if one.key in seen:
                    raise Refused("id", "is used twice")
                if one.key in had:
                    work.problems.keep("image")
                else:
                    new.append((one, _found(one, pixels)))
                seen.add(one.key)
            except Refused as error:
                _tell(work.problems, "image", value, error)
                source_id = _id(value)
                if source_id is not None:
                    refused.add(source_id)
        fresh = work.write(new_images=[image for _, image in new], images_done=len(objects))
        for image_id, (one, image) in zip(fresh, new, strict=True):
            known[one.source_id] = KnownImage(image_id, image.width, image.height)
        bar.advance(len(objects))
    return known, refused


def _found(one: ImageObject, pixels: Pixels) -> SourceImage:
    path = pixels.path(one.file_name)
    if path is None:
        raise Refused("file_name", "leads out of the images' folder", one.file_name)
    refusal = pixels.refusal(path)
    if refusal is not None:
        raise Refused("file_name", refusal, one.file_name)
    width, height = one.width, one.height
    if width is None or height is None:
        try:
            width, height = pixels.size(path)
        except EvalnbError as error:
            raise Refused("file_name", "cannot be measured", error.happened) from error
    uri, sha256 = pixels.keep(path)
    return SourceImage(one.key, one.file_name, uri, sha256, width, height, one.tags, one.extra)


def _take_shapes(work: Filling, index: JsonIndex, reader: ShapeReader, bar: Progress) -> None:
    bar.start(len(index.arrays.get("annotations", ())), unit="annotations", what="writing annotations")
    with work.store.database.transaction() as session:
        had = annotation_rows.known_keys(session, work.dataset_id)
    seen: set[str] = set()
    for objects in index.batches("annotations", stop=work.annotations_done, size=BATCH):
        seen.update(key for key in map(_object_key, objects) if key in had)
        bar.advance(len(objects))
    # While PostgreSQL takes one batch, the next is read: two processes' work, of which one would wait for the other.
    with ThreadPoolExecutor(max_workers=1) as writer:
        writing: Future[list[int]] | None = None
        for objects in index.batches("annotations", first=work.annotations_done, size=BATCH):
            shapes = list(_shapes(work.problems, objects, reader, seen=seen, had=had))
            if writing is not None:
                writing.result()
            account = work.problems.to_json()
            writing = writer.submit(work.write, shapes=shapes, annotations_done=len(objects), problems=account)
            bar.advance(len(objects))
        if writing is not None:
            writing.result()


def _shapes(
    problems: Problems, objects: Sequence[Any], reader: ShapeReader, *, seen: set[str], had: Container[str]
) -> Iterator[SourceShape]:
    """The new shapes among ``objects``; the others go into the account."""
    for value in objects:
        try:
            shape = reader.read(value)
            if shape.key in seen:
                raise Refused("id", "is used twice")
            seen.add(shape.key)
        except Refused as error:
            _tell(problems, "annotation", value, error)
            continue
        if shape.key in had:
            problems.keep("annotation")
        else:
            yield shape


def _tell(problems: Problems, what: str, value: Any, error: Refused) -> None:
    known = value.id if isinstance(value, Unreadable) else value.get("id") if isinstance(value, dict) else None
    problems.add(what, known, error.field, error.reason, error.detail)


def _id(value: Any) -> int | str | None:
    source_id = value.get("id") if isinstance(value, dict) else None
    return source_id if isinstance(source_id, int | str) else None


def _object_key(value: Any) -> str:
    source_id = _id(value)
    return "" if source_id is None else key_of(source_id)
