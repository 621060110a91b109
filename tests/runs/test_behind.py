"""The images behind a mark are those that the mark counts."""

from __future__ import annotations

import json

import pytest

import evalnb as ev
from evalnb.demo.dataset import write
from evalnb.errors import NotFound
from evalnb.runs.behind import in_cell
from evalnb.runs.evaluation import Evaluation
from tests.exploring import results


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    truth = json.loads(write(tmp_path_factory.mktemp("scenes"), images=24).annotations.read_bytes())
    return ev.evaluate_coco(truth, results(truth))


def test_a_cell_has_images_exactly_where_it_counts_something(evaluation: Evaluation) -> None:
    table = evaluation.confusion(confidence=0.25, iou=0.5)
    for truth in table.index:
        for detected in table.columns:
            row, column = (None if name == "background" else name for name in (truth, detected))
            images = in_cell(evaluation, row, column)
            count = table.loc[truth, detected]
            assert (len(images) > 0) == (count > 0) and len(images) <= count
            assert images["image"].is_unique


def test_a_slice_has_no_other_images_behind_its_cells(evaluation: Evaluation) -> None:
    night = evaluation.where(tag="night") if any("night" in tags for tags in evaluation.images.tags) else evaluation
    inside = set(night.per_image()["image"])
    name = evaluation.confusion().columns[0]
    assert set(in_cell(night, name, name)["image"]) <= inside


def test_a_class_that_is_not_there_is_refused(evaluation: Evaluation) -> None:
    with pytest.raises(NotFound, match="no class 'unicorn'"):
        in_cell(evaluation, "unicorn", None)
