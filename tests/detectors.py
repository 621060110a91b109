"""Detectors for tests: real architectures with seeded random weights, perturbed until they say different things."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Class
from evalnb.models import _ultralytics, files
from evalnb.models.architectures import architecture as named
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, projects


def make_weights(
    path: Path,
    home: Path,
    classes: Sequence[str],
    *,
    architecture: str = "yolo11n",
    image_size: int = 64,
    seed: int = 0,
) -> Path:
    """Weights whose detections differ in place, score and class from image to image."""
    _ultralytics.load(home)
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _ultralytics.build(home, named(architecture), len(classes))
        with torch.no_grad():
            for name, value in module.named_parameters():
                if "bn.weight" in name:
                    value.add_(torch.rand_like(value))
                elif ".cv3." in name and value.ndim == 1:
                    value.add_(torch.randn_like(value) * 2)
    raw = path.with_suffix(".raw")
    save_file({name: value.contiguous() for name, value in module.state_dict().items()}, raw)
    weights = files.Weights(raw, architecture=architecture, class_names=tuple(classes), image_size=image_size)
    files.describe(weights, path)
    raw.unlink()
    return path


def make_dataset(store: Store, folder: Path, *, count: int, classes: Sequence[str], seed: int = 0) -> tuple[int, int]:
    """A project and a dataset of ``count`` noisy pictures of mixed sizes, left in place in ``folder``; their ids."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for n in range(count):
        size = [(64, 48), (48, 64), (80, 80)][n % 3]
        picture = rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
        place = folder / f"{n:04}.png"
        Image.fromarray(picture).resize(size, Image.Resampling.NEAREST).save(place)
        tag = "train" if n % 4 else "val"
        sources.append(SourceImage(str(n), place.name, str(place), None, size[0], size[1], tags=(tag,)))
    with store.database.transaction() as session:
        project = projects.opened(session, "test")
        dataset = datasets.create(
            session,
            project,
            f"pictures {seed}",
            classes=[Class(10 * (i + 1), name) for i, name in enumerate(classes)],
        )
        images.add(session, dataset, sources)
    return project, dataset
