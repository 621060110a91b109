"""XML of strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalnb.errors import EvalnbError, Invalid, NotFound, Unsafe
from evalnb.formats.xml_reader import elements, root_of
from evalnb.formats.xml_values import text_of, value_of

LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'
OUTER = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (LAUGHS, Unsafe),
        (OUTER, Unsafe),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>', Unsafe),
        ("<a>" * 40 + "</a>" * 40, Unsafe),
        ("<a><b></a>", Invalid),
        ("<a>&unknown;</a>", Invalid),
        ("<a>", Invalid),
        ("", Invalid),
        ('<?xml version="1.0" encoding="klingon"?><a/>', Invalid),
        ("<a>\x00</a>", Invalid),
    ],
)
def test_hostile_and_broken_xml_is_refused(tmp_path: Path, text: str, error: type[EvalnbError]) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(error):
        root_of(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        root_of(tmp_path / "nowhere.xml")


def test_elements_come_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text('<a><image n="1"><b>x &amp; y</b></image><c/><image n="2"/></a>')
    found = list(elements(path, "image", least_depth=2))
    assert [one.get("n") for one in found] == ["1", "2"]
    assert found[0].findtext("b") == "x & y"


@pytest.mark.parametrize("value", [True, False, 0, -7, 2.5, 1e-9, 1e300, "text", "ü <&>", "True", "1.2.3", ""])
def test_a_value_that_has_a_text_reads_back(value: object) -> None:
    text = text_of(value)
    assert text is not None and value_of(text) == value and type(value_of(text)) is type(value)


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, "12", "true", " x", "\x00"])
def test_a_value_without_a_text_is_told_apart(value: object) -> None:
    assert text_of(value) is None
