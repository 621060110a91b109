"""The import of YOLO data sets: images with a label file beside each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from evalnb.core.format_names import TASKS, Task
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.sources import SourceImage, SourceShape
from evalnb.errors import EvalnbError, Invalid
from evalnb.formats.problems import Problems
from evalnb.formats.yolo import Label, Listing, label_path, read_labels, read_listing
from evalnb.registry._filling import Filling, Pixels, filling
from evalnb.registry.receipts import ImportReport
from evalnb.store import Store
from evalnb.store.repositories import annotations as shape_rows
from evalnb.store.repositories import images as image_rows

BATCH = 250


def import_yolo(
    store: Store,
    project_id: int,
    name: str,
    *,
    data: Path,
    task: str | None = None,
    copy: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import what a ``data.yaml`` names into the dataset ``name``: boxes, outlines, rotated boxes or keypoints.

    ``task`` is detect, segment, pose or obb. Left out, data.yaml says it (``task``, ``kpt_shape``); where it does
    not, labels that all have eight coordinates are rotated boxes, and of others the length of a line tells boxes from
    outlines. Each split becomes a tag of its images: train, val, test. Images stay in place unless ``copy``. As with
    COCO, an interrupted import is taken up, the same files again are no work, and bad lines are listed.
    NotFound or Invalid if data.yaml is missing or leads to no images.
    """
    bar = progress or NullProgress()
    data = Path(data).absolute()
    try:
        problems = Problems()
        listing = read_listing(data, problems)
        if task is not None and task not in TASKS:
            raise Invalid(f"there is no task {task!r}", remedy=f"use one of {', '.join(map(repr, TASKS))}")
        if task == "pose" and not listing.keypoints[0]:
            raise Invalid(f"{data.name} has no `kpt_shape`", remedy="write how many keypoints: kpt_shape: [17, 3]")
        digest, lengths = _digest(data, listing, bar)
        chosen = task or listing.task or ("obb" if lengths == {9} else None)
        if task is not None:
            digest = hashlib.sha256(f"{digest} {task}".encode()).hexdigest()
        pixels = Pixels(store, listing.root, copy=copy)
        about: dict[str, Any] = orjson.loads(
            orjson.dumps({"yolo": listing.about}, default=str, option=orjson.OPT_NON_STR_KEYS)
        )
        with filling(
            store,
            project_id,
            name,
            format="yolo",
            source=data,
            digest=digest,
            classes=listing.classes,
            about=about,
            problems=problems,
        ) as work:
            if not work.repeated:
                _take(work, listing, pixels, bar, chosen)
            return work.finish()
    finally:
        bar.close()


def _digest(data: Path, listing: Listing, bar: Progress) -> tuple[str, set[int]]:
    """(one hash of everything that the labels say, how many numbers their lines have); images are not read."""
    lengths: set[int] = set()
    digest = hashlib.sha256(data.read_bytes())
    bar.start(len(listing.images), unit="labels", what="reading labels")
    for name, splits in listing.images.items():
        digest.update(f"\0{name}\0{','.join(splits)}\0".encode("utf-8", "surrogateescape"))
        raw = _labels(listing, name) or b""
        digest.update(raw)
        lengths.update(len(line.split()) for line in raw.splitlines() if line.strip())
        bar.advance()
    return digest.hexdigest(), lengths


def _labels(listing: Listing, name: str) -> bytes | None:
    try:
        return label_path(listing.root / name).read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None


def _take(work: Filling, listing: Listing, pixels: Pixels, bar: Progress, task: Task | None) -> None:
    with work.store.database.transaction() as session:
        had_images = image_rows.known(session, work.dataset_id)
        had_shapes = shape_rows.known_keys(session, work.dataset_id)
    names = list(listing.images)
    classes = [one.id for one in listing.classes]
    bar.start(len(names), unit="images", what="registering images and labels")
    bar.advance(work.images_done)
    for start in range(work.images_done, len(names), BATCH):
        batch = names[start : start + BATCH]
        refused = work.problems.refused("annotation")
        met = 0
        new: list[SourceImage] = []
        # For each image its id, or its place among the new ones while it has none.
        owned: list[tuple[int | None, int, str, list[Label]]] = []
        for name in batch:
            known = had_images.get(name)
            if known is not None:
                image_id, width, height = known
                work.problems.keep("image")
            else:
                image_id = None
                found = _image(work.problems, listing, pixels, name)
                if found is None:
                    continue
                width, height = found.width, found.height
                new.append(found)
            raw = _labels(listing, name)
            labels = read_labels(
                raw or b"",
                width=width,
                height=height,
                classes=classes,
                key=name,
                problems=work.problems,
                task=task,
                keypoints=listing.keypoints,
            )
            met += len(labels)
            fresh = [one for one in labels if f"{name}:{one.line}" not in had_shapes]
            for _ in range(len(labels) - len(fresh)):
                work.problems.keep("annotation")
            owned.append((image_id, len(new) - 1, name, fresh))

        def shapes(
            ids: Sequence[int], owned: Sequence[tuple[int | None, int, str, list[Label]]] = owned
        ) -> list[SourceShape]:
            return [
                _shape(f"{name}:{one.line}", ids[place] if image_id is None else image_id, one)
                for image_id, place, name, labels in owned
                for one in labels
            ]

        met += work.problems.refused("annotation") - refused
        work.write(new_images=new, shapes_of=shapes, images_done=len(batch), annotations_done=met)
        bar.advance(len(batch))


def _image(problems: Problems, listing: Listing, pixels: Pixels, name: str) -> SourceImage | None:
    path = pixels.path(name)
    if path is None:
        problems.add("image", name, "file", "leads out of the data set's folder")
        return None
    refusal = pixels.refusal(path)
    if refusal is not None:
        problems.add("image", name, "file", refusal)
        return None
    try:
        width, height = pixels.size(path)
    except EvalnbError as error:
        problems.add("image", name, "file", "cannot be measured", error.happened)
        return None
    uri, sha256 = pixels.keep(path)
    return SourceImage(name, name, uri, sha256, width, height, tags=listing.images[name])


def _shape(key: str, image_id: int, label: Label) -> SourceShape:
    return SourceShape(
        key,
        image_id,
        label.class_id,
        label.kind,
        label.box,
        label.area,
        label.geometry,
        label.keypoints,
        False,
        b"{}",
        (),
        b"{}",
    )
