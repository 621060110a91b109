"""Model versions: numbered, checked before they are kept, and kept with what they are."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from evalnb.errors import Invalid, NotFound, Offline, Unsafe
from evalnb.models import _ultralytics, files
from evalnb.models.architectures import architecture
from evalnb.registry import models as registry
from evalnb.store import Store
from evalnb.store.repositories import projects
from tests.detectors import make_weights


@pytest.fixture
def project(store: Store) -> int:
    with store.database.transaction() as session:
        return projects.opened(session, "mine")


@pytest.fixture(scope="module")
def weights(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(tmp_path_factory.mktemp("w") / "mine.safetensors", home, ("person", "dog"))


def test_versions_are_numbered_and_their_blob_says_what_it_is(store: Store, project: int, weights: Path) -> None:
    first = registry.register(store, project, "yolo11n", weights, name="finder", metrics={"mAP50-95": 0.25})
    second = registry.register(store, project, "yolo11n", weights, name="finder", class_names=["human", "hound"])
    version = registry.get(store, first)
    assert (version.name, version.number, version.architecture) == ("finder", 1, "yolo11n")
    assert version.class_names == ("person", "dog") and version.metrics == {"mAP50-95": 0.25}
    assert registry.named(store, project, "finder").id == second
    assert registry.named(store, project, "finder", 1) == version
    blob = files.read_header(store.blobs.local_path(registry.get(store, second).sha256))
    assert (blob.architecture, blob.class_names, blob.image_size) == ("yolo11n", ("human", "hound"), 64)
    shown = registry.table(store, project)
    assert shown["version"].tolist() == [2, 1] and shown["model"].tolist() == ["finder", "finder"]


def test_a_checkpoint_is_converted_before_it_is_kept(store: Store, project: int, home: Path, tmp_path: Path) -> None:
    module = _ultralytics.build(home, architecture("yolo11n"), 2)
    module.names = {0: "a", 1: "b"}
    torch.save({"model": module, "train_args": {"imgsz": 96}}, tmp_path / "best.pt")
    version = registry.get(store, registry.register(store, project, "yolo11n", tmp_path / "best.pt", name="x"))
    assert version.class_names == ("a", "b") and version.extra == {"image_size": 96, "source": "best.pt"}
    assert store.blobs.read(version.sha256)[8:9] == b"{"


def test_what_would_not_run_is_not_registered(store: Store, project: int, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"\x80\x02cos\nsystem\n")
    refused = [
        (Unsafe, "no kind of weights", "yolo11n", tmp_path / "w.pt", {}),
        (NotFound, "no weights at", "yolo11n", tmp_path / "none.pt", {}),
        (NotFound, "no architecture", "yolo99", weights, {}),
        (Invalid, "they are of 'yolo11n'", "yolo12n", weights, {}),
        (Invalid, "does not fit", "yolo11n", weights, {"class_names": ["only one"]}),
        (Invalid, "'twice' is given twice", "yolo11n", weights, {"class_names": ["twice", "twice"]}),
        (Offline, "EVALNB_OFFLINE", "yolo11n", None, {}),
    ]
    for error, says, name, path, more in refused:
        with pytest.raises(error, match=says):
            registry.register(store, project, name, path, name="bad", **more)
    with pytest.raises(Invalid, match="the model has no name"):
        registry.register(store, project, "yolo11n", weights, name=" ")
    assert registry.table(store, project).empty


def test_names_and_numbers_that_are_not_there_suggest_others(store: Store, project: int, weights: Path) -> None:
    with pytest.raises(NotFound, match="no model 'finder'; register or train"):
        registry.named(store, project, "finder")
    registry.register(store, project, "yolo11n", weights, name="finder")
    with pytest.raises(NotFound, match="no model 'findr'; use one of 'finder'"):
        registry.named(store, project, "findr")
    with pytest.raises(NotFound, match="has no version 7; use one of 1"):
        registry.named(store, project, "finder", 7)
    with pytest.raises(NotFound, match="no model version 99"):
        registry.get(store, 99)


def test_versions_registered_at_once_get_numbers_of_their_own(store: Store, project: int, weights: Path) -> None:
    made: list[int] = []

    def work() -> None:
        made.append(registry.register(store, project, "yolo11n", weights, name="finder"))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(registry.get(store, one).number for one in made) == [1, 2, 3, 4, 5]
