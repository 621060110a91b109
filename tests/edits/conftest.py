"""A dataset with two images, and a hand that draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from evalnb import edits
from evalnb.store import Store
from evalnb.store.tables import ClassRow, DatasetRow, ImageRow, ProjectRow, TaxonomyRow
from evalnb.wire.annotator import ApplyReply
from evalnb.wire.shapes import BoxGeometry, Op, Patch, Shape

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True, slots=True)
class Canvas:
    """One image of the store, and ops on it, each in its own transaction."""

    store: Store
    image_id: int
    other_image_id: int
    dataset_id: int

    def apply(self, *ops: Op, author: str = "ada") -> ApplyReply:
        with self.store.database.transaction() as session:
            return edits.apply(session, self.image_id, ops, author=author)

    def shapes(self) -> list[Shape]:
        with self.store.database.transaction() as session:
            return edits.shapes(session, self.image_id).shapes

    def history(self) -> list[edits.Edit]:
        with self.store.database.transaction() as session:
            return edits.history(session, image_id=self.image_id)

    @staticmethod
    def create(x: float = 10, y: float = 20, w: float = 30, h: float = 40, *, class_id: int = 1) -> Op:
        return Op(
            client_op_id=uuid4(),
            shape_id=uuid4(),
            base_rev=0,
            action="create",
            patch=Patch(class_id=class_id, geometry=BoxGeometry(box=(x, y, w, h))),
        )

    @staticmethod
    def update(shape_id: UUID, base_rev: int, **patch: Any) -> Op:
        return Op(client_op_id=uuid4(), shape_id=shape_id, base_rev=base_rev, action="update", patch=Patch(**patch))

    @staticmethod
    def delete(shape_id: UUID, base_rev: int) -> Op:
        return Op(client_op_id=uuid4(), shape_id=shape_id, base_rev=base_rev, action="delete")

    @staticmethod
    def undelete(shape_id: UUID, base_rev: int) -> Op:
        return Op(client_op_id=uuid4(), shape_id=shape_id, base_rev=base_rev, action="restore")

    def draw(self, x: float = 10, y: float = 20, w: float = 30, h: float = 40, *, author: str = "ada") -> Shape:
        """A new box of class 1."""
        reply = self.apply(self.create(x, y, w, h), author=author)
        assert reply.results[0].status == "applied", reply.results[0].reason
        assert reply.results[0].shape
        return reply.results[0].shape


@pytest.fixture
def canvas(store: Store) -> Canvas:
    with store.database.transaction() as session:
        project = ProjectRow(name=f"edits {uuid4()}")
        session.add(project)
        session.flush()
        taxonomy = TaxonomyRow(project_id=project.id, name="things")
        session.add(taxonomy)
        session.flush()
        for place, (class_id, name) in enumerate([(1, "person"), (7, "bag"), (30, "van")]):
            session.add(ClassRow(taxonomy_id=taxonomy.id, class_id=class_id, place=place, name=name))
        dataset = DatasetRow(project_id=project.id, taxonomy_id=taxonomy.id, name="yard")
        session.add(dataset)
        session.flush()
        images = [
            ImageRow(
                dataset_id=dataset.id,
                source_key=str(n),
                file_name=f"{n}.jpg",
                uri=f"/nowhere/{n}.jpg",
                width=WIDTH,
                height=HEIGHT,
            )
            for n in (1, 2)
        ]
        session.add_all(images)
        session.flush()
        return Canvas(store, images[0].id, images[1].id, dataset.id)
