"""Model versions: checked when they are registered, so that what is registered runs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from evalnb.core.progress import Progress
from evalnb.errors import Invalid
from evalnb.models import detector_architecture, files
from evalnb.models.weights import fetch
from evalnb.store import Store
from evalnb.store.repositories import models as rows
from evalnb.store.repositories.models import ModelVersion

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModelVersion", "get", "named", "register", "table"]


def register(
    store: Store,
    project_id: int,
    architecture: str,
    weights: Path | None,
    *,
    name: str,
    class_names: Sequence[str] | None = None,
    job_id: UUID | None = None,
    metrics: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> int:
    """Register weights as the next version of the model ``name``; the version's id.

    The weights (``.safetensors``, or ``.pt`` through the confined converter; the published ones when None) are loaded
    once to see that they fit, and kept as a blob that says what it is. Class names come from the argument, else from
    the weights.

    NotFound for an unknown architecture or path; Unsafe or Invalid for weights that are not safe, damaged, or of
    another shape; Offline where published ones cannot be had; MissingExtra without torch and ultralytics.
    """
    known = detector_architecture(architecture)
    if not name.strip():
        raise Invalid("the model has no name", remedy="give name=…, for instance the architecture's")
    settings = store.settings
    if weights is None:
        weights = fetch(known.name, settings.home, offline=settings.offline, progress=progress)
    with tempfile.TemporaryDirectory(prefix="evalnb-register-") as folder:
        opened = files.open_weights(weights, into=Path(folder))
        names = tuple(class_names or opened.class_names or ())
        _check_names(names, weights)
        from evalnb.models.yolo import check

        check(known, opened, classes=len(names), home=settings.home)
        whole = files.describe(
            replace(
                opened,
                architecture=known.name,
                class_names=names,
                image_size=opened.image_size or known.image_size,
            ),
            Path(folder) / "registered.safetensors",
        )
        sha256 = store.blobs.put_file(whole.path)
    with store.database.transaction() as session:
        return rows.add(
            session,
            project_id,
            name,
            architecture=known.name,
            sha256=sha256,
            class_names=names,
            metrics=metrics or {},
            job_id=job_id,
            extra={"image_size": whole.image_size, "source": weights.name},
        )


def get(store: Store, version_id: int) -> ModelVersion:
    """The version of that id; NotFound otherwise."""
    with store.database.transaction() as session:
        return rows.get(session, version_id)


def named(store: Store, project_id: int, name: str, number: int | None = None) -> ModelVersion:
    """A version of the model ``name``, the newest where no number is given; NotFound otherwise."""
    with store.database.transaction() as session:
        return rows.named(session, project_id, name, number)


def table(store: Store, project_id: int) -> pd.DataFrame:
    """The project's model versions as a table, newest first."""
    import pandas as pd

    with store.database.transaction() as session:
        found = rows.all(session, project_id)
    columns = ["id", "model", "version", "architecture", "classes", "mAP50-95", "trained here", "created"]
    return pd.DataFrame(
        [
            (
                one.id,
                one.name,
                one.number,
                one.architecture,
                len(one.class_names),
                one.metrics.get("mAP50-95"),
                one.job_id is not None,
                one.created_at,
            )
            for one in found
        ],
        columns=columns,
    )


def _check_names(names: tuple[str, ...], weights: Path) -> None:
    if not names:
        raise Invalid(
            f"{weights.name} does not name its classes",
            remedy="pass class_names=[…] in the order of the model's outputs",
        )
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise Invalid(f"the class name {twice[0]!r} is given twice", remedy="give each output a name of its own")
