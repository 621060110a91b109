"""Any dataset → each format → evalnb: equal, or named by the loss report with the shape and the reason."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from evalnb.errors import Invalid
from evalnb.registry.exports import export
from evalnb.store import Store
from evalnb.store.repositories import datasets
from tests.registry import any_dataset, test_every_format
from tests.registry.any_dataset import Labelled

IMPORTS = {**test_every_format.IMPORTS, "cvat-video": test_every_format.IMPORTS["cvat"]}

EXACT = {"coco"}
"""Formats that hold everything: what their loss reports name is what other readers see."""
SAID_OF_ALL = "keeps neither its id nor its stated area"
"""YOLO's word for every shape, which explains a changed area and no more."""

some = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # An example is a dataset in PostgreSQL and back: making a failing one smaller would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return any_dataset.pictures(tmp_path_factory.mktemp("pictures"))


@contextmanager
def place() -> Iterator[Path]:
    out = Path(tempfile.mkdtemp())
    try:
        yield out
    finally:
        shutil.rmtree(out)


def there_and_back(
    store: Store, project: int, folder: Path, format: str, made: list[Labelled]
) -> (
    tuple[dict[str, Labelled], dict[str, Labelled], dict[str, list[str]], tuple[dict[int, str], dict[int, str]]]
    | None
):
    """(before, after, shape → reasons, the classes' names of both); None where the format refuses the dataset."""
    before = any_dataset.fill(store, project, folder, made)
    with place() as out:
        try:
            losses = export(store, before, format, out / "out")
        except Invalid:
            assert format == "yolo-pose"
            return None
        again = IMPORTS[format](store, project, str(uuid4()), out / "out")
        clipped = ("label", "line is no rectangle; the least one around it was taken")
        assert again.problem_counts.keys() <= ({clipped} if format == "yolo-obb" else set()), str(again)
        assert again.images == losses.images == len(made)
        new = any_dataset.stored(store, again.dataset_id)
    with store.database.transaction() as session:
        one, two = (
            {one.id: one.name for one in datasets.taxonomy(session, id_)} for id_ in (before, again.dataset_id)
        )
    old = any_dataset.stored(store, before)
    assert old.keys() == new.keys()
    reasons = any_dataset.reasons_of(losses)
    there = sum(len(one.drawn) for one in new.values())
    ends = sum("ends it on the next frame" in one.reason for one in losses.examples)
    assert losses.annotations == there - ends
    for name, labelled in old.items():
        back = set(new[name].tags)
        if "data.yaml" in reasons:  # a split without images of its own takes another's
            back -= {"train", "val"} - set(labelled.tags)
        assert set(labelled.tags) == back or labelled.name in reasons, (labelled.tags, back)
    return old, new, reasons, (one, two)


@pytest.mark.parametrize("format", list(IMPORTS))
@some
@given(made=any_dataset.datasets_(most=1))
def test_each_property_that_changes_is_named_by_its_reason(
    store: Store, project: int, folder: Path, format: str, made: list[Labelled]
) -> None:
    found = there_and_back(store, project, folder, format, made)
    if found is None:
        return
    old, new, reasons, names = found
    tracks: dict[UUID, UUID] = {}
    for name, labelled in old.items():
        for one in labelled.drawn:
            after = new[name].drawn
            told = [] if format in EXACT else reasons.get(str(one.id), [])
            each = [any_dataset.differences(one, other, names, dict(tracks)) for other in after]
            # Beside the ends of other tracks, the one that is told of is what became of it.
            changed = min(each, key=lambda one: (len(any_dataset.explained(one, told)), len(one)), default={"gone"})
            if not changed:
                any_dataset.differences(one, after[each.index(changed)], names, tracks)
            elif len(after) > 1 and format != "cvat-video":  # there, other tracks may end on this frame
                changed.add("geometry")
            if changed and format == "cvat-video" and any("left out" in reason for reason in told):
                changed = {"gone"}  # what is on this frame is another track's end
            missing = any_dataset.explained(changed, told)
            assert not missing, f"{missing} of {one} changed without a word to {after}; told: {told}"


@pytest.mark.parametrize("format", list(IMPORTS))
@some
@given(made=any_dataset.datasets_())
def test_what_is_not_named_comes_back_among_others(
    store: Store, project: int, folder: Path, format: str, made: list[Labelled]
) -> None:
    found = there_and_back(store, project, folder, format, made)
    if found is None:
        return
    old, new, reasons, names = found
    tracks: dict[UUID, UUID] = {}
    for name, labelled in old.items():
        left = list(new[name].drawn)
        for one in labelled.drawn:
            told = [] if format in EXACT else [why for why in reasons.get(str(one.id), []) if why != SAID_OF_ALL]
            same = next((each for each in left if not any_dataset.differences(one, each, names, dict(tracks))), None)
            if same is not None:
                any_dataset.differences(one, same, names, tracks)
                left.remove(same)
            elif format.startswith("yolo") and not told:
                alike = [each for each in left if any_dataset.differences(one, each, names, tracks) == {"area"}]
                assert alike, f"{one} changed without a word; there are {left}"
                left.remove(alike[0])
            else:
                assert told, f"{one} changed without a word; there are {left}"
