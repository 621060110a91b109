"""Tags of the whole image: ops like any other, in the image's row for every slice to see."""

from __future__ import annotations

import random
from typing import Any
from uuid import uuid4

import pytest

from evalnb import edits
from evalnb.core.slices import Slice
from evalnb.store.repositories import datasets, images
from evalnb.wire.shapes import WHOLE_IMAGE, Op, Patch


def tag(name: str, *, on: bool = True, **other: Any) -> Op:
    return Op(
        client_op_id=uuid4(),
        shape_id=other.get("shape_id", WHOLE_IMAGE),
        base_rev=0,
        action="tag" if on else "untag",
        patch=other.get("patch", Patch(tags=[name])),
    )


def tags(canvas: Any, until: int | None = None) -> list[str]:
    with canvas.store.database.transaction() as session:
        return edits.shapes(session, canvas.image_id, until=until).tags


def test_a_tag_is_in_the_row_of_the_image_where_slices_look(canvas: Any) -> None:
    assert [one.status for one in canvas.apply(tag("night"), tag("blurred")).results] == ["applied", "applied"]
    assert tags(canvas) == ["night", "blurred"]
    with canvas.store.database.transaction() as session:
        assert images.ids(session, canvas.dataset_id, Slice().where(tag="night")).tolist() == [canvas.image_id]
        assert datasets.tag_names(session, canvas.dataset_id, limit=10) == ["blurred", "night"]
        assert datasets.tag_names(session, canvas.dataset_id, limit=1) == ["blurred"]
    canvas.apply(tag("night", on=False))
    with canvas.store.database.transaction() as session:
        assert images.ids(session, canvas.dataset_id, Slice().where(tag="night")).tolist() == []


def test_tags_are_a_set_and_two_people_meet_no_conflict(canvas: Any) -> None:
    canvas.apply(tag("night"), author="ada")
    mine = canvas.apply(tag("rain"), tag("night"), author="ben")
    assert [one.status for one in mine.results] == ["applied", "duplicate"]
    assert mine.seq == 2
    gone = canvas.apply(tag("night", on=False), tag("snow", on=False), author="ben")
    assert [one.status for one in gone.results] == ["applied", "duplicate"]
    assert tags(canvas) == ["rain"]


def test_a_tag_sent_again_changes_nothing_though_it_was_taken_away_since(canvas: Any) -> None:
    op = tag("night")
    canvas.apply(op)
    canvas.apply(tag("night", on=False), author="ben")
    assert canvas.apply(op).results[0].status == "duplicate"
    assert tags(canvas) == []


@pytest.mark.parametrize("name", ["", " night", "night ", "a\nb", "a\0b", "x" * 101])
def test_what_is_no_tag_is_refused_with_its_reason(canvas: Any, name: str) -> None:
    result = canvas.apply(tag(name)).results[0]
    assert result.status == "refused"
    assert "printable" in result.reason


def test_an_op_of_the_image_names_the_image_and_one_tag(canvas: Any) -> None:
    wrong = [
        tag("night", shape_id=uuid4()),
        tag("", patch=Patch(tags=["a", "b"])),
        tag("", patch=Patch()),
        tag("", patch=Patch(tags=["a"], class_id=1)),
    ]
    results = canvas.apply(*wrong).results
    assert [one.status for one in results] == ["refused"] * 4
    assert all("name one tag" in one.reason for one in results)
    assert canvas.history() == []


def test_an_image_has_a_hundred_tags_at_most(canvas: Any) -> None:
    results = canvas.apply(*(tag(f"t{n}") for n in range(101))).results
    assert [one.status for one in results] == ["applied"] * 100 + ["refused"]
    assert len(tags(canvas)) == 100


def test_the_past_of_the_tags_is_in_the_log(canvas: Any) -> None:
    draw = random.Random(5)
    known: set[str] = set()
    then = [known]
    for _ in range(60):
        if draw.random() < 0.3:
            canvas.draw()
        else:
            name = draw.choice("abcdef")
            known = known ^ {name}
            canvas.apply(tag(name, on=name in known))
        then.append(known)
    for seq, expected in enumerate(then):
        assert set(tags(canvas, until=seq)) == expected
    with canvas.store.database.transaction() as session:
        rebuilt = edits.rebuild(session, canvas.image_id)
    assert sorted(rebuilt.values(), key=lambda one: str(one.id)) == sorted(
        canvas.shapes(), key=lambda one: str(one.id)
    )


def test_whoever_looks_on_is_told_of_tags_only_where_they_changed(canvas: Any) -> None:
    canvas.draw()
    canvas.apply(tag("night"))
    with canvas.store.database.transaction() as session:
        both = edits.since(session, canvas.image_id, 0)
        last = edits.since(session, canvas.image_id, 1)
    assert (len(both.shapes), both.tags) == (1, ["night"])
    assert (last.shapes, last.tags) == ([], ["night"])
    canvas.draw()
    with canvas.store.database.transaction() as session:
        assert edits.since(session, canvas.image_id, 2).tags is None
