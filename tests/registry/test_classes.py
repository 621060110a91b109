"""Classes are added and changed, and what contradicts itself is refused."""

from __future__ import annotations

import pytest

from evalnb.core.taxonomy import Attribute
from evalnb.dataset import Dataset
from evalnb.errors import Invalid
from evalnb.store import Store
from evalnb.store.repositories import datasets
from tests.yard import Yard


@pytest.fixture
def dataset(yard: Yard, store: Store) -> Dataset:
    with store.database.transaction() as session:
        return Dataset(store, datasets.get(session, yard.dataset_id))


def test_a_class_is_made_and_changed_property_by_property(dataset: Dataset) -> None:
    before = {one.id for one in dataset.taxonomy}
    made = dataset.define_class("walker", color="#0072B2")
    assert made.id not in before and dataset.taxonomy.named("walker").color == "#0072b2"
    pose = ["nose", "left eye", "right eye"]
    dataset.define_class("walker", keypoints=pose, skeleton=[("nose", "left eye"), ("right eye", "nose")])
    weather = Attribute("coat", "select", choices=("red", "blue"), default="red")
    dataset.define_class("walker", attributes=[weather, Attribute("age", "number", low=0, high=120)])
    found = dataset.taxonomy.named("walker")
    assert (found.id, found.color) == (made.id, "#0072b2")
    assert (list(found.keypoints), found.skeleton) == (pose, ((1, 2), (3, 1)))
    assert found.attributes == (weather, Attribute("age", "number", low=0, high=120))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"color": "red"}, "'red' is no colour"),
        ({"keypoints": ["nose", "nose"]}, "the keypoint 'nose' is named twice"),
        ({"skeleton": [("nose", "tail")]}, "'nose', which is no keypoint"),
        ({"attributes": [Attribute("a", "text"), Attribute("a", "text")]}, "the attribute 'a' is named twice"),
    ],
)
def test_what_contradicts_itself_is_refused(dataset: Dataset, given: dict[str, object], says: str) -> None:
    before = dataset.taxonomy
    with pytest.raises(Invalid, match=says):
        dataset.define_class("walker", **given)  # type: ignore[arg-type]  # that is the point
    assert dataset.taxonomy == before


def test_shapes_keep_their_keypoints(dataset: Dataset) -> None:
    dataset.define_class("walker", keypoints=["nose", "left eye"])
    with pytest.raises(Invalid, match="has 2 keypoints"):
        dataset.define_class("walker", keypoints=["nose"])
