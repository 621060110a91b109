"""Ops, conflicts and refusals, against the real table."""

from __future__ import annotations

import math
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import delete

from evalnb import edits
from evalnb.core import masks
from evalnb.errors import NotFound
from evalnb.store.tables import AnnotationRow, ClassRow, ImageRow
from evalnb.wire.shapes import BoxGeometry, Geometry, KeypointsGeometry, MaskGeometry, Op, Patch, PolygonGeometry


def mask_of(pixels: np.ndarray) -> MaskGeometry:
    rle = masks.encode(pixels)
    return MaskGeometry(box=(0, 0, 1, 1), size=rle.size, counts=masks.to_string(rle))


def test_a_created_shape_is_in_the_table(canvas: Any) -> None:
    drawn = canvas.draw(10, 20, 30, 40)
    assert canvas.shapes() == [drawn]
    assert (drawn.rev, drawn.class_id, drawn.geometry.box) == (1, 1, (10, 20, 30, 40))


def test_each_image_numbers_its_own_edits(canvas: Any) -> None:
    canvas.draw()
    first = canvas.draw()
    reply = canvas.apply(canvas.update(first.id, 1, class_id=7))
    assert reply.seq == 3
    assert [one.seq for one in canvas.history()] == [1, 2, 3]
    with canvas.store.database.transaction() as session:
        assert edits.shapes(session, canvas.other_image_id).seq == 0


def test_a_replayed_op_answers_duplicate_and_changes_nothing(canvas: Any) -> None:
    op = canvas.create()
    first = canvas.apply(op)
    canvas.apply(canvas.update(op.shape_id, 1, class_id=7))
    again = canvas.apply(op)
    assert (first.results[0].status, again.results[0].status) == ("applied", "duplicate")
    assert again.results[0].shape == canvas.shapes()[0]
    assert again.seq == 2


def test_an_op_sent_twice_in_one_batch_is_applied_once(canvas: Any) -> None:
    op = canvas.create()
    assert [one.status for one in canvas.apply(op, op).results] == ["applied", "duplicate"]
    assert len(canvas.shapes()) == 1


def test_an_op_id_of_another_image_is_refused(canvas: Any) -> None:
    op = canvas.create()
    canvas.apply(op)
    with canvas.store.database.transaction() as session:
        reply = edits.apply(session, canvas.other_image_id, [op], author="ada")
    assert reply.results[0].status == "refused"
    assert "already" in reply.results[0].reason


def test_writers_of_different_properties_do_not_conflict(canvas: Any) -> None:
    drawn = canvas.draw()
    canvas.apply(canvas.update(drawn.id, 1, class_id=7), author="ben")
    reply = canvas.apply(canvas.update(drawn.id, 1, tags=["occluded"]), author="ada")
    assert reply.results[0].status == "applied"
    assert (canvas.shapes()[0].class_id, canvas.shapes()[0].tags) == (7, ["occluded"])


def test_the_last_writer_wins_and_both_versions_are_kept(canvas: Any) -> None:
    drawn = canvas.draw()
    canvas.apply(canvas.update(drawn.id, 1, geometry=BoxGeometry(box=(1, 1, 9, 9))), author="ben")
    reply = canvas.apply(canvas.update(drawn.id, 1, geometry=BoxGeometry(box=(2, 2, 5, 5)), class_id=7), author="ada")
    result = reply.results[0]
    assert (result.status, result.conflicts) == ("conflict", ["geometry"])
    assert result.theirs == Patch(geometry=BoxGeometry(box=(1, 1, 9, 9)))
    assert canvas.shapes()[0].geometry.box == (2, 2, 5, 5)
    last = canvas.history()[-1]
    assert last.conflicts == ("geometry",)
    assert last.before["geometry"]["box"] == [1, 1, 9, 9]


def test_agreeing_writers_do_not_conflict(canvas: Any) -> None:
    drawn = canvas.draw()
    canvas.apply(canvas.update(drawn.id, 1, class_id=7), author="ben")
    assert canvas.apply(canvas.update(drawn.id, 1, class_id=7), author="ada").results[0].status == "applied"


def test_an_author_does_not_conflict_with_ops_of_their_own_on_the_way(canvas: Any) -> None:
    drawn = canvas.draw()
    boxes = [BoxGeometry(box=(n, n, 9, 9)) for n in range(1, 4)]
    reply = canvas.apply(*(canvas.update(drawn.id, 1, geometry=box) for box in boxes))
    assert [one.status for one in reply.results] == ["applied"] * 3
    assert canvas.shapes()[0].rev == 4


def test_a_replayed_conflict_still_says_what_was_overwritten(canvas: Any) -> None:
    drawn = canvas.draw()
    canvas.apply(canvas.update(drawn.id, 1, class_id=7), author="ben")
    op = canvas.update(drawn.id, 1, class_id=30)
    first, again = canvas.apply(op).results[0], canvas.apply(op).results[0]
    assert first.theirs == again.theirs == Patch(class_id=7)
    assert again.conflicts == ["class_id"]


def test_deleting_what_somebody_just_changed_is_a_conflict_that_keeps_their_change(canvas: Any) -> None:
    drawn = canvas.draw()
    canvas.apply(canvas.update(drawn.id, 1, class_id=7), author="ben")
    result = canvas.apply(canvas.delete(drawn.id, 1)).results[0]
    assert (result.status, result.theirs) == ("conflict", Patch(class_id=7))
    assert canvas.shapes() == []
    back = canvas.apply(canvas.undelete(drawn.id, result.shape.rev)).results[0]
    assert (back.status, back.shape.class_id) == ("applied", 7)


def test_a_deleted_shape_leaves_a_tombstone_and_comes_back(canvas: Any) -> None:
    drawn = canvas.draw()
    canvas.apply(canvas.delete(drawn.id, 1))
    assert canvas.shapes() == []
    with canvas.store.database.transaction() as session:
        assert session.get(AnnotationRow, drawn.id).deleted
    canvas.apply(canvas.undelete(drawn.id, 2))
    assert canvas.shapes()[0] == drawn.model_copy(update={"rev": 3})


def test_an_update_of_a_deleted_shape_is_refused_and_says_who_deleted_it(canvas: Any) -> None:
    drawn = canvas.draw()
    canvas.apply(canvas.delete(drawn.id, 1), author="ben")
    result = canvas.apply(canvas.update(drawn.id, 1, class_id=7)).results[0]
    assert result.status == "refused"
    assert "ben deleted" in result.reason
    assert result.shape.deleted


@pytest.mark.parametrize("action", ["update", "delete", "restore"])
def test_an_op_on_a_missing_shape_is_refused_and_the_others_go_on(canvas: Any, action: Any) -> None:
    lost = Op(client_op_id=uuid4(), shape_id=uuid4(), base_rev=1, action=action)
    reply = canvas.apply(canvas.create(), lost, canvas.create())
    assert [one.status for one in reply.results] == ["applied", "refused", "applied"]
    assert "no shape" in reply.results[1].reason
    assert len(canvas.shapes()) == 2


def test_a_shape_of_another_image_is_not_to_be_had(canvas: Any) -> None:
    drawn = canvas.draw()
    with canvas.store.database.transaction() as session:
        reply = edits.apply(
            session,
            canvas.other_image_id,
            [canvas.update(drawn.id, 1, class_id=7), canvas.create().model_copy(update={"shape_id": drawn.id})],
            author="ada",
        )
    assert [one.status for one in reply.results] == ["refused", "refused"]
    assert canvas.shapes() == [drawn]


def test_an_unknown_image_is_not_found(canvas: Any) -> None:
    with pytest.raises(NotFound, match="no image 123456789"), canvas.store.database.transaction() as session:
        edits.apply(session, 123456789, [canvas.create()], author="ada")


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        (BoxGeometry(box=(0, 0, 0, 5)), "0 × 5 px"),
        (BoxGeometry(box=(0, 0, 5, -1)), "5 × -1 px"),
        (BoxGeometry(box=(0, 0, math.inf, 5)), "coordinate of inf"),
        (BoxGeometry(box=(math.nan, 0, 5, 5)), "coordinate of nan"),
        (BoxGeometry(box=(1e9, 0, 5, 5)), "1000000000.0"),
        (BoxGeometry(box=(700, 0, 5, 5)), "outside the 640 × 480 image"),
        (PolygonGeometry(box=(0, 0, 1, 1), parts=[]), "no parts"),
        (PolygonGeometry(box=(0, 0, 1, 1), parts=[[1, 1, 2, 2]]), "4 coordinates"),
        (PolygonGeometry(box=(0, 0, 1, 1), parts=[[1, 1, 2, 2, 3, 3, 4]]), "7 coordinates"),
        (PolygonGeometry(box=(0, 0, 1, 1), parts=[[1, 1, 2, 2, 3, 3]]), "encloses nothing"),
        (PolygonGeometry(box=(0, 0, 1, 1), parts=[[1, 1, 2, math.nan, 3, 9]]), "coordinate of nan"),
        (mask_of(np.ones((10, 10), bool)), "mask is 10 × 10"),
        (mask_of(np.zeros((480, 640), bool)), "mask is empty"),
        (MaskGeometry(box=(0, 0, 1, 1), size=(480, 640), counts="123"), "runs"),
        (MaskGeometry(box=(0, 0, 1, 1), size=(480, 640), counts="é\x00~~"), "broken"),
        (KeypointsGeometry(box=(0, 0, 9, 9), points=[(1, 1, 3)]), "visibilities"),
        (KeypointsGeometry(box=(0, 0, 9, 9), points=[]), "0 keypoints"),
    ],
)
def test_an_impossible_geometry_is_refused_with_its_value(canvas: Any, geometry: Geometry, reason: str) -> None:
    op = canvas.create().model_copy(update={"patch": Patch(class_id=1, geometry=geometry)})
    reply = canvas.apply(op, canvas.create())
    assert [one.status for one in reply.results] == ["refused", "applied"]
    assert reason in reply.results[0].reason


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ({"class_id": 2}, "no class 2"),
        ({"class_id": 10**30}, "no class"),
        ({"tags": ["a\x00b"]}, "NUL"),
        ({"attributes": {"a\x00": 1}}, "NUL"),
        ({"attributes": {"score": math.nan}}, "not finite"),
        ({"tags": ["\ud800"]}, "cannot be stored"),
        ({}, "sets nothing"),
    ],
)
def test_a_value_the_database_cannot_hold_is_refused(canvas: Any, patch: dict[str, Any], reason: str) -> None:
    drawn = canvas.draw()
    reply = canvas.apply(canvas.update(drawn.id, 1, **patch), canvas.create())
    assert [one.status for one in reply.results] == ["refused", "applied"]
    assert reason in reply.results[0].reason


def test_a_backslash_before_u0000_is_only_text(canvas: Any) -> None:
    drawn = canvas.draw()
    assert canvas.apply(canvas.update(drawn.id, 1, tags=["\\u0000"])).results[0].status == "applied"


def test_box_and_area_follow_a_polygon(canvas: Any) -> None:
    drawn = canvas.draw()
    # A square with 10 px sides, and a triangle with legs of 4 px.
    parts = [[10.0, 10, 20, 10, 20, 20, 10, 20], [30.0, 30, 34, 30, 30, 34]]
    result = canvas.apply(canvas.update(drawn.id, 1, geometry=PolygonGeometry(box=(0, 0, 1, 1), parts=parts))).results
    assert result[0].shape.geometry.box == (10, 10, 24, 24)
    with canvas.store.database.transaction() as session:
        row = session.get(AnnotationRow, drawn.id)
        assert (row.kind, row.area, row.x, row.w) == ("polygon", 108, 10, 24)


def test_box_and_area_follow_a_mask(canvas: Any) -> None:
    pixels = np.zeros((480, 640), bool)
    pixels[100:120, 200:260] = True
    pixels[110, 230] = False
    drawn = canvas.draw()
    result = canvas.apply(canvas.update(drawn.id, 1, geometry=mask_of(pixels))).results[0]
    assert result.shape.geometry.box == (200, 100, 60, 20)
    with canvas.store.database.transaction() as session:
        row = session.get(AnnotationRow, drawn.id)
        assert (row.kind, row.area) == ("mask", 1199)


def test_keypoints_beside_an_outline_outlive_an_edit_of_the_outline(canvas: Any) -> None:
    drawn = canvas.draw()
    with canvas.store.database.transaction() as session:
        session.get(AnnotationRow, drawn.id).keypoints = [[15.0, 25.0, 2]]
    canvas.apply(canvas.update(drawn.id, 1, geometry=BoxGeometry(box=(1, 1, 9, 9))))
    with canvas.store.database.transaction() as session:
        assert session.get(AnnotationRow, drawn.id).keypoints == [[15.0, 25.0, 2]]


def test_an_edit_that_leaves_the_outline_alone_leaves_the_stated_area_alone(canvas: Any) -> None:
    drawn = canvas.draw()
    with canvas.store.database.transaction() as session:
        row = session.get(AnnotationRow, drawn.id)
        row.area, row.extra = 777.5, {"_source": {"given": {"bbox": [1]}}, "iou": 3}
    canvas.apply(canvas.update(drawn.id, 1, class_id=7))
    with canvas.store.database.transaction() as session:
        row = session.get(AnnotationRow, drawn.id)
        assert row.area == 777.5
        assert row.extra == {"_source": {"given": {"bbox": [1]}}, "iou": 3}


def test_shapes_keep_the_order_they_were_drawn_in(canvas: Any) -> None:
    drawn = [canvas.draw(n, n, 5, 5).id for n in range(1, 6)]
    together = [canvas.create() for _ in range(20)]
    canvas.apply(*together)
    drawn += [op.shape_id for op in together]
    canvas.apply(canvas.update(drawn[0], 1, class_id=7))
    assert [one.id for one in canvas.shapes()] == drawn


def test_predictions_may_be_written_while_an_image_is_edited(canvas: Any) -> None:
    """The lock that orders edits holds up nobody who merely refers to the image."""
    with canvas.store.database.transaction() as session:
        edits.apply(session, canvas.image_id, [canvas.create()], author="ada")
        with canvas.store.database.transaction() as other:
            from sqlalchemy import select

            other.execute(
                select(ImageRow.id)
                .where(ImageRow.id == canvas.image_id)
                .with_for_update(key_share=True, read=True, nowait=True)
            )


def test_where_the_dataset_names_no_class_the_refusal_says_how_to_define_one(canvas: Any) -> None:
    with canvas.store.database.transaction() as session:
        session.execute(delete(ClassRow))
    (result,) = canvas.apply(canvas.create()).results
    assert result.status == "refused" and "define one first: dataset.define_class(" in result.reason
