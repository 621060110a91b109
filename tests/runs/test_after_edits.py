"""Numbers that follow the annotations."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from evalnb import edits
from evalnb.errors import Invalid
from evalnb.runs.evaluate import evaluate, load
from evalnb.runs.files import evaluate_coco
from evalnb.store import Store
from evalnb.wire.shapes import BoxGeometry, Op, Patch
from tests.parity import problems
from tests.runs.loaded import load_run, load_truth
from tests.runs.test_evaluate import problem


def edit(store: Store, image_id: int, classes: list[int]) -> None:
    """Rename one shape of the image, delete another, draw a third."""
    with store.database.transaction() as session:
        found = edits.shapes(session, image_id).shapes
        ops = [
            Op(
                client_op_id=uuid4(),
                shape_id=uuid4(),
                base_rev=0,
                action="create",
                patch=Patch(class_id=classes[0], geometry=BoxGeometry(box=(5, 5, 60, 40))),
            )
        ]
        if found:
            other = next(one for one in classes if one != found[0].class_id)
            ops.append(
                Op(
                    client_op_id=uuid4(),
                    shape_id=found[0].id,
                    base_rev=found[0].rev,
                    action="update",
                    patch=Patch(class_id=other),
                )
            )
        if len(found) > 1:
            ops.append(Op(client_op_id=uuid4(), shape_id=found[1].id, base_rev=found[1].rev, action="delete"))
        edits.apply(session, image_id, ops, author="ada")


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_after_edits_the_numbers_are_those_of_evaluating_anew(store: Store, tmp_path: Path, kind: str) -> None:
    truth, results = problem(kind)
    loaded = load_truth(store, tmp_path / "images", truth)
    run = load_run(store, loaded, results)
    first = evaluate(store, run, kind=kind)
    assert first.after_edits() is first
    edited = list(loaded.image_of.values())[1:3]
    for image_id in edited:
        edit(store, image_id, [one["id"] for one in truth["categories"]])
    anew = evaluate(store, run, kind=kind)
    assert anew.summary() != first.summary()
    assert first.id is not None
    for before in (first, load(store, first.id)):
        named, found = before.after_edits(images=edited), before.after_edits()
        assert named.summary() == found.summary() == anew.summary()
        assert found.confusion().equals(anew.confusion())
        assert found.per_image().equals(anew.per_image())
        assert found.id is None
    assert first.where(confidence=0.4).after_edits().summary() == anew.where(confidence=0.4).summary()


def test_an_edit_outside_the_evaluation_changes_nothing(store: Store, tmp_path: Path) -> None:
    truth, results = problem()
    loaded = load_truth(store, tmp_path / "images", truth)
    done = [one["id"] for one in truth["images"]][:4]
    first = evaluate(store, load_run(store, loaded, results, images=done, finished=False))
    other = list(loaded.image_of.values())[6]
    edit(store, other, [one["id"] for one in truth["categories"]])
    assert first.after_edits(images=[other]) is first


def test_an_evaluation_of_files_says_where_to_edit() -> None:
    with pytest.raises(Invalid, match="import them with project"):
        evaluate_coco(*problems.make(seed=1, images=2, classes=2, truths=2, detections=2)).after_edits()
