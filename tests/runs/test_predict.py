"""Prediction runs: every image once, in batches, resumable, by class names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from evalnb import imagery, models
from evalnb.core.progress import NullProgress
from evalnb.core.slices import Slice
from evalnb.core.taxonomy import Class, Taxonomy
from evalnb.errors import Cancelled, Conflict, Invalid, NotFound
from evalnb.registry import models as registry
from evalnb.runs.predict import map_classes, predict
from evalnb.store import Store
from evalnb.store.repositories import images, predictions
from tests.detectors import make_dataset, make_weights


@dataclass
class Told:
    """What a progress bar was told."""

    total: int | None = None
    done: int = 0
    closed: bool = False
    steps: list[int] = field(default_factory=list)

    def start(self, total: int | None, *, unit: str, what: str) -> None:
        self.total = total

    def advance(self, n: int = 1) -> None:
        self.done += n
        self.steps.append(n)

    def close(self) -> None:
        self.closed = True


CLASSES = ("person", "bus", "dog")


@pytest.fixture(scope="module")
def weights(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(tmp_path_factory.mktemp("weights") / "yolo11n.safetensors", home, CLASSES)


@pytest.fixture
def pictures(store: Store, tmp_path: Path) -> tuple[int, int]:
    return make_dataset(store, tmp_path / "pictures", count=11, classes=("bus", "person", "cat"))


@pytest.fixture
def version(store: Store, pictures: tuple[int, int], weights: Path) -> int:
    return registry.register(store, pictures[0], "yolo11n", weights, name="found")


def rows(store: Store, run_id: int, dataset_id: int) -> dict[int, predictions.ImagePredictions]:
    with store.database.transaction() as session:
        return {int(one): predictions.of_image(session, run_id, int(one)) for one in images.ids(session, dataset_id)}


def test_every_image_gets_what_the_detector_says_of_it_alone(
    store: Store, pictures: tuple[int, int], version: int, weights: Path
) -> None:
    _, dataset = pictures
    told = Told()
    with pytest.warns(UserWarning, match="'dog' are not in the dataset.*'cat' are never predicted"):
        run_id = predict(store, version, dataset, batch=4, progress=told, max_detections=20)
    assert (told.total, told.done, told.closed) == (11, 11, True)
    alone = models.detector("yolo11n", weights, home=store.settings.home, device="cpu")
    ids = {"person": 20, "bus": 10}
    with store.database.transaction() as session:
        records = images.page(session, dataset, limit=100)
        run = predictions.get(session, run_id)
    assert run.finished and run.image_count == 11
    assert run.parameters["dropped_classes"] == ["dog"] and run.parameters["unpredicted_classes"] == ["cat"]
    seen = 0
    for record, found in zip(records, rows(store, run_id, dataset).values(), strict=True):
        decoded = imagery.decode(Path(str(record.uri)).read_bytes())
        (wanted,) = alone.detect([decoded], confidence=0.001, max_detections=30_000)
        names = [alone.class_names[i] for i in wanted.class_index]
        keep = [i for i, name in enumerate(names) if name in ids][:20]
        # A batch of four is multiplied in another order than one alone; how far that shows depends on the processor.
        np.testing.assert_allclose(found.box, wanted.box[keep], rtol=0, atol=1e-3)
        np.testing.assert_allclose(found.score, wanted.score[keep], rtol=1e-5, atol=0)
        assert found.class_id.tolist() == [ids[names[i]] for i in keep]
        assert (np.diff(found.score) <= 0).all()
        seen += len(keep)
    assert seen > 50


def test_detections_come_out_as_columns_in_the_order_of_the_images(
    store: Store, pictures: tuple[int, int], version: int
) -> None:
    _, dataset = pictures
    with pytest.warns(UserWarning):
        run_id = predict(store, version, dataset)
    each = rows(store, run_id, dataset)
    with store.database.transaction() as session:
        whole = predictions.detections(session, run_id)
        val = predictions.detections(session, run_id, Slice().where(tag="val"))
        buses = predictions.detections(session, run_id, Slice().where(classes=["bus"]))
    assert np.array_equal(whole.box, np.concatenate([one.box for one in each.values()]))
    assert np.array_equal(whole.score, np.concatenate([one.score for one in each.values()]))
    assert np.array_equal(whole.image, np.repeat(list(each), [len(one.score) for one in each.values()]))
    assert whole.masks is None and whole.box.flags.writeable
    assert set(val.image) == {image for n, image in enumerate(each) if n % 4 == 0 and len(each[image].score)}
    assert (buses.class_id == 10).all() and len(buses) == (whole.class_id == 10).sum() > 0


def test_a_run_of_a_slice_covers_the_slice_alone(store: Store, pictures: tuple[int, int], version: int) -> None:
    with pytest.warns(UserWarning):
        run_id = predict(store, version, pictures[1], part=Slice().where(tag="val"))
    with store.database.transaction() as session:
        assert predictions.get(session, run_id).image_count == 3
        assert len(predictions.missing(session, run_id, pictures[1], Slice())) == 8


def test_a_cancelled_run_keeps_what_it_has_and_goes_on_with_the_rest(
    store: Store, pictures: tuple[int, int], version: int
) -> None:
    _, dataset = pictures
    asked = iter([False, False, True])
    with pytest.warns(UserWarning), pytest.raises(Cancelled, match="run_id=") as caught:
        predict(store, version, dataset, batch=2, confidence=0.01, cancelled=lambda: next(asked))
    run_id = int(caught.value.remedy.split("run_id=")[1].split()[0])
    with store.database.transaction() as session:
        assert len(predictions.missing(session, run_id, dataset, Slice())) == 7
        assert not predictions.get(session, run_id).finished
    before = rows(store, run_id, dataset)
    told = Told()
    # The parameters it began with hold, whatever is passed now.
    assert predict(store, version, dataset, confidence=0.9, run_id=run_id, progress=told) == run_id
    assert (told.total, told.done) == (11, 11) and told.steps[0] == 4
    with pytest.warns(UserWarning):
        whole = rows(store, predict(store, version, dataset, confidence=0.01), dataset)
    after = rows(store, run_id, dataset)
    for image, found in after.items():
        assert np.array_equal(found.box, whole[image].box)
    assert all(np.array_equal(before[one].box, after[one].box) for one in list(after)[:4])
    with store.database.transaction() as session:
        assert predictions.get(session, run_id).finished


def test_going_on_with_another_datasets_run_is_refused(
    store: Store, pictures: tuple[int, int], version: int, tmp_path: Path
) -> None:
    with pytest.warns(UserWarning):
        run_id = predict(store, version, pictures[1])
    with pytest.raises(NotFound, match="no prediction run 987"):
        predict(store, version, pictures[1], run_id=987)
    _, elsewhere = make_dataset(store, tmp_path / "elsewhere", count=1, classes=("bus",), seed=5)
    with pytest.raises(Conflict, match=f"the run {run_id} is of model version {version}"):
        predict(store, version, elsewhere, run_id=run_id)


def test_an_unreadable_image_is_left_out_and_recorded(
    store: Store, pictures: tuple[int, int], version: int, tmp_path: Path
) -> None:
    (tmp_path / "pictures" / "0003.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "pictures" / "0004.png").unlink()
    with pytest.warns(UserWarning) as told:
        run_id = predict(store, version, pictures[1])
    assert any("2 of 11 images could not be read" in str(one.message) for one in told)
    with store.database.transaction() as session:
        run = predictions.get(session, run_id)
        assert len(predictions.missing(session, run_id, pictures[1], Slice())) == 2
    assert [one["file"] for one in run.parameters["problems"]] == ["0003.png", "0004.png"]


def test_when_no_image_can_be_read_the_first_error_is_raised(
    store: Store, pictures: tuple[int, int], version: int, tmp_path: Path
) -> None:
    for one in (tmp_path / "pictures").iterdir():
        one.unlink()
    with pytest.warns(UserWarning), pytest.raises(NotFound, match=r"0000\.png.* is no longer at"):
        predict(store, version, pictures[1])


def test_an_empty_slice_is_refused(store: Store, pictures: tuple[int, int], version: int) -> None:
    with pytest.raises(Invalid, match="no images"):
        predict(store, version, pictures[1], part=Slice().where(tag="nowhere"), progress=NullProgress())


def test_a_coco_model_on_a_small_dataset_keeps_the_shared_names() -> None:
    coco = [f"thing {n}" for n in range(78)] + ["person", "Traffic_Light"]
    found = map_classes(coco, Taxonomy((Class(7, "traffic light"), Class(3, "person"), Class(9, "cone"))))
    assert found.class_id[-2:] == (3, 7) and set(found.class_id[:-2]) == {-1}
    assert len(found.dropped) == 78 and found.unpredicted == ("cone",)


def test_sharing_no_class_lists_both_sides() -> None:
    with pytest.raises(Invalid, match=r"'cat'.*'van', 'truck'.*share no class.*class_names"):
        map_classes(["cat"], Taxonomy((Class(1, "van"), Class(2, "truck"))))


def test_an_exact_name_wins_over_a_similar_one() -> None:
    taxonomy = Taxonomy((Class(1, "TV"), Class(2, "tv")))
    assert map_classes(["tv", "TV"], taxonomy).class_id == (2, 1)
