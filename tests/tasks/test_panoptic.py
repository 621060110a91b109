"""Panoptic quality by panopticapi's published rules, against a reference that compares masks pixel by pixel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import evalnb as ev
from evalnb.errors import EvalnbError, Invalid, NotFound

EXACT = 1e-12
CATEGORIES = [
    {"id": 1, "name": "person", "isthing": 1},
    {"id": 7, "name": "car", "isthing": 1},
    {"id": 3, "name": "sky", "isthing": 0},
    {"id": 200, "name": "road", "isthing": 0},
]


def problem(seed: int, images: int = 4):
    """Blocky maps with void, crowds (several of a class too), truth segments that JSON does not list, stated areas
    that are not the map's, and predictions that are the truth with mistakes."""
    random = np.random.default_rng(seed)
    truth, predicted = {"categories": CATEGORIES, "annotations": []}, {"annotations": []}
    maps: tuple[dict[int, np.ndarray], dict[int, np.ndarray]] = ({}, {})
    for image in range(images):
        ids = np.append(0, np.sort(random.integers(1, 2**24 - 6, 6)) + np.arange(6))
        grid = random.choice(ids, size=(5, 6))
        true = np.kron(grid, np.ones((3, 4), np.int64))
        found = np.where(random.random(true.shape) < 0.85, true, random.choice(ids, size=true.shape))
        swap = random.permutation(ids[1:]) if random.random() < 0.5 else ids[1:]
        renamed = np.zeros_like(found)
        for old, new in zip(ids[1:], swap, strict=True):
            renamed[found == old] = new
        categories = {int(one): int(random.choice([1, 7, 3, 200])) for one in ids[1:]}
        rows = []
        for one in ids[1:]:
            if random.random() < 0.1:
                continue
            area = int((true == one).sum())
            row = {"id": int(one), "category_id": categories[int(one)], "iscrowd": int(random.random() < 0.25)}
            if random.random() < 0.8:
                row["area"] = area if random.random() < 0.9 else area + 3
            rows.append(row)
        renames = dict(zip(swap.tolist(), ids[1:].tolist(), strict=True))
        answers = [
            {
                "id": int(one),
                "category_id": categories[renames[int(one)]]
                if random.random() < 0.9
                else int(random.choice([1, 7, 3, 200])),
            }
            for one in np.unique(renamed)
            if one
        ]
        truth["annotations"].append({"image_id": image, "file_name": f"{image}.png", "segments_info": rows})
        predicted["annotations"].append({"image_id": image, "file_name": f"{image}.png", "segments_info": answers})
        maps[0][image], maps[1][image] = true, renamed
    return truth, predicted, maps


def by_masks(truth, predicted, maps, images) -> dict[int, list[float]]:
    """TP, FP, FN and the sum of IoU of each category, from boolean masks."""
    totals = {one["id"]: [0.0, 0.0, 0.0, 0.0] for one in CATEGORIES}
    for image in images:
        rows, answers = (side["annotations"][image]["segments_info"] for side in (truth, predicted))
        true, found = maps[0][image], maps[1][image]
        void = true == 0
        hit_rows, hit_answers = set(), set()
        for row in rows:
            if row["iscrowd"]:
                continue
            mask = true == row["id"]
            for answer in answers:
                other = found == answer["id"]
                both = (mask & other).sum()
                area = row.get("area", mask.sum())
                union = area + other.sum() - both - (void & other).sum()
                if answer["category_id"] == row["category_id"] and both and both / union > 0.5:
                    totals[row["category_id"]][0] += 1
                    totals[row["category_id"]][3] += both / union
                    hit_rows.add(row["id"])
                    hit_answers.add(answer["id"])
        for row in rows:
            totals[row["category_id"]][2] += not row["iscrowd"] and row["id"] not in hit_rows
        for answer in answers:
            if answer["id"] in hit_answers:
                continue
            other = found == answer["id"]
            crowds = [row["id"] for row in rows if row["iscrowd"] and row["category_id"] == answer["category_id"]]
            free = void | (true == crowds[-1]) if crowds else void
            totals[answer["category_id"]][1] += (other & free).sum() / other.sum() <= 0.5
    return totals


def averages(totals, wanted) -> tuple[float, float, float]:
    rows = [totals[one["id"]] for one in CATEGORIES if one["isthing"] in wanted]
    some = [(tp, fp, fn, iou) for tp, fp, fn, iou in rows if tp + fp + fn > 0]
    if not some:
        return (np.nan,) * 3
    pq = np.mean([iou / (tp + fp / 2 + fn / 2) for tp, fp, fn, iou in some])
    sq = np.mean([iou / tp if tp else 0 for tp, _, _, iou in some])
    return float(pq), float(sq), float(np.mean([tp / (tp + fp / 2 + fn / 2) for tp, fp, fn, _ in some]))


def assert_equal(one, totals) -> None:
    table = one.per_class().set_index("class")
    for category in CATEGORIES:
        row = table.loc[category["name"]]
        assert [row["TP"], row["FP"], row["FN"]] == totals[category["id"]][:3], category
    numbers = list(one.summary().values())
    expected = [*averages(totals, (0, 1)), *averages(totals, (1,)), *averages(totals, (0,))]
    assert numbers == pytest.approx(expected, abs=EXACT, nan_ok=True)


@given(st.integers(0, 2**31), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_numbers_equal_the_masks_on_every_slice(seed: int, images: int) -> None:
    truth, predicted, maps = problem(seed, images)
    one = ev.evaluate_panoptic(truth, predicted, truth_images=maps[0], predicted_images=maps[1])
    assert_equal(one, by_masks(truth, predicted, maps, range(images)))
    keep = [0, *range(2, images)]
    assert_equal(one.where(images=keep), by_masks(truth, predicted, maps, keep))


def test_problems_hold_what_they_promise() -> None:
    counts = np.zeros(3)
    for seed in range(20):
        truth, predicted, maps = problem(seed)
        one = ev.evaluate_panoptic(truth, predicted, truth_images=maps[0], predicted_images=maps[1])
        counts += one.per_class()[["TP", "FP", "FN"]].sum().to_numpy()
    assert counts.min() > 20


def test_a_worked_example() -> None:
    # One row of ten pixels. Truth: person 1 (4), void (2), crowd of persons 2 (2), sky 3 (2).
    true = np.array([[1, 1, 1, 1, 0, 0, 2, 2, 3, 3]])
    # Predicted: a person over three of person 1 and the void; a person over the crowd; a car over the sky.
    found = np.array([[0, 5, 5, 5, 5, 5, 6, 6, 8, 8]])
    truth = {
        "categories": CATEGORIES,
        "annotations": [
            {
                "image_id": "a",
                "segments_info": [
                    {"id": 1, "category_id": 1, "area": 4, "iscrowd": 0},
                    {"id": 2, "category_id": 1, "area": 2, "iscrowd": 1},
                    {"id": 3, "category_id": 3, "area": 2, "iscrowd": 0},
                ],
            }
        ],
    }
    rows = [{"id": 5, "category_id": 1}, {"id": 6, "category_id": 1}, {"id": 8, "category_id": 7}]
    predicted = {"annotations": [{"image_id": "a", "segments_info": rows}]}
    one = ev.evaluate_panoptic(truth, predicted, truth_images={"a": true}, predicted_images={"a": found})
    table = one.per_class().set_index("class")
    # The person: 3 pixels shared, union 5 + 4 − 3 − 2 void. The one over the crowd counts for nothing.
    assert table.loc["person", ["TP", "FP", "FN"]].tolist() == [1, 0, 0]
    assert table.loc["person", "PQ"] == 3 / 4
    assert table.loc["car", ["TP", "FP", "FN"]].tolist() == [0, 1, 0]
    assert table.loc["sky", ["TP", "FP", "FN"]].tolist() == [0, 0, 1]
    assert np.isnan(table.loc["road", "PQ"])
    assert one.summary()["PQ"] == pytest.approx(0.25)
    assert one.summary()["PQ_things"] == pytest.approx(0.375)
    assert one.per_image().loc[0, ["image", "TP", "FP", "FN"]].tolist() == ["a", 1, 1, 1]


def write(at: Path, side: str, content, maps) -> Path:
    (at / side).mkdir()
    for image, ids in maps.items():
        colours = np.stack([ids & 255, (ids >> 8) & 255, ids >> 16], axis=2).astype(np.uint8)
        Image.fromarray(colours).save(at / side / f"{image}.png")
    path = at / f"{side}.json"
    path.write_text(json.dumps(content))
    return path


def test_files_give_what_arrays_give(tmp_path: Path) -> None:
    truth, predicted, maps = problem(5)
    paths = write(tmp_path, "truth", truth, maps[0]), write(tmp_path, "found", predicted, maps[1])
    from_files = ev.evaluate_panoptic(*paths)
    from_arrays = ev.evaluate_panoptic(truth, predicted, truth_images=maps[0], predicted_images=maps[1])
    assert from_files.summary() == from_arrays.summary()
    assert from_files.per_image().equals(from_arrays.per_image())
    (tmp_path / "found" / "2.png").unlink()
    with pytest.raises(NotFound, match=r"2\.png cannot be read"):
        ev.evaluate_panoptic(*paths)
    with pytest.raises(Invalid, match="is no JSON"):
        (tmp_path / "found.json").write_text("{")
        ev.evaluate_panoptic(*paths)


def test_the_interval_equals_redrawing_images() -> None:
    truth, predicted, maps = problem(2, images=10)
    one = ev.evaluate_panoptic(truth, predicted, truth_images=maps[0], predicted_images=maps[1])
    for name, wanted in (("PQ", (0, 1)), ("PQ_things", (1,)), ("PQ_stuff", (0,))):
        interval = one.interval(name, replicates=60, seed=4)
        draws = []
        for row in np.random.default_rng(4).multinomial(10, np.full(10, 0.1), size=60):
            draws.append(averages(by_masks(truth, predicted, maps, np.repeat(np.arange(10), row)), wanted)[0])
        assert (interval.low, interval.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=1e-9)


def test_it_shows_itself() -> None:
    truth, predicted, maps = problem(2)
    one = ev.evaluate_panoptic(truth, predicted, truth_images=maps[0], predicted_images=maps[1])
    assert "4 images · 2 classes of things · 2 of stuff" in repr(one)
    assert "<small>PQ</small>" in one._repr_html_() and "<i>stuff</i>" in one._repr_html_()


def changed(side: int, change):
    def make():
        content = problem(1)
        row = content[side]["annotations"][0]
        change(content[side], row, content[2][side])
        return content

    return make


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            changed(0, lambda _, row, __: row["segments_info"][0].update(id=0)),
            r"truth: image 0, segments_info\[0\].id is 0",
        ),
        (changed(1, lambda _, row, __: row["segments_info"][1].update(category_id=99)), r"\[1\].category_id is 99"),
        (changed(1, lambda _, row, __: row["segments_info"].pop()), "image 0 predicts segment"),
        (
            changed(1, lambda _, row, __: row["segments_info"].append({"id": 5, "category_id": 1})),
            "5, which has no pixel",
        ),
        (
            changed(1, lambda _, row, __: row["segments_info"].append(dict(row["segments_info"][0]))),
            "as another's is",
        ),
        (changed(0, lambda _, row, __: row["segments_info"][0].update(area="9")), "area is '9'"),
        (
            changed(0, lambda _, row, __: [one.update(area=1, iscrowd=0) for one in row["segments_info"]]),
            "an area of 1 px",
        ),
        (changed(0, lambda _, row, __: row.update(segments_info=None)), "no list segments_info"),
        (changed(0, lambda _, row, __: row["segments_info"].insert(0, 3)), r"segments_info\[0\] is 3"),
        (changed(0, lambda _, row, __: row.update(image_id=None)), r"annotations\[0\].image_id is None"),
        (changed(1, lambda side, row, _: side["annotations"].append(row)), "a second time"),
        (changed(1, lambda side, row, _: side["annotations"].remove(row)), "nothing for image 0"),
        (changed(0, lambda side, _, __: side.pop("categories")), "no list 'categories'"),
        (changed(1, lambda _, __, maps: maps.update({0: maps[0][:-1]})), r"the truth has shape \(15, 24\)"),
        (changed(1, lambda _, __, maps: maps.pop(0)), "no map for predicted's image 0"),
        (changed(1, lambda _, __, maps: maps.update({0: maps[0] / 2})), "float64"),
        (changed(1, lambda _, __, maps: maps.update({0: maps[0] - 1})), "has segment -1"),
    ],
)
def test_bad_input_is_named(make, words: str) -> None:
    truth, predicted, maps = make()
    with pytest.raises(EvalnbError, match=words):
        ev.evaluate_panoptic(truth, predicted, truth_images=maps[0], predicted_images=maps[1])


def test_bad_files_are_named(tmp_path: Path) -> None:
    truth, predicted, maps = problem(5)
    with pytest.raises(NotFound, match="cannot be read"):
        ev.evaluate_panoptic(tmp_path / "none.json", predicted)
    with pytest.raises(Invalid, match="predicted comes without maps"):
        ev.evaluate_panoptic(truth, predicted, truth_images=maps[0])
    with pytest.raises(NotFound, match="predicted_images="):
        ev.evaluate_panoptic(truth, predicted, truth_images=maps[0], predicted_images=tmp_path / "none")
    truth["annotations"][0]["file_name"] = "../secret.png"
    with pytest.raises(EvalnbError, match="outside its folder"):
        ev.evaluate_panoptic(truth, predicted, truth_images=tmp_path, predicted_images=maps[1])
    truth["categories"] = [{"id": 1, "name": "person"}]
    with pytest.raises(Invalid, match="isthing is None"):
        ev.evaluate_panoptic(truth, predicted, truth_images=maps[0], predicted_images=maps[1])
