"""``project.submit``: the same verbs as the project's, on a worker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from evalnb.core.slices import Slice
from evalnb.errors import NotFound
from evalnb.jobs.arguments import (
    Arguments,
    EncodeArguments,
    EvaluateArguments,
    FollowArguments,
    MasksArguments,
    PredictArguments,
    TrainArguments,
    to_json,
)
from evalnb.jobs.broker import ring
from evalnb.jobs.handle import Job, Resolve, View
from evalnb.jobs.rows import ask
from evalnb.models import architecture, detector_architecture
from evalnb.store import Store
from evalnb.store.repositories import datasets, models, predictions

_KIND: dict[type, str] = {
    TrainArguments: "train",
    PredictArguments: "predict",
    EvaluateArguments: "evaluate",
    MasksArguments: "masks",
    EncodeArguments: "encode",
    FollowArguments: "follow",
}


class HasId(Protocol):
    """A dataset, a model version, a run: anything with a row."""

    @property
    def id(self) -> int:
        """The row's id."""


class Submit:
    """Ask for work on a worker. Each verb returns a ``Job`` at once; its result is what the project's verb returns.

    Wherever a dataset, model version or run is wanted, its id will do. A dataset's ``part`` (its slice) goes along.
    """

    def __init__(
        self, store: Store, project_id: int, author: str, *, view: View | None = None, resolve: Resolve | None = None
    ) -> None:
        self._store = store
        self._project_id = project_id
        self._author = author
        self._view = view
        self._resolve = resolve

    def train(
        self,
        architecture: str,
        dataset: HasId | int,
        *,
        epochs: int = 50,
        image_size: int = 640,
        batch: int = 16,
        name: str | None = None,
        start: HasId | int | None = None,
        pretrained: bool = True,
        validation: float = 0.2,
        hyperparameters: dict[str, Any] | None = None,
    ) -> Job:
        """Train ``architecture`` ("yolo11n", "rtdetr-l", …) on a dataset; the result is a model version.

        ``start``: a model version to begin with instead of the architecture's published weights;
        ``pretrained=False`` begins with random ones. ``validation``: the share of images measured after each epoch,
        where none bears the tag ``val``. ``hyperparameters``: ultralytics' own, for instance {"lr0": 0.01}.
        """
        return self._ask(
            TrainArguments(
                architecture=architecture,
                dataset_id=_id(dataset),
                part=_part(dataset),
                epochs=epochs,
                image_size=image_size,
                batch=batch,
                name=name,
                start_version_id=None if start is None else _id(start),
                pretrained=pretrained,
                validation=validation,
                hyperparameters=hyperparameters,
            ),
        )

    def predict(
        self,
        model: HasId | int,
        dataset: HasId | int,
        *,
        name: str | None = None,
        confidence: float = 0.001,
        max_detections: int = 100,
        batch: int | None = None,
    ) -> Job:
        """Run a model version over a dataset; the result is a prediction run."""
        return self._ask(
            PredictArguments(
                version_id=_id(model),
                dataset_id=_id(dataset),
                part=_part(dataset),
                name=name,
                confidence=confidence,
                max_detections=max_detections,
                batch=batch,
            ),
        )

    def evaluate(self, run: HasId | int, *, kind: str = "bbox") -> Job:
        """Match a prediction run with its truths; the result is an evaluation."""
        return self._ask(EvaluateArguments(run_id=_id(run), kind=kind))

    def masks(self, dataset: HasId | int, *, segmenter: str | None = None, score_min: float = 0.5) -> Job:
        """Turn the boxes of a dataset (or a slice) into the masks that a SAM 2 draws in them; the result counts them.

        ``segmenter``: "sam2.1-tiny", … or "pico"; None: the smallest whose weights the worker has. Boxes with a
        predicted IoU below ``score_min`` stay. Each is an edit of its own, which history can take back.
        """
        return self._ask(
            MasksArguments(dataset_id=_id(dataset), part=_part(dataset), segmenter=segmenter, score_min=score_min)
        )

    def follow(
        self,
        dataset: HasId | int,
        *,
        tracks: Iterable[UUID | str] | None = None,
        segmenter: str | None = None,
        direction: str = "both",
    ) -> Job:
        """Follow tracks of a dataset (or a slice) over its images, in their order, from their keyframes; the result
        counts what was drawn.

        ``tracks``: their ids; None: all, or those of the slice's classes. ``direction``: forward of each keyframe,
        backward, or both (forward, and back before the first). ``segmenter`` as in ``masks``. Keyframes stay as they
        are. Each shape is an edit of its own, which history can take back.
        """
        return self._ask(
            FollowArguments(
                dataset_id=_id(dataset),
                part=_part(dataset),
                tracks=None if tracks is None else tuple(str(one) for one in tracks),
                segmenter=segmenter,
                direction=direction,
            )
        )

    def encode(self, dataset: HasId | int, *, segmenter: str | None = None) -> Job:
        """Encode the images of a dataset (or a slice) for the wand: the first click on each then waits for nothing.

        For kernels that share the worker's EVALNB_HOME, as many images as the cache of features there holds; the
        result counts them. ``segmenter`` as in ``masks``.
        """
        return self._ask(EncodeArguments(dataset_id=_id(dataset), part=_part(dataset), segmenter=segmenter))

    def _ask(self, arguments: Arguments) -> Job:
        job_id = submit(self._store, self._project_id, arguments, author=self._author)
        return Job(self._store, job_id, view=self._view, resolve=self._resolve)


def submit(store: Store, project_id: int, arguments: Arguments, *, author: str) -> UUID:
    """Queue what ``arguments`` describe, and ring for a worker; the job's id.

    NotFound or Invalid now, for what the worker would refuse in an hour.
    """
    with store.database.transaction() as session:
        _check(session, project_id, arguments)
        job_id = ask(session, project_id, _KIND[type(arguments)], to_json(arguments), author=author)
    ring(store, job_id)
    return job_id


def _check(session: Session, project_id: int, arguments: Arguments) -> None:
    if isinstance(arguments, TrainArguments):
        from evalnb.models.training import check_hyperparameters

        detector_architecture(arguments.architecture)
        check_hyperparameters(arguments.hyperparameters)
        dataset_id = arguments.dataset_id
        if arguments.start_version_id is not None:
            models.get(session, arguments.start_version_id)
    elif isinstance(arguments, PredictArguments):
        models.get(session, arguments.version_id)
        dataset_id = arguments.dataset_id
    elif isinstance(arguments, (MasksArguments, FollowArguments, EncodeArguments)):
        if arguments.segmenter not in (None, "pico") and architecture(str(arguments.segmenter)).detects:
            raise NotFound(
                f"{arguments.segmenter!r} is no segmenter",
                remedy="use sam2.1-tiny, -small, -base_plus, -large or pico",
            )
        dataset_id = arguments.dataset_id
    else:
        dataset_id = predictions.get(session, arguments.run_id).dataset_id
    if datasets.get(session, dataset_id).project_id != project_id:
        raise NotFound(
            f"dataset {dataset_id} belongs to another project", remedy="open that project, and submit there"
        )


def _id(thing: HasId | int) -> int:
    return thing if isinstance(thing, int) else thing.id


def _part(thing: Any) -> Slice:
    part = getattr(thing, "part", None)
    return part if isinstance(part, Slice) else Slice()
