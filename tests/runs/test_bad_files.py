"""Malformed files: what is wrong is named, what is sound is evaluated, and nothing else ever comes of it.

The files are spoiled at random from a seed that hypothesis draws; both readers, the native one and Python's, are held
against each other.
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalnb.errors import EvalnbError, Invalid
from evalnb.runs import columns, scanning
from evalnb.runs.files import evaluate_coco
from tests.parity import problems
from tests.runs import spoiling

KINDS = ["bbox", "segm", "keypoints"]
seeds = st.integers(0, 2**32 - 1)
thorough = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def problem_of(rng: random.Random, kind: str) -> problems.Problem:
    truth, results = problems.make(
        seed=rng.getrandbits(32), kind=kind, images=2, classes=2, truths=3, detections=5, score_steps=9
    )
    for n, one in enumerate(truth["annotations"], 1):
        one["id"] = n
        if kind == "segm" and rng.random() < 0.3:
            one.pop("bbox")
    results = [one for one in results if one["category_id"] != 999]
    if kind == "segm" and rng.random() < 0.3:
        for one in results:
            one["bbox"] = [1.0, 2.0, 3.5, 4.0]
    truth["annotations"] = [spoiling.with_extras(rng, one) for one in truth["annotations"]]
    return truth, [spoiling.with_extras(rng, one) for one in results]


def spoil(rng: random.Random, rows: list[Any], kind: str, *, truth: bool) -> dict[int, str]:
    """Spoil some rows where they stand; the field at fault by place."""
    chosen = rng.sample(range(len(rows)), min(len(rows), rng.randint(0, 3)))
    faults = {}
    for at in chosen:
        rows[at], faults[at] = spoiling.unusable(rng, rows[at], kind, truth=truth)
    return faults


def written(folder: Path, name: str, data: Any, rng: random.Random) -> Path:
    path = folder / name
    tight = rng.random() < 0.5
    path.write_text(json.dumps(data, separators=(",", ":") if tight else None, ensure_ascii=rng.random() < 0.5))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_cannot_be_used_are_named_and_the_numbers_are_those_without_them(kind: Any, tmp_path: Path) -> None:
    @thorough
    @given(seed=seeds)
    def holds(seed: int) -> None:
        rng = random.Random(seed)
        truth, results = problem_of(rng, kind)
        sound = truth["annotations"], results
        bad_truths = spoil(rng, truth["annotations"], kind, truth=True)
        results = list(results)
        bad_results = spoil(rng, results, kind, truth=False)
        files = written(tmp_path, "truth.json", truth, rng), written(tmp_path, "results.json", results, rng)
        found = evaluate_coco(*files, kind)
        expected = [("truth.json.annotations", at, field) for at, field in sorted(bad_truths.items())]
        expected += [("results.json", at, field) for at, field in sorted(bad_results.items())]
        assert [(one.source, one.index, one.field) for one in found.problems] == expected
        rest = [one for at, one in enumerate(sound[0]) if at not in bad_truths]
        left = [one for at, one in enumerate(sound[1]) if at not in bad_results]
        alone = evaluate_coco({**truth, "annotations": rest}, left, kind)
        assert alone.problems == ()
        assert found.summary() == alone.summary()
        if expected:
            assert f"{len(expected)} row" in repr(found) and "could not be used" in found._repr_html_()
            with pytest.raises(Invalid, match=expected[0][0]):
                evaluate_coco(*files, kind, strict=True)

    holds()


def said(problems_: list[columns.Problem]) -> list[tuple[str, int, str]]:
    return sorted((one.source, -1 if one.index is None else one.index, one.field) for one in problems_)


def assert_same_records(mine: Any, theirs: Any) -> None:
    for name in mine.__dataclass_fields__:
        one, other = getattr(mine, name), getattr(theirs, name)
        assert (one is None) == (other is None), name
        if name == "masks" and one is not None:
            assert list(one) == list(other)
        elif one is not None:
            np.testing.assert_array_equal(one, other, err_msg=name)


def read_both(truth: Path, results: Path, kind: Any) -> None:
    """Both readers say the same of files that are JSON. Of one that is not, the native one may have read a part."""
    native, theirs = (attempt(read, truth, kind=kind) for read in (scanning.read_truth, columns.read_truth))
    if native and theirs:
        assert_same_records(native.truths, theirs.truths)
        assert native.class_names == theirs.class_names and native.images.name == theirs.images.name
        np.testing.assert_array_equal(native.images.size, theirs.images.size)
        assert said(native.problems) == said(theirs.problems)
    known = native or theirs
    if known is None:
        return
    catalogue = {"kind": kind, "images": known.images, "class_names": dict(known.class_names)}
    native, theirs = (attempt(read, results, **catalogue) for read in (scanning.read_results, columns.read_results))
    if native and theirs:
        assert_same_records(native.detections, theirs.detections)
        np.testing.assert_array_equal(native.area, theirs.area)
        assert said(native.problems) == said(theirs.problems)


def attempt(read: Any, path: Path, **more: Any) -> Any:
    try:
        return read(path, **more)
    except EvalnbError:
        return None


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_the_native_reader_and_python_s_say_the_same(kind: Any, tmp_path: Path) -> None:
    values: list[Any] = [None, "1", True, 2, -5, 1.0, 160.0, 1e308, 2**31 - 1, float("nan"), [], {}, ["a", 3]]

    @thorough
    @given(seed=seeds)
    def holds(seed: int) -> None:
        rng = random.Random(seed)
        truth, results = problem_of(rng, kind)
        for rows, is_truth in ((truth["annotations"], True), (results, False)):
            spoil(rng, rows, kind, truth=is_truth)
        for rows, names in (
            (truth["images"], ["id", "width", "height", "file_name", "tags"]),
            (truth["categories"], ["id", "name"]),
            ([one for one in truth["annotations"] if isinstance(one, dict)], ["id", "area", "iscrowd", "bbox"]),
            ([one for one in results if isinstance(one, dict)], ["bbox", "segmentation"]),
        ):
            if rows and rng.random() < 0.3:
                rng.choice(rows)[rng.choice(names)] = rng.choice([*values, rows[0].get("id")])
        files = written(tmp_path, "truth.json", truth, rng), written(tmp_path, "results.json", results, rng)
        read_both(*files, kind)
        attempt(lambda path, **_: evaluate_coco(path, files[1], kind), files[0])

    holds()


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_bytes_are_refused_or_read_and_nothing_else(kind: Any, tmp_path: Path) -> None:
    @thorough
    @given(seed=seeds)
    def holds(seed: int) -> None:
        rng = random.Random(seed)
        truth, results = problem_of(rng, kind)
        files = written(tmp_path, "truth.json", truth, rng), written(tmp_path, "results.json", results, rng)
        spoilt = rng.choice(files)
        spoilt.write_bytes(spoiling.wrong_bytes(rng, spoilt.read_bytes()))
        if kind != "keypoints":
            read_both(*files, kind)
        try:
            evaluate_coco(*files, kind)
        except EvalnbError as error:
            assert spoilt.name in str(error) or "keypoints" in str(error)

    holds()


def test_a_result_file_cut_anywhere_gives_the_rows_before_the_cut(tmp_path: Path) -> None:
    truth, results = problems.make(seed=2, images=2, classes=2, truths=4, detections=6)
    whole = json.dumps(results).encode()
    path = tmp_path / "results.json"
    for cut in range(1, len(whole) - 1, 37):
        path.write_bytes(whole[:cut])
        rows = whole[:cut].count(b"}")
        if not rows:
            with pytest.raises(Invalid, match="is not JSON"):
                evaluate_coco(truth, path)
            continue
        found = evaluate_coco(truth, path)
        last = found.problems[-1]
        assert last.index == rows and "cut short at byte" in last.what
        assert found.summary() == evaluate_coco(truth, results[:rows]).summary()
        with pytest.raises(Invalid):
            evaluate_coco(truth, path, strict=True)


@pytest.mark.parametrize("trap", ["plain", "odd", "text", "nested"])
def test_a_file_read_from_two_places_is_the_file(trap: str, tmp_path: Path) -> None:
    """Around the middle stands what looks like the beginning of a row."""
    truth, _ = problems.make(seed=2, images=3, classes=2, truths=4, detections=1)
    image, of = truth["images"][0]["id"], truth["categories"][0]["id"]
    row: dict[str, Any] = {"image_id": image, "category_id": of, "bbox": [1.25, 2.5, 30.125, 40.0625], "score": 0.5}
    many = scanning.SPLIT_BYTES // len(json.dumps(row)) + 2_000
    rows: list[Any] = [{**row, "score": (n * 7919 % 1000) / 1000} for n in range(many)]
    middle = range(many // 2 - 400, many // 2 + 400)
    for n in middle:
        if trap == "odd":
            rows[n] = {**rows[n], "bbox": [1, 2, -3, 4]} if n % 3 else None
        elif trap == "text":
            rows[n]["note"] = '"}, {"image_id": 1, "score": 1}, {' * 40
        elif trap == "nested":
            rows[n]["parts"] = [dict(row), dict(row)] * 40
    path = tmp_path / "results.json"
    path.write_text(json.dumps(rows))
    assert path.stat().st_size > scanning.SPLIT_BYTES
    truth_path = tmp_path / "truth.json"
    truth_path.write_text(json.dumps(truth))
    read_both(truth_path, path, "bbox")


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "not JSON"),
        (b"  \n", "not JSON"),
        (b"hello", "not JSON"),
        (b"\x00\xff\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "holds a list, not COCO's object"),
        (b'"text"', "holds a str"),
        (b"{}", "no list 'images'"),
        (b'{"images": [], "categories": []}', "no list 'annotations'"),
        (b'{"images": [], "categories": [], "annotations": {}}', "no list 'annotations'"),
        (b'{"images": 7, "categories": [], "annotations": []}', "no list 'images'"),
        (gzip.compress(b"{}"), "is compressed"),
    ],
)
def test_what_is_no_truth_file_is_refused_by_name(raw: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_bytes(raw)
    for kind in KINDS:
        with pytest.raises(Invalid, match=what) as refused:
            evaluate_coco(path, [], kind)  # type: ignore[arg-type]
        assert "truth.json" in str(refused.value)
    with pytest.raises(Invalid, match="cannot be read"):
        evaluate_coco(tmp_path, [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_of_json_are_read(encoding: str, tmp_path: Path) -> None:
    truth, results = problems.make(seed=2, images=2, classes=2, truths=4, detections=6)
    for name, data in (("truth.json", truth), ("results.json", results)):
        (tmp_path / name).write_text(json.dumps(data), encoding=encoding)
    found = evaluate_coco(tmp_path / "truth.json", tmp_path / "results.json")
    assert found.summary() == evaluate_coco(truth, results).summary()


def test_images_and_classes_that_come_twice_are_named() -> None:
    truth, results = problems.make(seed=2, images=2, classes=2, truths=4, detections=6)
    again = {
        **truth,
        "images": [*truth["images"], {**truth["images"][0], "file_name": "other.png"}, {"id": 7, "tags": "night"}],
        "categories": [*truth["categories"], {**truth["categories"][0], "name": "other"}],
    }
    found = evaluate_coco(again, results)
    mine = [str(one) for one in found.problems if one.source.startswith("truth.")]
    assert mine == [
        f"truth.categories[2].id: {truth['categories'][0]['id']} again; only the first counts",
        f"truth.images[2].id: {truth['images'][0]['id']} again; only the first counts",
        "truth.images[3].tags: not a list",
    ]
    assert "other.png" not in found.images.name and "other" not in found.class_names.values()
    assert found.summary() == evaluate_coco(truth, results).summary()


def test_a_row_of_another_skeleton_is_left_out() -> None:
    truth, results = problems.make(seed=2, kind="keypoints", images=2, classes=2, truths=4, detections=6)
    results = [one for one in results if one["category_id"] != 999]
    other = {**results[1], "keypoints": results[1]["keypoints"][:12]}
    found = evaluate_coco(truth, [results[0], other, *results[2:]], "keypoints")
    assert [str(one) for one in found.problems] == ["detections[1].keypoints: 4 keypoints, where most rows have 17"]
    assert found.summary() == evaluate_coco(truth, [results[0], *results[2:]], "keypoints").summary()
