"""Exports: a dataset, or a slice of it, written as files that other tools read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy.orm import Session

from evalnb.core.format_names import FORMATS, YOLO, ShapesMode
from evalnb.core.images import ImageRecord
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.slices import Slice
from evalnb.errors import EvalnbError, Invalid
from evalnb.formats.problems import Problems
from evalnb.registry import pixels
from evalnb.registry.receipts import LossReport
from evalnb.store import Store

PixelsMode: TypeAlias = Literal["link", "copy", "none"]


def export(
    store: Store,
    dataset_id: int,
    format: str,
    out: Path,
    *,
    part: Slice = Slice(),
    images: PixelsMode = "link",
    shapes: ShapesMode = "auto",
    progress: Progress | None = None,
) -> LossReport:
    """Write the slice into the folder ``out`` and say what the format could not express.

    ``format`` is one of ``FORMATS``: ``coco`` and ``lvis`` (annotations.json, images/), ``yolo`` (data.yaml, images/,
    labels/) and its four tasks, ``voc``, ``labelme``, ``cvat``, ``cvat-video``, ``panoptic``, ``masks`` or
    ``datumaro``. ``images`` are linked (blobs copied), copied, or left out. ``shapes`` chooses YOLO's kind of labels
    where the format does not: boxes, outlines, corners, keypoints, or outlines as soon as the slice has one. Invalid
    for another format or a folder that holds something else.
    """
    from evalnb.registry._coco_export import export_coco, export_lvis
    from evalnb.registry._formats import WRITERS, export_one
    from evalnb.registry._yolo_export import export_yolo

    if format not in FORMATS:
        raise Invalid(f"there is no export format {format!r}", remedy=f"use one of {', '.join(map(repr, FORMATS))}")
    bar = progress or NullProgress()
    out = Path(out)
    try:
        if format == "lvis":
            return export_lvis(store, dataset_id, out, part=part, mode=images, bar=bar)
        if format == "coco":
            return export_coco(store, dataset_id, out, part=part, mode=images, bar=bar)
        if format in WRITERS:
            return export_one(store, dataset_id, format, out, part=part, mode=images, bar=bar)
        chosen = shapes if format == "yolo" else YOLO[format]
        return export_yolo(store, dataset_id, out, part=part, mode=images, shapes=chosen, bar=bar)
    finally:
        bar.close()


@contextmanager
def one_moment(store: Store) -> Iterator[Session]:
    """A session that sees the database as it was at one moment, however long the export takes."""
    with store.database.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


def place_pixels(
    store: Store, image: ImageRecord, folder: Path, name: str, *, mode: PixelsMode, losses: Problems
) -> None:
    """Put the image's file at ``folder / name``; a file that has moved is a loss, not an end."""
    if mode == "none":
        return
    target = Path(os.path.normpath(folder / name))
    if not target.is_relative_to(folder):
        losses.add("image", image.source_key, "file_name", "leads out of the folder; its file was left out", name)
        return
    try:
        source = pixels.local_path(store, image)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink() or target.exists():
            target.unlink()
        if source is None:
            target.write_bytes(pixels.read(store, image))
        elif mode == "link" and image.sha256 is None:
            target.symlink_to(source)
        else:
            shutil.copyfile(source, target)
    except EvalnbError as error:
        losses.add("image", image.source_key, "file", "was left out", error.happened)
