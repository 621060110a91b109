"""The index of a JSON file says what the standard library's parser says, whatever the windows cut."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalnb.errors import Invalid, NotFound
from evalnb.formats import json_index
from evalnb.formats.json_index import Unreadable

LISTS = ("images", "annotations")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.text('\\"{}[],:é', max_size=9)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=4)
documents = st.dictionaries(texts, values, max_size=4).flatmap(
    lambda rest: st.fixed_dictionaries({name: st.lists(objects, max_size=6) for name in LISTS}).map(
        lambda lists: {**rest, **lists}
    )
)
layouts = st.sampled_from(
    [
        {},
        {"separators": (",", ":")},
        {"indent": 2},
        {"ensure_ascii": False},
        {"indent": "\t", "separators": (" ,", " : ")},
    ]
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.json"


def read(file: Path, lists: Any = LISTS) -> tuple[dict[str, Any], json_index.JsonIndex]:
    index = json_index.build(file, lists=lists)
    arrays = {name: [one for batch in index.batches(name, size=2) for one in batch] for name in index.arrays}
    return {**index.values, **arrays}, index


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents, layout=layouts, window=st.integers(1, 40), bom=st.booleans())
def test_any_document_reads_as_the_standard_library_reads_it(
    file: Path, document: dict[str, Any], layout: dict[str, Any], window: int, bom: bool
) -> None:
    raw = (b"\xef\xbb\xbf" if bom else b"") + json.dumps(document, **layout).encode()
    file.write_bytes(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_index, "WINDOW_BYTES", window)
        found, index = read(file)
    assert index.faults == []
    assert found == document
    assert index.digest == hashlib.sha256(raw).hexdigest()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents, keep=st.floats(0, 1))
def test_a_cut_document_gives_its_whole_elements(file: Path, document: dict[str, Any], keep: float) -> None:
    raw = json.dumps(document).encode()
    cut = raw[: max(int(len(raw) * keep), 1)]
    file.write_bytes(cut)
    found, index = read(file)
    for name in LISTS:
        elements = found.get(name, [])
        assert elements == document[name][: len(elements)]
    assert bool(index.faults) == (len(cut) < len(raw))


def test_a_root_array_is_the_list_without_a_name(file: Path) -> None:
    file.write_text(' [ {"a": 1} , {"b": [2, {}]}] \n')
    found, index = read(file, ("",))
    assert found == {"": [{"a": 1}, {"b": [2, {}]}]} and index.faults == []


def test_a_bad_element_spoils_only_itself(file: Path) -> None:
    file.write_bytes(
        b'{"images": [{"id": 1}, {"id": 2, "x": tru}, {"id": "3", "x": "\xff"}, {"id": 4, "x": NaN}, {}]}'
    )
    found, _ = read(file)
    assert found["images"] == [
        {"id": 1},
        Unreadable("2", "broken JSON"),
        Unreadable("3", "bad UTF-8"),
        Unreadable("4", "NaN or Infinity"),
        {},
    ]


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ('{"images": [{}, null, {}]}', "null"),
        ('{"images": [null, {}]}', "null"),
        ('{"images": [{}, 5]}', "5"),
        ('{"images": [1, 2]}', "something else than objects"),
        ('{"images": [{}]} {"more": 1}', "more after"),
        ('{"images": [{}], oops "x": {}}', "broken JSON between"),
        ('{"info": {"a": tru}, "images": [{}]}', "'info' has broken JSON"),
    ],
)
def test_what_is_wrong_between_elements_is_told(file: Path, raw: str, fault: str) -> None:
    file.write_text(raw)
    found, index = read(file)
    assert any(fault in one.reason for one in index.faults), index.faults
    assert all(one == {} for one in found["images"])


def test_resuming_in_the_middle_reads_the_rest(file: Path) -> None:
    file.write_text(json.dumps({"images": [{"id": n} for n in range(10)]}))
    index = json_index.build(file, lists=LISTS)
    assert [one["id"] for batch in index.batches("images", first=4, stop=9, size=3) for one in batch] == [
        4,
        5,
        6,
        7,
        8,
    ]


def test_batches_are_bounded_in_bytes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_index, "BATCH_BYTES", 100)
    file.write_text(json.dumps({"images": [{"x": "y" * n} for n in (300, 10, 10, 10, 200)]}))
    index = json_index.build(file, lists=LISTS)
    assert [len(batch) for batch in index.batches("images")] == [1, 3, 1]


def test_no_file_and_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing"):
        json_index.build(tmp_path / "nothing.json", lists=LISTS)
    with pytest.raises(Invalid, match="directory"):
        json_index.build(tmp_path, lists=LISTS)
    (tmp_path / "x").write_bytes(b"<html>")
    with pytest.raises(Invalid, match="does not begin"):
        json_index.build(tmp_path / "x", lists=LISTS)
