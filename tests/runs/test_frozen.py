"""The file of a match table: it opens as it was written, and no other file gets in."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import orjson
import pytest

import evalnb as ev
from evalnb.errors import EvalnbError, Invalid
from evalnb.runs import frozen
from evalnb.runs.columns import Problem
from evalnb.runs.evaluation import Evaluation
from tests.parity import problems


def made(kind: str = "bbox") -> tuple[Evaluation, bytes]:
    truth, results = problems.make(seed=4, kind=kind, images=6, classes=3, truths=6, detections=20)
    one = ev.evaluate_coco(truth, results, kind)
    said = (Problem("results", 3, "bbox", "missing"),)
    return one, frozen.freeze(one.matches, one.records()[0], one.images, dict(one.class_names), said)


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_a_mapped_file_holds_every_column(kind: str, tmp_path: Path) -> None:
    one, content = made(kind)
    (tmp_path / "table").write_bytes(content)
    for source in (content, tmp_path / "table"):
        matches, truths, images, class_names, said = frozen.thaw(source)
        for before, now in ((one.matches, matches), (one.records()[0], truths), (one.images, images)):
            for field in fields(before):
                if field.name != "masks":
                    np.testing.assert_equal(getattr(now, field.name), getattr(before, field.name))
        masks = one.records()[0].masks
        assert (truths.masks is None) == (masks is None)
        if masks is not None and truths.masks is not None:
            assert [(m.size, list(m.counts)) for m in truths.masks] == [(m.size, list(m.counts)) for m in masks]
        assert class_names == one.class_names and said[0].field == "bbox"
        again = replace(one, matches=matches, images=images)
        assert again.summary() == one.summary()
        assert again.where(images=one.images.id[:2]).summary() == one.where(images=one.images.id[:2]).summary()


def test_a_file_of_another_version_is_refused_with_the_way_out() -> None:
    _, content = made()
    with pytest.raises(Invalid, match=r"version 3, this evalnb reads 4.*evaluate the run again"):
        frozen.thaw(content.replace(b'"version":4', b'"version":3'))
    for other in (b"", b"PK\x03\x04 an .npz", content.replace(b"\r\n", b"\n")):
        with pytest.raises(Invalid, match="no match table"):
            frozen.thaw(other)


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    _, content = made()
    for length in range(0, len(content) - frozen.ALIGNED_BYTES, 97):
        with pytest.raises(Invalid):
            frozen.thaw(content[:length])


def test_a_place_that_is_none_never_reaches_the_native_library() -> None:
    one, content = made()
    place = orjson.loads(content[len(frozen.MAGIC) + 8 : content.index(b'"columns"')] + b'"columns":{}}')
    assert place["match"]["kind"] == "bbox"
    for column in ("image", "start", "claim_at", "truth_image", "truth_class", "flags"):
        values = getattr(one.matches, column).copy()
        values[len(values) // 2] = 127 if values.dtype == np.uint8 else 1 << 30
        wide = replace(one.matches, **{column: values.astype(np.float32)})
        with pytest.raises(EvalnbError, match="is of float32"):
            frozen.thaw(frozen.freeze(wide, one.records()[0], one.images, dict(one.class_names), ()))
        damaged = replace(one.matches, **{column: values})
        content = frozen.freeze(damaged, one.records()[0], one.images, dict(one.class_names), ())
        with pytest.raises(EvalnbError, match="damaged"):
            frozen.thaw(content)
