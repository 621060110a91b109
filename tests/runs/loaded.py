"""A generated problem in the store: images on disk, the truth imported, the detections written as a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evalnb.core.progress import NullProgress
from evalnb.core.slices import Slice
from evalnb.registry import ingest
from evalnb.store import Store
from evalnb.store.repositories import images as image_rows
from evalnb.store.repositories import models, predictions, projects


@dataclass(frozen=True)
class Loaded:
    project_id: int
    dataset_id: int
    image_of: dict[int, int]
    """The source's image id → ours."""


def load_truth(store: Store, folder: Path, truth: dict[str, Any], name: str = "street") -> Loaded:
    """Write a picture for each image, and import."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in truth["images"]:
        rng = np.random.default_rng(one["id"])
        pixels = rng.integers(40, 200, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((one["width"], one["height"]), Image.Resampling.BICUBIC).save(
            folder / one["file_name"]
        )
    (folder / "truth.json").write_text(json.dumps(truth))
    with store.database.transaction() as session:
        project_id = projects.opened(session, "default")
    report = ingest.import_coco(
        store, project_id, name, images=folder, annotations=folder / "truth.json", progress=NullProgress()
    )
    with store.database.transaction() as session:
        pages = image_rows.page(session, report.dataset_id, Slice(), limit=10_000)
    return Loaded(project_id, report.dataset_id, {int(one.source_key): one.id for one in pages})


def load_run(
    store: Store,
    loaded: Loaded,
    results: list[dict[str, Any]],
    name: str = "run",
    *,
    images: list[int] | None = None,
    finished: bool = True,
) -> int:
    """The results as a run of a model, which has done ``images`` (source ids; default all of them)."""
    with store.database.transaction() as session:
        version_id = models.add(
            session,
            loaded.project_id,
            name,
            architecture="yolo11n",
            sha256="0" * 64,
            class_names=["a"],
            metrics={},
            job_id=None,
            extra={},
        )
        run_id = predictions.create(
            session, loaded.dataset_id, name, image_count=len(loaded.image_of), model_version_id=version_id
        )
        rows = []
        for source_id, image_id in loaded.image_of.items():
            if images is not None and source_id not in images:
                continue
            mine = [one for one in results if one["image_id"] == source_id]
            mine = [mine[i] for i in np.argsort([-one["score"] for one in mine], kind="stable")]
            masks = [one["segmentation"]["counts"] for one in mine] if mine and "segmentation" in mine[0] else None
            rows.append(
                (
                    image_id,
                    predictions.ImagePredictions(
                        box=np.array([one.get("bbox", [0, 0, 1, 1]) for one in mine], dtype=float).reshape(-1, 4),
                        score=np.array([one["score"] for one in mine], dtype=float),
                        class_id=np.array([one["category_id"] for one in mine], dtype=np.int64),
                        rles=masks,
                    ),
                )
            )
        predictions.write(session, run_id, rows)
        if finished:
            predictions.finish(session, run_id)
    return run_id
