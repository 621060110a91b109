"""Boxes to masks, on a worker: every box of a slice, once, as edits; cancelled, killed and taken back."""

from __future__ import annotations

import signal
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from evalnb import edits
from evalnb.annotating.outlining import boxes_to_masks
from evalnb.core import masks
from evalnb.core.progress import NullProgress
from evalnb.core.records import Annotation, Floats
from evalnb.core.segmented import Segmented
from evalnb.core.slices import Slice
from evalnb.demo import dataset as demo
from evalnb.errors import Cancelled, Invalid, NotFound
from evalnb.jobs.submit import Submit
from evalnb.registry.ingest import import_coco
from evalnb.store.repositories import annotations, images
from evalnb.wire.shapes import BoxGeometry, Op, Patch
from tests.crew import Crew


class Ellipses:
    """Draws the ellipse that fills each box; ``sure`` is what it predicts."""

    def __init__(self, sure: float = 0.9) -> None:
        self.sure, self.seen = sure, 0

    def segment(self, image: NDArray[np.uint8], *, boxes: Floats) -> Segmented:
        self.seen += 1
        height, width = image.shape[:2]
        y, x = np.mgrid[:height, :width] + 0.5
        found = []
        for x0, y0, x1, y1 in boxes:
            reach = ((x - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 2 + ((y - (y0 + y1) / 2) / ((y1 - y0) / 2)) ** 2
            found.append(masks.encode(reach <= 1))
        return Segmented(tuple(found), np.full(len(found), self.sure), (height, width))


@pytest.fixture
def scenes(crew: Crew, tmp_path: Path) -> int:
    """Ten small scenes whose shapes are boxes alone."""
    written = demo.write(tmp_path / "scenes", images=10, processes=1, width=160, height=120)
    made = import_coco(
        crew.store, crew.project_id, "scenes", images=written.images, annotations=written.annotations,
        progress=NullProgress(),
    )  # fmt: skip
    with crew.store.database.transaction() as session:
        for image_id in images.ids(session, made.dataset_id).tolist():
            ops = [
                Op(
                    client_op_id=uuid4(),
                    shape_id=one.id,
                    action="update",
                    base_rev=one.revision,
                    patch=Patch(geometry=BoxGeometry(box=one.geometry.box)),
                )
                for one in annotations.of_image(session, image_id)
            ]
            edits.apply(session, image_id, ops, author="ada")
    return made.dataset_id


def shapes(crew: Crew, dataset_id: int) -> list[Annotation]:
    with crew.store.database.transaction() as session:
        found = annotations.of_images(session, images.ids(session, dataset_id).tolist())
    return [one for each in found.values() for one in each]


def kinds(crew: Crew, dataset_id: int) -> list[str]:
    return [one.geometry.kind for one in shapes(crew, dataset_id)]


def test_a_worker_draws_what_is_in_the_boxes_and_goes_on_after_it_was_killed(crew: Crew, scenes: int) -> None:
    before = shapes(crew, scenes)
    first = crew.worker("--lease", "3")
    job = Submit(crew.store, crew.project_id, "ada").masks(scenes, segmenter="pico", score_min=0.2)
    crew.until(lambda: job.read().progress.done >= 2 or job.read().finished, within_s=120)
    first.send_signal(signal.SIGKILL)
    first.wait()
    crew.worker("--lease", "15")
    result = job.wait(timeout=150)
    assert result["images"] == 10 and result["problems"] == []
    after = shapes(crew, scenes)
    assert [one.id for one in after] == [one.id for one in before]
    changed = [one for one in after if one.geometry.kind == "mask"]
    assert result["changed"] == len(changed) and result["kept"] == len(after) - len(changed)
    assert len(changed) > len(after) / 2
    with crew.store.database.transaction() as session:
        for one in changed:
            history = edits.history(session, shape_id=one.id)
            # Once each, although the work was begun twice; and the box that it was is told.
            assert [edit.author for edit in history] == ["ada", "ada"]
            assert history[-1].before["geometry"]["kind"] == "box"
    assert {one.class_id for one in after} == {one.class_id for one in before}


def test_what_was_drawn_can_be_taken_back_and_stays_so(crew: Crew, scenes: int) -> None:
    once = uuid4()
    done = boxes_to_masks(crew.store, scenes, Ellipses(), author="ada", once=once)
    assert done.changed == len(shapes(crew, scenes)) and set(kinds(crew, scenes)) == {"mask"}
    one = shapes(crew, scenes)[0]
    with crew.store.database.transaction() as session:
        edits.restore(session, one.id, one.revision - 1, author="ada")
    assert kinds(crew, scenes)[0] == "box"
    # The same call again, as after a crash, draws nothing twice, nor what a person took back; another call does.
    again = Ellipses()
    assert boxes_to_masks(crew.store, scenes, again, author="ada", once=once).changed == done.changed
    assert again.seen == 0 and kinds(crew, scenes)[0] == "box"
    assert boxes_to_masks(crew.store, scenes, again, author="ada", once=uuid4()).changed == 1


def test_a_slice_says_which_images_and_which_boxes(crew: Crew, scenes: int) -> None:
    every = shapes(crew, scenes)
    with crew.store.database.transaction() as session:
        few = Slice(images=frozenset(images.ids(session, scenes).tolist()[:2]), areas=frozenset({"medium", "large"}))
    boxes_to_masks(crew.store, scenes, Ellipses(), author="ada", once=uuid4(), part=few)
    for one, before in zip(shapes(crew, scenes), every, strict=True):
        area = before.area if before.area is not None else before.geometry.box[2] * before.geometry.box[3]
        meant = one.image_id in (few.images or ()) and area >= 32**2
        assert (one.geometry.kind == "mask") == meant


def test_boxes_that_the_model_is_not_sure_of_stay(crew: Crew, scenes: int) -> None:
    done = boxes_to_masks(crew.store, scenes, Ellipses(0.4), author="ada", once=uuid4())
    assert done.changed == 0 and done.kept == len(shapes(crew, scenes)) and set(kinds(crew, scenes)) == {"box"}
    with pytest.raises(Invalid, match="score_min is 2"):
        boxes_to_masks(crew.store, scenes, Ellipses(), author="ada", once=uuid4(), score_min=2)


def test_a_box_that_somebody_moves_meanwhile_is_theirs(crew: Crew, scenes: int) -> None:
    target = shapes(crew, scenes)[0]

    class Interrupted(Ellipses):
        def segment(self, image: NDArray[np.uint8], *, boxes: Floats) -> Segmented:
            if not self.seen:
                moved = Patch(geometry=BoxGeometry(box=(1.0, 2.0, 30.0, 20.0)))
                op = Op(
                    client_op_id=uuid4(), shape_id=target.id, action="update", base_rev=target.revision, patch=moved
                )
                with crew.store.database.transaction() as session:
                    edits.apply(session, target.image_id, [op], author="grace")
            return super().segment(image, boxes=boxes)

    done = boxes_to_masks(crew.store, scenes, Interrupted(), author="ada", once=uuid4())
    assert done.kept == 1
    assert shapes(crew, scenes)[0].geometry.box == (1.0, 2.0, 30.0, 20.0)


def test_cancelled_it_keeps_what_it_drew_and_says_so(crew: Crew, scenes: int) -> None:
    one = Ellipses()
    with pytest.raises(Cancelled, match="what was drawn is saved"):
        boxes_to_masks(crew.store, scenes, one, author="ada", once=uuid4(), cancelled=lambda: one.seen >= 3)
    assert 0 < kinds(crew, scenes).count("mask") < len(kinds(crew, scenes))


def test_files_that_cannot_be_read_are_named_and_the_others_drawn(crew: Crew, scenes: int, tmp_path: Path) -> None:
    pictures = sorted((tmp_path / "scenes").rglob("*.jpg"))
    pictures[0].write_bytes(b"nothing")
    done = boxes_to_masks(crew.store, scenes, Ellipses(), author="ada", once=uuid4())
    assert len(done.problems) == 1 and pictures[0].name in done.problems[0]
    for one in pictures:
        one.write_bytes(b"nothing")
    left = Slice(images=frozenset({next(one.image_id for one in shapes(crew, scenes) if one.geometry.kind == "box")}))
    with pytest.raises(Invalid, match="no image of the slice can be read"):
        boxes_to_masks(crew.store, scenes, Ellipses(), author="ada", once=uuid4(), part=left)


def test_what_cannot_work_is_refused_before_it_is_queued(crew: Crew, scenes: int) -> None:
    submit = Submit(crew.store, crew.project_id, "ada")
    with pytest.raises(NotFound, match="no architecture 'sam9'"):
        submit.masks(scenes, segmenter="sam9")
    with pytest.raises(NotFound, match="'yolo11n' is no segmenter"):
        submit.masks(scenes, segmenter="yolo11n")
    with pytest.raises(Invalid, match="score_min is -1"):
        submit.masks(scenes, score_min=-1)
    with pytest.raises(NotFound, match="there is no dataset 99"):
        submit.masks(99)
    assert isinstance(submit.masks(scenes).id, UUID)
