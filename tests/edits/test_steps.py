"""What may be undone and redone, from the log: a hand that does and undoes at random, against plain stacks."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from evalnb import edits
from evalnb.wire.shapes import WHOLE_IMAGE, BoxGeometry, Op, Patch, Shape


@dataclass
class Hand:
    """One author's page: what it did, as stacks of steps, and how it sends them."""

    canvas: Any
    author: str
    draw: random.Random
    undo: list[list[tuple[UUID | str, Shape | bool | None, Shape | bool | None]]] = field(default_factory=list)
    redo: list[list[tuple[UUID | str, Shape | bool | None, Shape | bool | None]]] = field(default_factory=list)

    def living(self) -> dict[UUID, Shape]:
        return {one.id: one for one in self.canvas.shapes()}

    def tags(self) -> list[str]:
        with self.canvas.store.database.transaction() as session:
            return edits.shapes(session, self.canvas.image_id).tags

    def send(self, step: list[tuple[UUID | str, Shape | bool | None, Shape | bool | None]], *, known: bool) -> None:
        """What the canvas would make of a step: ops whose ids begin alike. ``known``: it goes back or forth."""
        first = uuid4().int >> 64 << 64
        if known:
            first = first & ~(15 << 76) | 8 << 76
        now, tags = self.living(), self.tags()
        ops = []
        for what, was, wanted in step:
            id = UUID(int=first | uuid4().int & (1 << 64) - 1)
            if isinstance(what, str):
                if wanted != (what in tags):
                    action = "tag" if wanted else "untag"
                    ops.append(
                        Op(client_op_id=id, shape_id=WHOLE_IMAGE, base_rev=0, action=action, patch=Patch(tags=[what]))
                    )
                continue
            here = now.get(what)
            rev = here.rev if here else 0
            if wanted is None:
                if here:
                    ops.append(Op(client_op_id=id, shape_id=what, base_rev=rev, action="delete"))
            elif was is None:
                assert isinstance(wanted, Shape)
                patch = Patch() if known else Patch(class_id=wanted.class_id, geometry=wanted.geometry)
                action = "restore" if known else "create"
                ops.append(Op(client_op_id=id, shape_id=what, base_rev=rev, action=action, patch=patch))
            elif here:
                assert isinstance(was, Shape)
                assert isinstance(wanted, Shape)
                names = ("geometry", "class_id", "attributes")
                changed = [one for one in names if getattr(was, one) != getattr(wanted, one)]
                differing = {
                    one: getattr(wanted, one) for one in changed if getattr(here, one) != getattr(wanted, one)
                }
                if differing:
                    ops.append(
                        Op(client_op_id=id, shape_id=what, base_rev=rev, action="update", patch=Patch(**differing))
                    )
        reply = self.canvas.apply(*ops, author=self.author)
        assert {one.status for one in reply.results} <= {"applied", "conflict"}, reply.results

    def box(self) -> BoxGeometry:
        return BoxGeometry(box=(self.draw.uniform(0, 300), self.draw.uniform(0, 300), 20, 20))

    def do(self) -> None:
        mine = [one for one in self.living().values()]
        step: list[tuple[UUID | str, Shape | bool | None, Shape | bool | None]] = []
        match self.draw.choice(["create", "create", "update", "update", "delete", "tag"]):
            case "create":
                for _ in range(self.draw.randint(1, 3)):
                    shape = Shape(id=uuid4(), class_id=1, geometry=self.box())
                    step.append((shape.id, None, shape))
            case "update":
                for one in self.draw.sample(mine, min(2, len(mine))):
                    change: dict[str, Any] = {"geometry": self.box()}
                    if self.draw.random() < 0.5:
                        change = {"attributes": {"n": self.draw.random()}}
                    step.append((one.id, one, one.model_copy(update=change)))
            case "delete":
                step = [(one.id, one, None) for one in self.draw.sample(mine, min(2, len(mine)))]
            case "tag":
                name = f"t{self.draw.random()}"
                step = [(name, False, True)]
        if step:
            self.send(step, known=False)
            self.undo.append(step)
            self.redo.clear()

    def back(self) -> None:
        if self.undo:
            step = self.undo.pop()
            self.send([(what, after, before) for what, before, after in step], known=True)
            self.redo.append(step)

    def again(self) -> None:
        if self.redo:
            step = self.redo.pop()
            self.send(step, known=True)
            self.undo.append(step)

    def check(self) -> None:
        with self.canvas.store.database.transaction() as session:
            undo, redo = edits.steps(session, self.canvas.image_id, author=self.author, most=1000)
        assert [whats(one) for one in undo] == [[what for what, _, _ in one] for one in self.undo]
        assert [whats(one) for one in redo] == [[what for what, _, _ in one] for one in self.redo]
        for found, own in zip([*undo, *redo], [*self.undo, *self.redo], strict=True):
            then = {one.shape_id: one for one in found.changes}
            for what, before, after in own:
                if isinstance(what, str):
                    assert found.tags[what] is after
                    continue
                for stood, known in ((then[what].before, before), (then[what].after, after)):
                    assert (stood is None) == (known is None)


def whats(step: edits.Step) -> list[UUID | str]:
    return [one.patch["tags"][0] if one.is_tag else one.shape_id for one in step.edits]


@pytest.mark.parametrize("seed", range(4))
def test_the_stacks_of_a_page_come_back_from_the_log(canvas: Any, seed: int) -> None:
    hand = Hand(canvas, "ada", random.Random(seed))
    for _ in range(40):
        hand.draw.choice([hand.do, hand.do, hand.back, hand.again])()
        hand.check()


def test_each_author_has_their_own(canvas: Any) -> None:
    ada, ben = (Hand(canvas, name, random.Random(place)) for place, name in enumerate(("ada", "ben")))
    for hand in (ada, ben, ada, ben):
        hand.send(step := [(uuid4(), None, Shape(id=uuid4(), class_id=1, geometry=hand.box()))], known=False)
        hand.undo.append(step)
    ada.back()
    ada.check()
    ben.check()


def test_an_undo_of_which_somebody_else_left_a_part_is_still_one(canvas: Any) -> None:
    ada = Hand(canvas, "ada", random.Random(1))
    shapes = [Shape(id=uuid4(), class_id=1, geometry=ada.box()) for _ in range(2)]
    ada.send([(one.id, None, one) for one in shapes], known=False)
    ada.undo.append([(one.id, None, one) for one in shapes])
    canvas.apply(canvas.delete(shapes[0].id, 1), author="ben")
    ada.back()
    ada.check()


def test_only_the_nearest_are_told_and_an_image_without_edits_has_none(canvas: Any) -> None:
    for n in range(5):
        canvas.draw(10 * n, 10)
    with canvas.store.database.transaction() as session:
        undo, redo = edits.steps(session, canvas.image_id, author="ada", most=2)
        none = edits.steps(session, canvas.other_image_id, author="ada")
    assert [one.changes[0].after.geometry.box[0] for one in undo if one.changes[0].after] == [30, 40]
    assert (redo, none) == ([], ([], []))
