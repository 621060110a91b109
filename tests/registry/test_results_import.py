"""COCO result files become prediction runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalnb.errors import Invalid
from evalnb.registry.ingest import import_results
from evalnb.store import Store
from evalnb.store.repositories import images, predictions


@pytest.fixture
def dataset(store: Store, project: int, source: Any) -> int:
    source.image(7)
    source.image(9)
    source.image(0)
    return int(source.into(store, project).dataset_id)


def box(image: Any, score: Any, x: float = 0, category: Any = 3, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": [x, 1, 2, 3], "score": score, **more}


def test_results_are_sorted_best_first_and_ties_keep_the_files_order(
    store: Store, dataset: int, tmp_path: Path
) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps([box(9, 0.5, 1), box(7, 0.25, 2), box(9, 0.5, 3, 90), box(9, 0.9, 4), box(9, 0.5, 5)]))
    run = import_results(store, dataset, file)
    with store.database.transaction() as session:
        seven, nine, zero = images.page(session, dataset)
        found = predictions.of_image(session, run, nine.id)
        assert found.box[:, 0].tolist() == [4, 1, 3, 5]
        assert found.score.tolist() == [0.9, 0.5, 0.5, 0.5]
        assert found.class_id.tolist() == [3, 3, 90, 3]
        assert len(predictions.of_image(session, run, zero.id).score) == 0
        said = predictions.get(session, run)
        assert said.finished and said.name == "results.json" and said.image_count == 3
        columns = predictions.detections(session, run)
        assert columns.image.tolist() == [seven.id] + [nine.id] * 4


def test_masks_come_with_their_boxes(store: Store, dataset: int) -> None:
    mask = {"size": [64, 64], "counts": "S86j1000000000m[3"}
    result = {"image_id": 7, "category_id": 3, "score": 1, "segmentation": mask}
    run = import_results(store, dataset, [result], "masks")
    with store.database.transaction() as session:
        found = predictions.of_image(session, run, images.page(session, dataset)[0].id)
    assert found.rles == [mask["counts"]]
    assert found.box.tolist() == [[4, 3, 6, 6]]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (box(8, 0.5), "image_id is no image of the dataset"),
        (box("7", 0.5), "image_id is no image of the dataset"),
        (box(7, 0.5, category=4), "category_id is no category of the dataset"),
        (box([7], 0.5), "image_id is not an id"),
        (box(7, "0.5"), "score is not a finite number"),
        (box(7, None), "score is not a finite number"),
        (box(7, 1e300), "score is not a finite number"),
        (box(7, 0.5, bbox=[1, 2]), "bbox is not four numbers"),
        (box(7, 0.5, segmentation=[[1, 2, 3, 4, 5, 6]]), "segmentation is neither run lengths nor four corners"),
        (
            box(7, 0.5, segmentation={"size": [9, 9], "counts": [81]}),
            "segmentation does not fit its image",
        ),
        ("text", "is not an object"),
    ],
)
def test_a_bad_result_is_listed_and_the_rest_goes_in(store: Store, dataset: int, bad: Any, reason: str) -> None:
    run = import_results(store, dataset, [box(7, 0.5), bad])
    with store.database.transaction() as session:
        assert predictions.get(session, run).parameters["problems"]["counts"] == [["result", reason, 1]]
        assert len(predictions.detections(session, run)) == 1


@pytest.mark.parametrize("text", ["[", '[{"image_id": 7}', '{"a": 1}', '[{"image_id": 1234}]'])
def test_a_file_that_holds_no_whole_results_is_refused(store: Store, dataset: int, tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(text)
    with pytest.raises(Invalid):
        import_results(store, dataset, file)
    with store.database.transaction() as session:
        assert predictions.runs(session, dataset) == []
