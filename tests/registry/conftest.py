"""Fixtures of the registry's tests: a project, and a COCO file in the making."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evalnb.registry.ingest import ImportReport, import_coco
from evalnb.store import Store
from evalnb.store.tables import ProjectRow


@pytest.fixture
def project(store: Store) -> int:
    with store.database.transaction() as session:
        row = ProjectRow(name="tests")
        session.add(row)
        session.flush()
        return row.id


class Source:
    """A COCO file in the making, with its images on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "imgs").mkdir()
        self.file = folder / "instances.json"
        self.content: dict[str, Any] = {
            "info": {"description": "generated"},
            "images": [],
            "annotations": [],
            "categories": [{"id": 3, "name": "van"}, {"id": 90, "name": "person"}],
        }

    def image(self, source_id: Any, *, side: int = 64, **more: Any) -> None:
        name = f"{source_id}.png"
        Image.new("RGB", (side, side), (9, 9, 9)).save(self.folder / "imgs" / name)
        self.content["images"].append({"id": source_id, "file_name": name, "width": side, "height": side, **more})

    def box(self, source_id: Any, image: Any, bbox: Any = (1, 2, 30, 20), category: Any = 3, **more: Any) -> None:
        one = {
            "id": source_id,
            "image_id": image,
            "category_id": category,
            "bbox": list(bbox),
            "area": 7.5,
            "iscrowd": 0,
        }
        self.content["annotations"].append({**one, **more})

    def write(self, raw: bytes | None = None) -> Path:
        self.file.write_bytes(json.dumps(self.content).encode() if raw is None else raw)
        return self.file

    def into(
        self, store: Store, project: int, *, name: str = "d", raw: bytes | None = None, **more: Any
    ) -> ImportReport:
        return import_coco(store, project, name, images=self.folder / "imgs", annotations=self.write(raw), **more)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)
