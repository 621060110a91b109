"""Rotated boxes from end to end: labels and a run of the store, and the numbers that the core gives of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import evalnb
from evalnb import edits
from evalnb.core.matching import match
from evalnb.core.records import Annotation, Geometry, Turned
from evalnb.core.shapes import with_box
from evalnb.core.slices import Slice
from evalnb.errors import Invalid
from evalnb.registry.exports import export
from evalnb.registry.ingest import import_results, import_yolo
from evalnb.runs.evaluate import evaluate, load
from evalnb.runs.files import evaluate_coco
from evalnb.store import Store
from evalnb.store.repositories import annotations, predictions
from evalnb.wire.shapes import Op, Patch, RotatedGeometry
from evalnb.wire.shapes import Turned as TurnedWire
from tests.parity import problems
from tests.parity.test_rotated import turned
from tests.runs.loaded import Loaded, load_run, load_truth


def problem(seed: int = 3) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Truth as a COCO file states it for evaluations of files, and results."""
    made = problems.make(seed=seed, kind="bbox", images=8, classes=3, truths=6, detections=30, score_steps=20)
    truth, results = turned(made, seed)
    known = {one["id"] for one in truth["categories"]}
    return truth, [one for one in results if one["category_id"] in known]


def stored(store: Store, folder: Path, truth: dict[str, Any]) -> Loaded:
    """The same truth as rotated boxes of the store, in the same order."""
    bare = {**truth, "annotations": []}
    loaded = load_truth(store, folder, bare)
    truths, _ = evaluate_coco(truth, [], "obb").records()
    by_id = {one["id"]: one for one in truth["annotations"]}
    with store.database.transaction() as session:
        for number, image, class_id, area, crowd in zip(
            truths.id, truths.image, truths.class_id, truths.area, truths.crowd, strict=True
        ):
            five = _five(by_id[int(number)])
            shape = with_box(Geometry("rotated", (0.0, 0.0, 0.0, 0.0), turned=Turned(five[:2], five[2:4], five[4])))
            one = Annotation(
                uuid4(), loaded.image_of[int(image)], int(class_id), shape, area=float(area), crowd=bool(crowd)
            )
            session.add(annotations.new_row(one, dataset_id=loaded.dataset_id))
            session.flush()
    return loaded


def _five(row: dict[str, Any]) -> Any:
    value = row.get("obb") or row.get("rbox")
    if value is not None and len(value) == 5:
        return tuple(value)
    flat = np.array(row.get("obb", row.get("segmentation")), dtype=float).reshape(4, 2)
    if "obb" in row:
        flat = flat[::-1]
    along, across = flat[1] - flat[0], flat[3] - flat[0]
    angle = float(np.arctan2(along[1], along[0]))
    return (*flat.mean(axis=0).tolist(), float(np.hypot(*along)), float(np.hypot(*across)), angle)


@pytest.fixture
def loaded(store: Store, tmp_path: Path) -> tuple[Loaded, int, dict[str, Any], list[dict[str, Any]]]:
    truth, results = problem()
    loaded = stored(store, tmp_path / "images", truth)
    run = import_results(store, loaded.dataset_id, results, "turned")
    return loaded, run, truth, results


def test_a_run_of_rotated_boxes_has_the_numbers_of_the_files_and_of_the_core(store: Store, loaded: Any) -> None:
    at, run, truth, results = loaded
    found = evaluate(store, run, kind="obb")
    of_files = evaluate_coco(truth, results, "obb")
    assert found.summary() == pytest.approx(of_files.summary(), abs=1e-12)
    assert 0.1 < found.summary()["AP50"] < 1
    with store.database.transaction() as session:
        truths = annotations.truths(session, at.dataset_id, corners=True)
        detections = predictions.detections(session, run)
    assert detections.corners is not None and truths.corners is not None
    straight = match(
        replace(truths, ignore=None),
        detections,
        kind="obb",
        images=found.matches.images,
        classes=found.matches.classes,
    )
    for name in ("score", "rank", "flags", "claim_at", "claim_matched", "claim_truth"):
        assert np.array_equal(getattr(straight, name), getattr(found.matches, name)), name
    assert evaluate(store, run, kind="bbox").summary()["AP"] != found.summary()["AP"]
    again = load(store, found.id or 0)
    assert again.summary() == found.summary() and again.kind == "obb"
    some = list(at.image_of)[:3]
    part = Slice().where(images=[at.image_of[one] for one in some])
    assert evaluate(store, run, kind="obb", part=part).summary() == pytest.approx(
        of_files.where(images=some).summary(), abs=1e-12
    )


def test_turning_a_shape_on_the_canvas_turns_the_number(store: Store, loaded: Any) -> None:
    at, run, truth, _ = loaded
    before = evaluate(store, run, kind="obb")
    image = at.image_of[truth["annotations"][0]["image_id"]]
    with store.database.transaction() as session:
        shapes = edits.shapes(session, image).shapes
        ops = []
        for one in shapes:
            assert isinstance(one.geometry, RotatedGeometry)
            turn = one.geometry.turned
            # A square turned by a right angle has the same upright box: the corners alone tell.
            changed = TurnedWire(center=turn.center, size=turn.size, angle=turn.angle + 0.7)
            patch = Patch(geometry=RotatedGeometry(box=one.geometry.box, turned=changed))
            ops.append(Op(client_op_id=uuid4(), shape_id=one.id, base_rev=one.rev, action="update", patch=patch))
        edits.apply(session, image, ops, author="ada")
    after = before.after_edits()
    assert after.summary() != before.summary()
    assert after.summary() == pytest.approx(evaluate(store, run, kind="obb").summary(), abs=1e-12)


def test_a_yolo_data_set_of_rotated_boxes_is_evaluated_by_the_project(
    store: Store, settings: Any, loaded: Any, tmp_path: Path
) -> None:
    at, _, truth, _ = loaded
    export(store, at.dataset_id, "yolo-obb", tmp_path / "out")
    report = import_yolo(store, at.project_id, "again", data=tmp_path / "out" / "data.yaml")
    project = evalnb.open(settings.database_url)
    dataset = project.dataset("again")
    names = {one.file_name.rsplit("/", 1)[-1]: one.id for one in dataset}
    with store.database.transaction() as session:
        found = annotations.truths(session, report.dataset_id, corners=True)
    assert found.corners is not None and len(found) and len(names) == len(truth["images"])
    # Every label predicted as it is, and some of them turned.
    keys = {one.id: one.source_key for one in dataset}
    perfect = [
        {"image_id": keys[image], "category_id": class_id, "score": 0.9, "poly": corners.ravel().tolist()}
        for image, class_id, corners in zip(found.image.tolist(), found.class_id.tolist(), found.corners, strict=True)
    ]
    (tmp_path / "results.json").write_text(json.dumps(perfect))
    run = project.import_results(dataset, tmp_path / "results.json", name="all of them")
    assert project.evaluate(run, kind="obb").summary()["AP"] == 1.0


def test_what_cannot_be_compared_is_refused_with_a_remedy(store: Store, loaded: Any) -> None:
    at, run, truth, _ = loaded
    box = {
        "image_id": truth["images"][0]["id"],
        "category_id": truth["categories"][0]["id"],
        "bbox": [1, 2, 3, 4],
        "score": 0.5,
    }
    upright = load_run(store, at, [box])
    with pytest.raises(Invalid, match=r"upright boxes.*kind='bbox'"):
        evaluate(store, upright, kind="obb")
    empty = load_run(store, at, [])
    assert evaluate(store, empty, kind="obb").summary()["AP"] == 0
    with store.database.transaction() as session, pytest.raises(Invalid, match="corners of shape"):
        wrong = predictions.ImagePredictions(
            np.zeros((1, 4)), np.ones(1), np.ones(1, np.int64), corners=np.zeros((2, 4, 2))
        )
        predictions.write(session, run, [(at.image_of[truth["images"][0]["id"]], wrong)])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"obb": [1, 2, -3, 4, 0]}, "obb is inverted: width -3, height 4"),
        ({"obb": [1, 2, 3]}, "obb is not cx, cy, w, h, angle in radians, nor x, y of four corners"),
        ({"rbox": [1, 2, 3, 4, "x"]}, "rbox is not a number"),
        ({"obb": [1e9, 2, 3, 4, 0]}, "obb has a number out of range"),
        ({"bbox": [1, 2, 3, 4]}, "bbox is upright among rotated boxes; write the four corners"),
    ],
)
def test_a_bad_rotated_result_is_listed(store: Store, loaded: Any, bad: dict[str, Any], reason: str) -> None:
    at, _, truth, _ = loaded
    head = {"image_id": truth["images"][0]["id"], "category_id": truth["categories"][0]["id"], "score": 0.5}
    run = import_results(store, at.dataset_id, [{**head, "obb": [9, 9, 4, 2, 0.5]}, {**head, **bad}])
    with store.database.transaction() as session:
        assert predictions.get(session, run).parameters["problems"]["counts"] == [["result", reason, 1]]
