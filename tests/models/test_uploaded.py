"""An uploaded checkpoint, from its last byte to a model version."""

from __future__ import annotations

from pathlib import Path

import torch

from evalnb import uploads
from evalnb.core.progress import NullProgress
from evalnb.models import _ultralytics
from evalnb.models.architectures import architecture
from evalnb.registry import models
from evalnb.store import Store
from evalnb.store.repositories import projects


def test_an_uploaded_checkpoint_becomes_a_version(store: Store, home: Path, tmp_path: Path) -> None:
    """From ultralytics' own .pt, which says its architecture and its classes."""
    module = _ultralytics.build(home, architecture("yolo11n"), 2)
    module.names = {0: "cat", 1: "dog"}
    torch.save({"model": module, "train_args": {"imgsz": 96}}, tmp_path / "best.pt")
    content = (tmp_path / "best.pt").read_bytes()
    with store.database.transaction() as session:
        project = projects.opened(session, "mine")
    asked = uploads.Asked(project, "best.pt", "checkpoint", {"model": "detector"})
    record = uploads.begin(store, asked, length=len(content), author="ada")
    with uploads.Writer.open(store, record.id, 0) as writer:
        writer.write(content)
    assert uploads.settle(store, record.id).state == "processing"
    made = uploads.take_checkpoint(store, record.id, folder=tmp_path / "job", progress=NullProgress())
    version = models.get(store, made["model_version_id"])
    assert (version.name, version.number, version.class_names) == ("detector", 1, ("cat", "dog"))
    assert version.architecture == "yolo11n" and version.extra["image_size"] == 96
    # A worker that was lost after this starts again, and finds the upload taken in.
    again = uploads.take_checkpoint(store, record.id, folder=tmp_path / "job", progress=NullProgress())
    assert again == made
