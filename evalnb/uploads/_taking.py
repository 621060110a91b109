"""Taking an uploaded file in, on a worker: zips of images, data sets, checkpoints.

Each verb may be called again after a crash and goes on where it was: unpacked files stay, imports have cursors.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from evalnb.core.progress import Progress
from evalnb.core.uploads import UploadRecord
from evalnb.errors import Cancelled, Conflict, EvalnbError, Invalid
from evalnb.imagery import ConfinedReader
from evalnb.models import files
from evalnb.registry import models as registry
from evalnb.registry.ingest import (
    ImportReport,
    import_coco,
    import_cvat,
    import_datumaro,
    import_images,
    import_labelme,
    import_masks,
    import_panoptic,
    import_voc,
    import_yolo,
)
from evalnb.store import Store
from evalnb.store.repositories import uploads as rows
from evalnb.uploads import _archive, _layout
from evalnb.uploads._asking import safe_name
from evalnb.uploads._ending import to_json

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_TOLD = 100
"""Files left out that are named; the others are counted."""


def take_zip(
    store: Store, upload_id: UUID, *, folder: Path, progress: Progress, cancelled: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Unpack a zip into ``folder`` and import it; what came of it, as JSON, which the upload's row keeps too.

    Unsafe, Invalid or Conflict, kept on the row as the upload's refusal, name the file at fault and the next step.
    """
    record = _read(store, upload_id)
    if record.state == "done":
        return dict(record.result or {})
    bar = _Stoppable(progress, cancelled)
    with _refusing(store, record), ConfinedReader() as reader:
        assert record.sha256 is not None  # the table's check
        with _archive.opened(store.blobs.local_path(record.sha256), name=record.filename) as archive:
            if record.purpose == "images-zip":
                result = _images(store, record, archive, reader, folder, bar)
            else:
                result = _dataset(store, record, archive, reader, folder, bar)
        return _done(store, record, result, folder)


def take_checkpoint(
    store: Store, upload_id: UUID, *, folder: Path, progress: Progress, job_id: UUID | None = None
) -> dict[str, Any]:
    """Register an uploaded checkpoint as a model version: safetensors as they are, ``.pt`` by the confined converter.

    The architecture is the one that was given, else the one that the file names. Errors as
    ``registry.models.register``, kept on the row.
    """
    record = _read(store, upload_id)
    if record.state == "done":
        return dict(record.result or {})
    with _refusing(store, record):
        assert record.sha256 is not None
        progress.start(None, unit="", what=f"checking {record.filename}")
        # Under the name that errors are to tell; the blob is called by its hash.
        named = folder / safe_name(record.filename)
        _link(store.blobs.local_path(record.sha256), named)
        opened = files.open_weights(named, into=folder)
        architecture = record.arguments.get("architecture") or opened.architecture
        if not architecture:
            raise Invalid(
                f"{record.filename} does not say its architecture",
                remedy="upload it again and choose one, such as yolo11n",
            )
        version_id = registry.register(
            store,
            record.project_id,
            architecture,
            opened.path,
            name=record.arguments.get("model") or Path(record.filename).stem,
            job_id=job_id,
            progress=progress,
        )
        return _done(store, record, {"model_version_id": version_id}, folder)


def keep_checkpoint(store: Store, upload_id: UUID, version_id: int) -> dict[str, Any]:
    """An earlier start registered the version and was lost before it could say so: say it."""
    result = {"model_version_id": version_id}
    with store.database.transaction() as session:
        rows.finish(session, upload_id, result)
    return result


def _images(
    store: Store, record: UploadRecord, archive: _archive.Archive, reader: ConfinedReader, folder: Path, bar: Progress
) -> dict[str, Any]:
    names, others = archive.unpack(folder, _is_image, progress=bar)
    if not names:
        raise Invalid(
            f"{record.filename} has no images", remedy=f"put files into it that end in {', '.join(sorted(IMAGES))}"
        )
    report = import_images(
        store,
        record.project_id,
        record.arguments["dataset"],
        folder=folder,
        files=names,
        digest=str(record.sha256),
        measure=lambda path, name: reader.read(path, name=name),
        progress=bar,
    )
    if report.images_refused == len(names):
        raise Invalid(
            f"none of the {len(names)} images in {record.filename} can be taken ({report.problems[0]})",
            remedy="see that they are images, and zip them again",
        )
    return {"datasets": [_account(report)], **_left_out(others, [str(one) for one in report.problems])}


def _dataset(
    store: Store, record: UploadRecord, archive: _archive.Archive, reader: ConfinedReader, folder: Path, bar: Progress
) -> dict[str, Any]:
    names, others = archive.unpack(folder, _is_of_dataset, progress=bar)
    sources = _layout.find(folder, names, zip_name=record.filename)
    problems = _remove_bad(folder, [one for one in names if _is_image(one)], reader, bar)
    name = record.arguments.get("dataset") or Path(record.filename).stem
    accounts = []
    for source in sources:
        called = name if len(sources) == 1 else f"{name} {source.label}"
        report = _import(store, record.project_id, called, source, folder, bar)
        accounts.append(_account(report))
        problems += [f"{source.file}: {one}" for one in report.problems]
    return {"datasets": accounts, **_left_out(others, problems)}


def _import(
    store: Store, project_id: int, name: str, source: _layout.Source, folder: Path, bar: Progress
) -> ImportReport:
    file = folder / source.file
    if source.format == "yolo":
        return import_yolo(store, project_id, name, data=file, copy=True, progress=bar)
    if source.format == "coco":
        return import_coco(
            store, project_id, name, images=folder / source.images, annotations=file, copy=True, progress=bar
        )
    if source.format == "panoptic":
        return import_panoptic(
            store, project_id, name, images=folder / source.images, annotations=file, copy=True, progress=bar
        )
    if source.format == "cvat":
        return import_cvat(store, project_id, name, annotations=file, copy=True, progress=bar)
    if source.format == "masks":
        return import_masks(
            store, project_id, name, images=folder / source.images, masks=file, copy=True, progress=bar
        )
    of_folder = {"voc": import_voc, "labelme": import_labelme, "datumaro": import_datumaro}
    return of_folder[source.format](store, project_id, name, folder=file, copy=True, progress=bar)


def _remove_bad(folder: Path, names: Sequence[str], reader: ConfinedReader, bar: Progress) -> list[str]:
    """Decode every image in confinement; those that are refused are removed, so that no import meets them."""
    problems = []
    bar.start(len(names), unit="images", what="checking images")
    for name in names:
        try:
            reader.read(folder / name, name=name)
        except EvalnbError as error:
            if error.status >= 500:
                raise
            problems.append(str(error))
            (folder / name).unlink()
        bar.advance()
    return problems


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGES


def _is_of_dataset(name: str) -> bool:
    return _is_image(name) or Path(name).suffix.lower() in {*_archive.TEXTS, ".json", ".xml"}


def _account(report: ImportReport) -> dict[str, Any]:
    return {
        "dataset_id": report.dataset_id,
        "dataset": report.dataset,
        "images": report.images,
        "annotations": report.annotations,
        "images_refused": report.images_refused,
        "annotations_refused": report.annotations_refused,
        "images_unchanged": report.images_unchanged,
    }


def _left_out(others: Sequence[str], problems: Sequence[str]) -> dict[str, Any]:
    return {"problems": list(problems[:_TOLD]), "problem_count": len(problems), "skipped": len(others)}


def _read(store: Store, upload_id: UUID) -> UploadRecord:
    with store.database.transaction() as session:
        record = rows.get(session, upload_id)
    if record.state not in {"processing", "done"}:
        raise Conflict(f"{record.filename} is {record.state}, not to be taken in", remedy="upload it again")
    return record


def _done(store: Store, record: UploadRecord, result: dict[str, Any], folder: Path) -> dict[str, Any]:
    with store.database.transaction() as session:
        rows.finish(session, record.id, result)
    shutil.rmtree(folder, ignore_errors=True)
    return result


@contextmanager
def _refusing(store: Store, record: UploadRecord) -> Iterator[None]:
    """Keep a refusal on the row. What may end otherwise at another try is left to the job: a full disk, a stop."""
    try:
        yield
    except Cancelled:
        raise
    except EvalnbError as error:
        if error.status < 500 and error.status not in {409, 423}:
            with store.database.transaction() as session:
                rows.refuse(session, record.id, to_json(error))
        raise


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)  # another file system


class _Stoppable:
    """Progress that ends the work when somebody has asked for that."""

    def __init__(self, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._progress = progress
        self._cancelled = cancelled

    def start(self, total: int | None, *, unit: str, what: str) -> None:
        self._check()
        self._progress.start(total, unit=unit, what=what)

    def advance(self, n: int = 1) -> None:
        self._check()
        self._progress.advance(n)

    def close(self) -> None:
        self._progress.close()

    def _check(self) -> None:
        if self._cancelled():
            raise Cancelled("the import was stopped", remedy="what it had taken in is kept; upload again to go on")
