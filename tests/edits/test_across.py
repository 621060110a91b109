"""A step of several images, taken back on all of them and done again."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from evalnb import edits
from evalnb.errors import Invalid, NotFound
from evalnb.wire.shapes import BoxGeometry, Op, Patch, Shape


def head(version: int = 4) -> str:
    one = str(uuid4())[:19]
    return f"{one[:14]}{version}{one[15:]}"


def of(head: str) -> UUID:
    return UUID(head + str(uuid4())[19:])


class Sequence:
    """Both images of a canvas, and steps that touch them."""

    def __init__(self, canvas: Any) -> None:
        self.canvas = canvas
        self.images = (canvas.image_id, canvas.other_image_id)

    def apply(self, image_id: int, *ops: Op, author: str = "ada") -> None:
        with self.canvas.store.database.transaction() as session:
            reply = edits.apply(session, image_id, ops, author=author)
        assert {one.status for one in reply.results} <= {"applied", "conflict"}, reply.results

    def draw(self, step: str, places: tuple[int, ...] = (0, 1)) -> dict[int, UUID]:
        ids = {place: uuid4() for place in places}
        for place, id in ids.items():
            patch = Patch(class_id=1, geometry=BoxGeometry(box=(10, 10, 20, 20)))
            self.apply(
                self.images[place],
                Op(client_op_id=of(step), shape_id=id, base_rev=0, action="create", patch=patch),
            )
        return ids

    def classify(self, ids: dict[int, UUID], class_id: int, step: str, author: str = "ada") -> None:
        for place, id in ids.items():
            self.apply(
                self.images[place],
                self.canvas.update(id, 1, class_id=class_id).model_copy(update={"client_op_id": of(step)}),
                author=author,
            )

    def replay(self, step: str, *, forward: bool = False, as_id: UUID | None = None) -> edits.Replayed:
        with self.canvas.store.database.transaction() as session:
            return edits.replay(
                session,
                self.canvas.dataset_id,
                of(step),
                author="ada",
                as_id=as_id or of(head(8)),
                forward=forward,
            )

    def shapes(self, place: int) -> list[Shape]:
        with self.canvas.store.database.transaction() as session:
            return edits.shapes(session, self.images[place]).shapes

    def classes(self) -> list[list[int]]:
        return [[one.class_id for one in self.shapes(place)] for place in (0, 1)]

    def steps(self, place: int) -> tuple[list[str], list[str]]:
        with self.canvas.store.database.transaction() as session:
            undo, redo = edits.steps(session, self.images[place], author="ada")
        heads = [[str(one.edits[0].client_op_id)[:19] for one in some] for some in (undo, redo)]
        return heads[0], heads[1]


@pytest.fixture
def sequence(canvas: Any) -> Sequence:
    return Sequence(canvas)


def test_a_step_is_taken_back_on_all_its_images_and_done_again_and_taken_back_again(sequence: Sequence) -> None:
    drawn, named = head(), head()
    ids = sequence.draw(drawn)
    sequence.classify(ids, 7, named)
    for _ in range(2):
        found = sequence.replay(named)
        assert (set(found.image_ids), found.shapes, found.kept) == (set(sequence.images), 2, 0)
        assert sequence.classes() == [[1], [1]]
        assert [sequence.steps(place) for place in (0, 1)] == [([drawn], [named])] * 2
        assert sequence.replay(named, forward=True).shapes == 2
        assert sequence.classes() == [[7], [7]]
        assert [sequence.steps(place) for place in (0, 1)] == [([drawn, named], [])] * 2
    sequence.replay(named)
    assert sequence.replay(drawn).shapes == 2
    assert sequence.classes() == [[], []]
    assert sequence.replay(drawn, forward=True).shapes == 2
    assert [one.id for one in sequence.shapes(1)] == [ids[1]]


def test_what_somebody_changed_since_stays_and_is_counted_and_the_rest_goes_back(sequence: Sequence) -> None:
    drawn, named = head(), head()
    ids = sequence.draw(drawn)
    sequence.classify(ids, 7, named)
    # Another property of the one, the same property of the other.
    sequence.apply(
        sequence.images[0], sequence.canvas.update(ids[0], 2, geometry=BoxGeometry(box=(0, 0, 5, 5))), author="ben"
    )
    sequence.classify({1: ids[1]}, 30, head(), author="ben")
    found = sequence.replay(named)
    assert (found.image_ids, found.shapes, found.kept) == ((sequence.images[0],), 1, 1)
    assert sequence.classes() == [[1], [30]]
    assert sequence.shapes(0)[0].geometry.box == (0, 0, 5, 5)
    # Drawn shapes are as they were drawn no longer.
    assert (sequence.replay(drawn).shapes, sequence.replay(drawn).kept) == (0, 2)


def test_a_later_step_of_ones_own_elsewhere_stays_and_both_can_still_be_undone_there(sequence: Sequence) -> None:
    drawn, named, later = head(), head(), head()
    ids = sequence.draw(drawn)
    sequence.classify(ids, 7, named)
    more = sequence.draw(later, (1,))
    sequence.replay(named)
    assert sequence.classes() == [[1], [1, 1]]
    assert sequence.steps(1) == ([drawn, later], [named])
    sequence.apply(
        sequence.images[1], sequence.canvas.delete(more[1], 1).model_copy(update={"client_op_id": of(head(8))})
    )
    assert sequence.steps(1) == ([drawn], [named, later])


def test_what_is_sent_again_is_done_once(sequence: Sequence) -> None:
    drawn, as_id = head(), of(head(8))
    sequence.draw(drawn)
    assert sequence.replay(drawn, as_id=as_id) == sequence.replay(drawn, as_id=as_id)
    assert len(sequence.canvas.history()) == 2


def test_it_is_told_of_a_step_how_many_images_it_touched(sequence: Sequence) -> None:
    sequence.draw(head())
    sequence.draw(head(), (0,))
    with sequence.canvas.store.database.transaction() as session:
        undo, _ = edits.steps(session, sequence.images[0], author="ada")
    assert [one.images for one in undo] == [2, 1]


def test_tags_go_with_their_step(sequence: Sequence) -> None:
    step = head()
    for image_id in sequence.images:
        patch = Patch(tags=["night"])
        sequence.apply(
            image_id, Op(client_op_id=of(step), shape_id=UUID(int=0), base_rev=0, action="tag", patch=patch)
        )
    assert sequence.replay(step).shapes == 2
    assert sequence.replay(step, forward=True).shapes == 2
    assert sequence.replay(step, forward=True).shapes == 0


def test_nobody_takes_back_what_is_not_theirs(sequence: Sequence) -> None:
    step = head()
    id = uuid4()
    patch = Patch(class_id=1, geometry=BoxGeometry(box=(0, 0, 9, 9)))
    sequence.apply(
        sequence.images[0],
        Op(client_op_id=of(step), shape_id=id, base_rev=0, action="create", patch=patch),
        author="ben",
    )
    with pytest.raises(NotFound, match="no step"):
        sequence.replay(step)
    with pytest.raises(Invalid, match="version 4"):
        sequence.replay(step, as_id=uuid4())
