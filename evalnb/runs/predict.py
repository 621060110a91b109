"""Run a model version over a dataset: batches in, packed rows out, nothing twice."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import numpy as np

from evalnb import models
from evalnb.core.images import ImageRecord
from evalnb.core.masks import to_string
from evalnb.core.ports import Detector, ImageDetections, Pixels
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.slices import Slice
from evalnb.core.taxonomy import Taxonomy
from evalnb.errors import Cancelled, Conflict, EvalnbError, Invalid
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, predictions
from evalnb.store.repositories import models as model_rows
from evalnb.store.repositories.models import ModelVersion
from evalnb.store.repositories.predictions import ImagePredictions

_DECODERS = 4
_WRITE_EVERY = 64
_DEFAULT_BATCH = 4
_MOST_CANDIDATES = 30_000
"""What ultralytics' suppression looks at, at most; asked for where classes are dropped before the cut."""
_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class ClassMap:
    """How a model's classes meet a dataset's, by name."""

    class_id: tuple[int, ...]
    """For each class index of the model its class id in the dataset; −1 where the dataset has no such class."""
    dropped: tuple[str, ...]
    """The model's classes that the dataset does not name: they are not kept."""
    unpredicted: tuple[str, ...]
    """The dataset's classes that the model does not know."""


def map_classes(class_names: Sequence[str], taxonomy: Taxonomy) -> ClassMap:
    """Match a model's class names with a taxonomy's: equal names, then names equal but for case, spaces and signs.

    Invalid, listing both sides, if they share none.
    """
    plain = {_plain(one.name): one for one in taxonomy}
    found = [taxonomy.by_name.get(name) or plain.get(_plain(name)) for name in class_names]
    shared = {one.name for one in found if one is not None}
    if not shared:
        raise Invalid(
            f"the model predicts {_listed(class_names)} and the dataset names {_listed(list(taxonomy.by_name))}: "
            "they share no class",
            remedy="rename the dataset's classes, or register the model with class_names=[…] as the dataset has them",
        )
    return ClassMap(
        class_id=tuple(-1 if one is None else one.id for one in found),
        dropped=tuple(name for name, one in zip(class_names, found, strict=True) if one is None),
        unpredicted=tuple(one.name for one in taxonomy if one.name not in shared),
    )


def predict(
    store: Store,
    version_id: int,
    dataset_id: int,
    *,
    part: Slice = Slice(),
    name: str | None = None,
    confidence: float = 0.001,
    max_detections: int = 100,
    batch: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    job_id: UUID | None = None,
    run_id: int | None = None,
) -> int:
    """Run a model version over the images of a slice; the prediction run's id.

    Images are decoded in threads ahead of the model, and results are written every few batches, each in a
    transaction of its own: whatever was written stays. With ``run_id`` an interrupted run goes on with the images
    that it lacks, with the slice and the parameters that it began with.

    Classes meet by name; the model's that the dataset does not have are dropped and recorded in the run's parameters
    (``dropped_classes``). An image that cannot be read is left out and recorded (``problems``); if none can be read,
    its error is raised.

    NotFound, Invalid (no shared class, no image), Conflict (``run_id`` of another model or dataset), Cancelled (what
    was written stays; the remedy names the run).
    """
    progress = progress or NullProgress()
    with store.database.transaction() as session:
        version = model_rows.get(session, version_id)
        taxonomy = datasets.taxonomy(session, dataset_id)
    classes = map_classes(version.class_names, taxonomy)
    settings = store.settings
    detector = models.detector(
        version.architecture,
        store.blobs.local_path(version.sha256),
        class_names=version.class_names,
        device=device or settings.device,
        home=settings.home,
    )
    if run_id is None:
        parameters = _parameters(version, detector, classes, part, confidence, max_detections)
        with store.database.transaction() as session:
            count = images.count(session, dataset_id, part)
            if not count:
                raise Invalid("the slice has no images", remedy="widen it, or import images first")
            run_id = predictions.create(
                session,
                dataset_id,
                name or f"{version.name} v{version.number}",
                image_count=count,
                model_version_id=version_id,
                parameters=parameters,
                job_id=job_id,
            )
        if classes.dropped and classes.unpredicted:
            # Only one side unknown is a superset or a subset; both may be a misspelling.
            warnings.warn(
                f"the model's classes {_listed(classes.dropped)} are not in the dataset and are dropped; "
                f"the dataset's {_listed(classes.unpredicted)} are never predicted",
                stacklevel=2,
            )
    else:
        part, confidence, max_detections = _resumed(store, run_id, version_id, dataset_id)
    work = _Work(store, run_id, detector, classes, confidence, max_detections, progress, cancelled)
    work.go(dataset_id, part, batch or int(getattr(detector, "batch_size", _DEFAULT_BATCH)))
    return run_id


@dataclass(frozen=True, slots=True)
class _Work:
    store: Store
    run_id: int
    detector: Detector
    classes: ClassMap
    confidence: float
    max_detections: int
    progress: Progress
    cancelled: Callable[[], bool]

    def go(self, dataset_id: int, part: Slice, batch: int) -> None:
        with self.store.database.transaction() as session:
            todo = predictions.missing(session, self.run_id, dataset_id, part)
            total = predictions.get(session, self.run_id).image_count
        self.progress.start(total, unit="images", what="predicting")
        self.progress.advance(total - len(todo))
        problems: list[dict[str, Any]] = []
        first: EvalnbError | None = None
        waiting: list[tuple[int, ImagePredictions]] = []
        try:
            for records in self._records(dataset_id, todo, batch):
                self._stop_if_asked(waiting)
                good: list[tuple[ImageRecord, Pixels]] = []
                for record, decoded in records:
                    try:
                        good.append((record, decoded.result()))
                    except EvalnbError as error:
                        problems.append({"image": record.id, "file": record.file_name, "problem": str(error)})
                        first = first or error
                if good:
                    waiting += self._detect(good)
                elif first is not None and len(problems) == total:
                    raise first
                if len(waiting) >= _WRITE_EVERY:
                    self._write(waiting)
                self.progress.advance(len(records))
            self._write(waiting)
        finally:
            self.progress.close()
        with self.store.database.transaction() as session:
            predictions.finish(session, self.run_id, parameters={"problems": problems[:_MOST_PROBLEMS]})
        if problems:
            warnings.warn(
                f"{len(problems)} of {total} images could not be read and have no predictions, the first: "
                f"{problems[0]['problem']}",
                stacklevel=3,
            )

    def _records(
        self, dataset_id: int, todo: list[int], batch: int
    ) -> Iterator[list[tuple[ImageRecord, Future[Pixels]]]]:
        """Batches whose images are being decoded: two batches ahead of the one that is given out."""
        with ThreadPoolExecutor(_DECODERS, thread_name_prefix="evalnb-decode") as pool:
            ahead: deque[list[tuple[ImageRecord, Future[Pixels]]]] = deque()
            try:
                for start in range(0, len(todo), batch):
                    these = Slice(images=frozenset(todo[start : start + batch]))
                    with self.store.database.transaction() as session:
                        records = images.page(session, dataset_id, these, limit=batch)
                    ahead.append([(one, pool.submit(pixels.decode, self.store, one)) for one in records])
                    if len(ahead) > 2:
                        yield ahead.popleft()
                while ahead:
                    yield ahead.popleft()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _detect(self, good: list[tuple[ImageRecord, Pixels]]) -> list[tuple[int, ImagePredictions]]:
        # The cut to the best comes after the classes are dropped, or the dropped ones would take the places.
        most = _MOST_CANDIDATES if self.classes.dropped else self.max_detections
        found = self.detector.detect(
            [decoded for _, decoded in good], confidence=self.confidence, max_detections=most
        )
        return [(record.id, self._kept(one)) for (record, _), one in zip(good, found, strict=True)]

    def _kept(self, found: ImageDetections) -> ImagePredictions:
        class_id = np.array(self.classes.class_id, dtype=np.int64)[found.class_index]
        kept = np.flatnonzero(class_id >= 0) if self.classes.dropped else np.arange(len(class_id))
        kept = kept[: self.max_detections]
        return ImagePredictions(
            box=found.box[kept],
            score=found.score[kept],
            class_id=class_id[kept],
            rles=[to_string(found.masks[i]) for i in kept.tolist()] if found.masks is not None else None,
        )

    def _write(self, waiting: list[tuple[int, ImagePredictions]]) -> None:
        if waiting:
            with self.store.database.transaction() as session:
                # A worker that lost its lease may still be writing the same images: each is written once.
                there = predictions.locked_images(session, self.run_id, [image for image, _ in waiting])
                predictions.write(session, self.run_id, [one for one in waiting if one[0] not in there])
            waiting.clear()

    def _stop_if_asked(self, waiting: list[tuple[int, ImagePredictions]]) -> None:
        if self.cancelled():
            self._write(waiting)
            raise Cancelled(
                f"the prediction run {self.run_id} was stopped",
                remedy=f"what it has stays; pass run_id={self.run_id} to go on",
            )


def _parameters(
    version: ModelVersion,
    detector: Detector,
    classes: ClassMap,
    part: Slice,
    confidence: float,
    max_detections: int,
) -> dict[str, Any]:
    return {
        "architecture": version.architecture,
        "weights": version.sha256,
        "confidence": confidence,
        "max_detections": max_detections,
        "nms_iou": getattr(detector, "nms_iou", None),
        "image_size": getattr(detector, "image_size", None),
        "device": str(getattr(detector, "device", "")),
        "dropped_classes": list(classes.dropped),
        "unpredicted_classes": list(classes.unpredicted),
        "part": {
            key: sorted(value) if isinstance(value, frozenset) else value for key, value in asdict(part).items()
        },
    }


def _resumed(store: Store, run_id: int, version_id: int, dataset_id: int) -> tuple[Slice, float, int]:
    with store.database.transaction() as session:
        run = predictions.get(session, run_id)
        if run.model_version_id != version_id or run.dataset_id != dataset_id:
            raise Conflict(
                f"the run {run_id} is of model version {run.model_version_id} on dataset {run.dataset_id}, not of "
                f"{version_id} on {dataset_id}",
                remedy="pass that model and dataset, or start a new run",
            )
        predictions.reopen(session, run_id)
    said = run.parameters
    return _slice(said["part"]), float(said["confidence"]), int(said["max_detections"])


def _slice(said: Mapping[str, Any]) -> Slice:
    sets = {key: frozenset(value) for key, value in said.items() if isinstance(value, list)}
    return Slice(**{**said, **sets})


def _plain(name: str) -> str:
    return "".join(one for one in name.casefold() if one.isalnum())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
