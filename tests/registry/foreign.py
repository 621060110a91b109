"""Files of other tools in the making, and what an import made of them."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evalnb.core.records import Annotation
from evalnb.registry.ingest import ImportReport
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images


def picture(path: Path, size: tuple[int, int] = (100, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 9, 9)).save(path)


def taken(store: Store, report: ImportReport) -> dict[str, tuple[tuple[str, ...], list[Annotation]]]:
    """Image → (its tags, its shapes)."""
    with store.database.transaction() as session:
        return {
            one.file_name: (one.tags, annotations.of_image(session, one.id))
            for one in images.page(session, report.dataset_id)
        }


def classes(store: Store, report: ImportReport) -> list[str]:
    with store.database.transaction() as session:
        return [one.name for one in datasets.taxonomy(session, report.dataset_id)]


def png_of(mask: np.ndarray[Any, Any]) -> str:
    data = io.BytesIO()
    Image.fromarray(mask).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()
