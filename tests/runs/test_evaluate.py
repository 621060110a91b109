"""Evaluating a run of the store: COCO's numbers, kept with their matches, untouched by later edits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.registry import ingest
from evalnb.runs.evaluate import evaluate, load
from evalnb.runs.files import evaluate_coco
from evalnb.store import Store
from evalnb.store.repositories import annotations, evaluations
from tests.parity import problems
from tests.runs.loaded import load_run, load_truth


def problem(kind: str = "bbox", seed: int = 3) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    truth, results = problems.make(seed=seed, kind=kind, images=8, classes=3, truths=6, detections=30, score_steps=20)
    known = {one["id"] for one in truth["categories"]}
    # The store refuses classes that the dataset does not name, and degenerate boxes, long before an evaluation.
    return truth, [one for one in results if one["category_id"] in known]


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_a_run_of_the_store_has_pycocotools_numbers(store: Store, tmp_path: Path, kind: str) -> None:
    truth, results = problem(kind)
    loaded = load_truth(store, tmp_path / "images", truth)
    found = evaluate(store, load_run(store, loaded, results), kind=kind)
    expected = problems.ask_pycocotools((truth, results), kind)
    assert list(found.summary().values()) == pytest.approx(expected.stats.tolist(), abs=1e-12)
    np.testing.assert_allclose(found.accumulated().precision, expected.eval["precision"], rtol=0, atol=1e-12)


def test_a_run_of_the_store_is_compared_by_its_boundaries(store: Store, tmp_path: Path) -> None:
    truth, results = problem("segm")
    loaded = load_truth(store, tmp_path / "images", truth)
    found = evaluate(store, load_run(store, loaded, results), kind="boundary")
    assert found.summary() == pytest.approx(evaluate_coco(truth, results, "boundary").summary(), abs=1e-12)
    with pytest.raises(Invalid, match="keypoints"):
        evaluate(store, 1, kind="keypoints")


def test_loading_gives_the_same_evaluation_without_matching(store: Store, tmp_path: Path) -> None:
    truth, results = problem("segm")
    loaded = load_truth(store, tmp_path / "images", truth)
    first = evaluate(store, load_run(store, loaded, results), kind="segm")
    assert first.id is not None
    again = load(store, first.id)
    assert again.summary() == first.summary()
    assert again.confusion().equals(first.confusion())
    assert again.per_image().equals(first.per_image())
    assert (again.id, again.run_id, again.dataset_id, again.kind) == (
        first.id,
        first.run_id,
        loaded.dataset_id,
        "segm",
    )
    with store.database.transaction() as session:
        assert evaluations.get(session, first.id).summary == first.summary()


def test_a_kept_evaluation_does_not_follow_later_edits(store: Store, tmp_path: Path) -> None:
    truth, results = problem()
    loaded = load_truth(store, tmp_path / "images", truth)
    run_id = load_run(store, loaded, results)
    first = evaluate(store, run_id)
    before, confusion = first.summary(), first.confusion()
    with store.database.transaction() as session:
        # Half of the truths are moved away.
        for image_id in list(loaded.image_of.values())[::2]:
            for shape in annotations.of_image(session, image_id):
                row = session.get(annotations.AnnotationRow, shape.id)
                assert row is not None
                annotations.assign(row, replace(shape, deleted=True))
    assert first.id is not None
    kept = load(store, first.id)
    assert kept.summary() == before
    assert kept.confusion().equals(confusion)
    assert evaluate(store, run_id).summary() != before


def test_a_slice_of_images_is_evaluated_alone_and_classes_only_narrow(store: Store, tmp_path: Path) -> None:
    truth, results = problem()
    loaded = load_truth(store, tmp_path / "images", truth)
    run_id = load_run(store, loaded, results)
    chosen = [one["id"] for one in truth["images"]][:4]
    name = truth["categories"][0]["name"]
    part = Slice().where(images=[loaded.image_of[one] for one in chosen], classes=[name])
    found = evaluate(store, run_id, part=part)
    expected = problems.ask_pycocotools((truth, results), images=chosen, classes=[truth["categories"][0]["id"]])
    assert list(found.summary().values()) == pytest.approx(expected.stats.tolist(), abs=1e-12)
    assert found.id is not None
    assert load(store, found.id).summary() == found.summary()


def test_tags_and_file_names_narrow_a_stored_evaluation(store: Store, tmp_path: Path) -> None:
    truth, results = problem()
    loaded = load_truth(store, tmp_path / "images", truth)
    found = evaluate(store, load_run(store, loaded, results))
    name = truth["images"][0]["file_name"]
    assert found.where(text=name).per_image()["file_name"].tolist() == [name]
    assert found.where(tag="no such tag").image_count() == 0


def test_an_imported_result_file_answers_for_the_whole_dataset(store: Store, tmp_path: Path) -> None:
    truth, results = problem()
    first = truth["images"][0]["id"]
    results = [one for one in results if one["image_id"] != first]
    loaded = load_truth(store, tmp_path / "images", truth)
    bad = {"image_id": first, "category_id": truth["categories"][0]["id"], "bbox": [1, 1, 2], "score": 0.5}
    run_id = ingest.import_results(store, loaded.dataset_id, [*results, bad], "theirs")
    found = evaluate(store, run_id)
    expected = problems.ask_pycocotools((truth, results))
    assert list(found.summary().values()) == pytest.approx(expected.stats.tolist(), abs=1e-12)
    assert ["bbox" in str(one) for one in found.problems] == [True]


def test_an_unfinished_run_answers_for_the_images_that_it_has_done(store: Store, tmp_path: Path) -> None:
    truth, results = problem()
    loaded = load_truth(store, tmp_path / "images", truth)
    done = [one["id"] for one in truth["images"]][2:]
    found = evaluate(store, load_run(store, loaded, results, images=done, finished=False))
    expected = problems.ask_pycocotools((truth, results), images=done)
    assert list(found.summary().values()) == pytest.approx(expected.stats.tolist(), abs=1e-12)
    assert found.image_count() == 6
    assert "done for 6 of 8 images" in str(found.problems[0])


def test_boxes_cannot_be_evaluated_as_masks(store: Store, tmp_path: Path) -> None:
    truth, results = problem("segm")
    loaded = load_truth(store, tmp_path / "images", truth)
    boxes = [{key: one[key] for key in one if key != "segmentation"} | {"bbox": [1, 1, 9, 9]} for one in results]
    run_id = load_run(store, loaded, boxes)
    with pytest.raises(Invalid, match="predicts boxes and no masks"):
        evaluate(store, run_id, kind="segm")
    with pytest.raises(Invalid, match="keep no keypoints"):
        evaluate(store, run_id, kind="keypoints")
    with pytest.raises(Invalid, match="no kind 'boxes'"):
        evaluate(store, run_id, kind="boxes")
    with pytest.raises(Invalid, match="one area range"):
        evaluate(store, run_id, part=Slice().where(area=["small", "large"]))


def test_what_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="no prediction run 77"):
        evaluate(store, 77)
    with pytest.raises(NotFound, match="no evaluation 78"):
        load(store, 78)


def test_the_results_written_name_images_as_their_file_does(store: Store, tmp_path: Path) -> None:
    truth, results = problem()
    # Ids that no store would give.
    for one in [*truth["images"], *truth["annotations"], *results]:
        name = "id" if "file_name" in one else "image_id"
        one[name] += 70_000
    loaded = load_truth(store, tmp_path / "images", truth)
    found = evaluate(store, load_run(store, loaded, results), kind="bbox")
    written = found.to_coco_results(tmp_path / "results.json")
    again = evaluate_coco(truth, written, "bbox", strict=True)
    assert again.summary() == pytest.approx(found.summary(), abs=1e-12)
