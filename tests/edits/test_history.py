"""The log is the truth: shapes can be rebuilt from it, and any revision comes back."""

from __future__ import annotations

import random
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalnb import edits
from evalnb.errors import Invalid, NotFound
from evalnb.store.tables import AnnotationRow, DatasetRow, ImageRow
from evalnb.wire.shapes import BoxGeometry, Op, Patch, PolygonGeometry, Shape


def table(canvas: Any, image_id: int | None = None) -> dict[UUID, Shape]:
    """Every annotation of the image as the table has it, tombstones too."""
    from evalnb.store.repositories import edits as log

    with canvas.store.database.transaction() as session:
        ids = {one.shape_id for one in edits.history(session, image_id=image_id or canvas.image_id)}
        return {id: Shape.of(one) for id, one in log.records(session, ids).items()}


def rebuilt(canvas: Any, image_id: int | None = None) -> dict[UUID, Shape]:
    with canvas.store.database.transaction() as session:
        return edits.rebuild(session, image_id or canvas.image_id)


def test_any_revision_comes_back(canvas: Any) -> None:
    drawn = canvas.draw()
    canvas.apply(canvas.update(drawn.id, 1, class_id=7, tags=["x"]))
    canvas.apply(canvas.update(drawn.id, 2, geometry=BoxGeometry(box=(1, 1, 9, 9))))
    canvas.apply(canvas.delete(drawn.id, 3))
    with canvas.store.database.transaction() as session:
        reply = edits.restore(session, drawn.id, 2, author="ben")
    assert reply.results[0].status == "applied"
    shape = canvas.shapes()[0]
    assert (shape.class_id, shape.tags, shape.geometry.box, shape.rev) == (7, ["x"], (10, 20, 30, 40), 5)
    assert canvas.history()[-1].author == "ben"


def test_any_state_of_the_image_comes_back(canvas: Any) -> None:
    image_id, imported = _image_with_imported_shapes(canvas)
    states = [_shown(canvas, image_id)]

    def send(*ops: Op) -> None:
        with canvas.store.database.transaction() as session:
            edits.apply(session, image_id, ops, author="ada")
        states.append(_shown(canvas, image_id))

    drawn = canvas.create()
    send(canvas.update(imported[1], 1, class_id=7))
    send(drawn)
    send(canvas.delete(imported[0], 1))
    send(canvas.update(drawn.shape_id, 1, geometry=BoxGeometry(box=(1, 1, 9, 9)), tags=["x"]))
    send(canvas.delete(drawn.shape_id, 2))
    send(canvas.undelete(imported[0], 2))
    assert len({len(one) for one in states}) > 1
    with canvas.store.database.transaction() as session:
        assert [edits.shapes(session, image_id, until=n).shapes for n in range(len(states))] == states
        with pytest.raises(Invalid, match="edits 0 to 6, not 7"):
            edits.shapes(session, image_id, until=7)


def _shown(canvas: Any, image_id: int) -> list[Shape]:
    with canvas.store.database.transaction() as session:
        return edits.shapes(session, image_id).shapes


def test_restoring_the_present_revision_is_no_edit(canvas: Any) -> None:
    drawn = canvas.draw()
    with canvas.store.database.transaction() as session:
        reply = edits.restore(session, drawn.id, 1, author="ben")
    assert (reply.results, reply.seq) == ([], 1)


def test_a_revision_that_never_was_is_not_found(canvas: Any) -> None:
    drawn = canvas.draw()
    with pytest.raises(NotFound, match="revisions 1 to 1, not 2"), canvas.store.database.transaction() as session:
        edits.restore(session, drawn.id, 2, author="ben")
    with pytest.raises(NotFound, match="no shape"), canvas.store.database.transaction() as session:
        edits.restore(session, uuid4(), 1, author="ben")


def test_the_history_of_one_shape(canvas: Any) -> None:
    drawn, other = canvas.draw(), canvas.draw()
    canvas.apply(canvas.update(drawn.id, 1, class_id=7))
    with canvas.store.database.transaction() as session:
        assert [one.action for one in edits.history(session, shape_id=drawn.id)] == ["create", "update"]
        assert [one.author for one in edits.history(session, shape_id=other.id)] == ["ada"]


def test_concurrent_writers_of_one_image_get_one_order(canvas: Any) -> None:
    drawn = canvas.draw()
    failures: list[BaseException] = []

    def write(author: str) -> None:
        try:
            for n in range(10):
                canvas.apply(
                    canvas.update(drawn.id, 1, tags=[f"{author}{n}"]), canvas.create(n, n, 5, 5), author=author
                )
        except BaseException as error:  # noqa: BLE001 - reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("ada", "ben", "cyd")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failures
    log = canvas.history()
    assert [one.seq for one in log] == list(range(1, 62))
    assert [one.rev for one in log if one.shape_id == drawn.id] == list(range(1, 32))
    assert rebuilt(canvas) == table(canvas)


_boxes = st.builds(
    lambda x, y, w, h: BoxGeometry(box=(x, y, w, h)),
    st.floats(-20, 600, width=32),
    st.floats(-20, 440, width=32),
    st.floats(0, 50, width=32),
    st.floats(-1, 50, width=32),
)
_polygons = st.lists(st.integers(0, 400).map(float), min_size=4, max_size=10).map(
    lambda flat: PolygonGeometry(box=(0, 0, 1, 1), parts=[flat])
)
_patches = st.fixed_dictionaries(
    {},
    optional={
        "class_id": st.sampled_from([1, 7, 30, 99]),
        "geometry": _boxes | _polygons,
        "crowd": st.booleans(),
        "tags": st.lists(st.sampled_from("abc"), max_size=2),
        "attributes": st.dictionaries(st.sampled_from("pq"), st.integers(0, 3), max_size=2),
    },
)
_steps = st.lists(
    st.tuples(
        st.sampled_from(["ada", "ben", "cyd"]),
        st.sampled_from(["create", "update", "update", "update", "delete", "restore"]),
        st.integers(0, 4),  # which shape: 0 and 1 were imported
        st.integers(0, 8),  # how old a revision the writer saw
        _patches,
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps, seed=st.integers(0, 2**16))
def test_the_log_rebuilds_the_table_whatever_was_sent(canvas: Any, steps: list[Any], seed: int) -> None:
    """Random ops of several writers, some of them nonsense; then every op again in any order."""
    image_id, shapes = _image_with_imported_shapes(canvas)
    ops: list[tuple[str, Op]] = []
    for author, action, which, base_rev, patch in steps:
        op = Op(client_op_id=uuid4(), shape_id=shapes[which], base_rev=base_rev, action=action, patch=Patch(**patch))
        ops.append((author, op))
        _send(canvas, image_id, author, op)
    before = table(canvas, image_id)
    assert rebuilt(canvas, image_id) == before

    random.Random(seed).shuffle(ops)
    applied = {one.client_op_id for one in _log(canvas, image_id)}
    again = [(author, op) for author, op in ops if op.client_op_id in applied]
    assert all(_send(canvas, image_id, author, op) == "duplicate" for author, op in again)
    assert table(canvas, image_id) == before
    assert len(_log(canvas, image_id)) == len(applied)


def _send(canvas: Any, image_id: int, author: str, op: Op) -> str:
    with canvas.store.database.transaction() as session:
        return edits.apply(session, image_id, [op], author=author).results[0].status


def _log(canvas: Any, image_id: int) -> list[edits.Edit]:
    with canvas.store.database.transaction() as session:
        return edits.history(session, image_id=image_id)


def _image_with_imported_shapes(canvas: Any) -> tuple[int, list[UUID]]:
    with canvas.store.database.transaction() as session:
        dataset = session.get_one(DatasetRow, canvas.dataset_id)
        image = ImageRow(
            dataset_id=dataset.id, source_key=str(uuid4()), file_name="x.jpg", uri="/x.jpg", width=640, height=480
        )
        session.add(image)
        session.flush()
        imported = [
            AnnotationRow(
                id=uuid4(),
                image_id=image.id,
                dataset_id=dataset.id,
                class_id=1,
                source_key=str(n),
                kind="box",
                x=n,
                y=n,
                w=10,
                h=10,
                area=100,
            )
            for n in range(2)
        ]
        session.add_all(imported)
        return image.id, [*(one.id for one in imported), *(uuid4() for _ in range(3))]
