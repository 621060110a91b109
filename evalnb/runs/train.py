"""Train a detector on a dataset: write it as files, train on them, register what came out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from evalnb.core.progress import Progress
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, Offline
from evalnb.models import training, weights
from evalnb.registry import exports
from evalnb.registry import models as registry
from evalnb.store import Store
from evalnb.store.repositories import datasets, images

CHECKPOINT = "last.pt"
"""Written into the run's folder after every epoch; training goes on from it."""


@dataclass(frozen=True, slots=True)
class TrainedVersion:
    """What a training has made."""

    version_id: int
    metrics: Mapping[str, Any]
    """mAP50-95, mAP50, precision and recall of the best epoch on the validation part, as ultralytics measures."""


def train(
    store: Store,
    project_id: int,
    architecture: str,
    dataset_id: int,
    *,
    folder: Path,
    part: Slice = Slice(),
    epochs: int = 50,
    image_size: int = 640,
    batch: int = 16,
    name: str | None = None,
    start_version_id: int | None = None,
    pretrained: bool = True,
    validation: float = 0.2,
    hyperparameters: Mapping[str, Any] | None = None,
    job_id: UUID | None = None,
    progress: Progress,
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
    before_register: Callable[[], None] = lambda: None,
) -> TrainedVersion:
    """Train on a slice of a dataset and register the best epoch as the next version of the model ``name``.

    ``folder`` keeps the files and the checkpoint: called again with the same folder, training goes on after the last
    epoch that it finished. ``start_version_id`` gives the weights to begin with, else the published ones
    (``pretrained``), else random ones. ``validation`` is the share of the images that is measured and not trained on,
    where no image bears the tag ``val``. ``on_event`` hears what ``models.training.train`` tells.
    ``before_register`` may raise to keep the result from being registered.

    Errors are those of ``models.training.train``, ``registry.exports.export`` and ``registry.models.register``.
    """
    with store.database.transaction() as session:
        dataset = datasets.get(session, dataset_id)
        count = images.count(session, dataset_id, part)
    if count < 2:
        raise Invalid(
            f"there are {count} images to train on in {dataset.name!r}",
            remedy="training needs at least one image to learn from and another to measure on",
        )
    data = write_files(store, dataset_id, folder / "data", part=part, validation=validation, progress=progress)
    checkpoint = folder / CHECKPOINT
    resume = checkpoint if checkpoint.exists() else None
    trained = training.train(
        architecture,
        data,
        folder,
        epochs=epochs,
        image_size=image_size,
        batch=batch,
        device=store.settings.device,
        start=None if resume else _start(store, architecture, start_version_id, pretrained, progress),
        resume=resume,
        on_event=on_event,
        cancelled=cancelled,
        hyperparameters=hyperparameters,
        settings=store.settings,
    )
    before_register()
    version_id = registry.register(
        store,
        project_id,
        architecture,
        trained.weights,
        name=name or f"{dataset.name}-{architecture}",
        class_names=trained.class_names,
        job_id=job_id,
        metrics=trained.metrics,
    )
    return TrainedVersion(version_id, trained.metrics)


def write_files(
    store: Store, dataset_id: int, out: Path, *, part: Slice, validation: float, progress: Progress
) -> Path:
    """Write the slice as YOLO files into ``out``, once; the path of the ``training.yaml`` that names its two parts.

    Images tagged ``val`` are the validation part, and those tagged ``test`` stay out of both. Where none is tagged
    ``val``, a share of ``validation`` is chosen by the hash of each image's path: the same images every time, and
    almost the same after others were added.
    """
    described = out / "training.yaml"
    if described.exists():
        return described
    exports.export(store, dataset_id, "yolo", out, part=part, shapes="boxes", progress=progress)
    pictures = out / "images"
    chosen = sorted(path for path in (pictures / "val").rglob("*") if _is_file(path))
    rest = sorted(path for path in (pictures / "train").rglob("*") if _is_file(path))
    if not chosen:
        mixed = sorted(rest, key=lambda path: hashlib.sha256(str(path.relative_to(out)).encode()).digest())
        kept = min(max(1, round(len(mixed) * validation)), len(mixed) - 1)
        chosen, rest = mixed[:kept], sorted(mixed[kept:])
    if not rest:
        raise Invalid("every image bears the tag 'val' or 'test'", remedy="leave some of them untagged, to train on")
    for name, paths in (("train", rest), ("val", chosen)):
        (out / f"{name}.txt").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    names = yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))["names"]
    said = {"path": str(out), "train": "train.txt", "val": "val.txt", "names": names}
    # Last, and by a rename: where it stands, all that it names stands too.
    part_file = out / "training.yaml.part"
    part_file.write_text(yaml.safe_dump(said, allow_unicode=True, sort_keys=False), encoding="utf-8")
    part_file.replace(described)
    return described


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _start(
    store: Store, architecture: str, version_id: int | None, pretrained: bool, progress: Progress
) -> Path | None:
    if version_id is not None:
        return store.blobs.local_path(registry.get(store, version_id).sha256)
    if not pretrained:
        return None
    try:
        return weights.fetch(architecture, store.settings.home, offline=store.settings.offline, progress=progress)
    except Offline as error:
        raise Offline(
            error.happened, remedy=f"{error.remedy}; or pass pretrained=False to begin with random weights"
        ) from error
