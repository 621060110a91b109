"""Tracks followed on a worker: from their keyframes over a slice, once, as edits; killed, cancelled, people kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from evalnb import edits
from evalnb.annotating.propagating import Propagated, follow_tracks
from evalnb.core import masks
from evalnb.core.following import Followed
from evalnb.core.records import Geometry
from evalnb.core.slices import Slice
from evalnb.errors import Cancelled, Invalid, NotFound
from evalnb.jobs.submit import Submit
from evalnb.wire.shapes import MaskGeometry, Op, Patch, Track, geometry_of
from tests.crew import Crew
from tests.walk import COUNT, GONE, Truthful, Walk, iou, make_walk, of_mask, square


@pytest.fixture
def walk(crew: Crew, tmp_path: Path) -> Walk:
    return make_walk(crew.store, tmp_path / "walk", project_id=crew.project_id)


def follow(walk: Walk, follower: Any, **options: Any) -> Propagated:
    return follow_tracks(walk.store, walk.dataset_id, follower, **{"author": "ada", "once": uuid4(), **options})


def test_a_worker_follows_a_track_and_goes_on_after_it_was_killed(crew: Crew, walk: Walk) -> None:
    track = uuid4()
    walk.key(4, track)
    first = crew.worker("--lease", "3")
    job = Submit(crew.store, crew.project_id, "ada").follow(walk.dataset_id, segmenter="pico")
    crew.until(lambda: len(walk.seen(track)) >= 4 or job.read().finished, within_s=180)
    first.send_signal(signal.SIGKILL)
    first.wait()
    crew.worker("--lease", "15")
    result = job.wait(timeout=240)
    assert (result["tracks"], result["problems"]) == (1, [])
    seen = walk.seen(track)
    there = {frame: one for frame, one in seen.items() if not one.track.outside}
    assert set(there) >= {*range(9), *range(14, COUNT)} and set(there).isdisjoint(GONE)
    assert min(iou(one, square(frame)) for frame, one in there.items() if frame not in (12, 13)) > 0.7
    assert [frame for frame, one in seen.items() if one.track.outside] == [GONE[0]]
    assert {frame for frame, one in seen.items() if one.track.keyframe} == {4}
    assert {(one.class_id, one.attributes["coat"], one.geometry.kind) for one in seen.values()} == {
        (1, "red", "mask")
    }
    with crew.store.database.transaction() as session:
        for frame, one in seen.items():
            # Once each, although the work was begun twice.
            history = edits.history(session, image_id=walk.image_ids[frame])
            assert [edit.shape_id for edit in history] == [one.id]


def test_keyframes_stay_and_what_lies_between_them_is_drawn_anew(walk: Walk) -> None:
    track = uuid4()
    walk.key(2, track)
    wrong = geometry_of(of_mask(np.roll(square(6), 20, axis=0)))
    mine = walk.key(6, track, wrong)
    between = walk.key(4, track)
    plain = Patch(track=Track(id=track, keyframe=False), geometry=wrong, class_id=2)
    walk.apply(4, Op(client_op_id=uuid4(), shape_id=between, action="update", base_rev=1, patch=plain))
    done = follow(walk, Truthful())
    seen = walk.seen(track)
    assert seen[6].id == mine and seen[6].rev == 1 and seen[6].geometry == wrong
    # A shape that was computed is drawn anew, and keeps what a person said of it.
    assert seen[4].id == between and iou(seen[4], square(4)) == 1 and seen[4].class_id == 2
    assert {frame for frame, one in seen.items() if one.track.keyframe} == {2, 6}
    assert set(seen) == {*range(10), *range(12, COUNT)} and seen[9].track.outside
    assert (done.drawn, done.absent, done.images) == (COUNT - 2 - len(GONE), len(GONE), COUNT)


def test_it_goes_on_behind_what_an_earlier_start_drew(walk: Walk) -> None:
    track, once = uuid4(), uuid4()
    walk.key(0, track)
    with pytest.raises(Cancelled, match="what was found is saved"):
        one = Truthful()
        follow(walk, one, once=once, cancelled=lambda: len(one.visited) > 6)
    before = walk.seen(track)
    assert sorted(before) == list(range(7))
    # What a person takes back meanwhile stays so.
    with walk.store.database.transaction() as session:
        edits.apply(
            session,
            walk.image_ids[3],
            [Op(client_op_id=uuid4(), shape_id=before[3].id, action="delete", base_rev=1)],
            author="grace",
        )
    again = Truthful()
    follow(walk, again, once=once)
    assert again.visited[0] == 7 and again.recalled == [1, 2, 4, 5, 6]
    assert 3 not in walk.seen(track) and max(walk.seen(track)) == COUNT - 1
    third = Truthful()
    follow(walk, third, once=once)
    assert [frame for frame in third.visited if frame] == []


def test_what_a_person_draws_or_moves_meanwhile_is_theirs(walk: Walk) -> None:
    track = uuid4()
    walk.key(0, track)
    mine = geometry_of(of_mask(np.roll(square(5), 30, axis=0)))
    done = follow(walk, Truthful(lambda frame: walk.key(5, track, mine) and None if frame == 5 else None))
    assert walk.seen(track)[5].geometry == mine and done.kept == 1


def test_where_people_put_it_out_of_sight_it_is_not_looked_for(walk: Walk) -> None:
    track = uuid4()
    walk.key(2, track)
    walk.key(5, track, outside=True)
    walk.key(14, track)
    one = Truthful()
    follow(walk, one)
    assert sorted(set(one.visited)) == [*range(5), *range(14, COUNT)]
    assert sorted(walk.seen(track)) == [*range(6), *range(14, COUNT)]


def test_going_back_it_is_out_of_sight_where_it_was_lost(walk: Walk) -> None:
    track = uuid4()
    walk.key(20, track)
    follow(walk, Truthful(), direction="backward")
    seen = walk.seen(track)
    assert sorted(seen) == [*range(10), *range(12, 21)]
    assert [frame for frame, shape in seen.items() if shape.track.outside] == [9]


def test_shapes_are_of_the_kind_that_the_track_has(walk: Walk) -> None:
    box, outline = uuid4(), uuid4()
    x, y, w, h = masks.box(masks.encode(square(0)))
    walk.key(0, box, geometry_of(Geometry("box", (x, y, w, h))))
    corners = (x, y, x + w, y, x + w, y + h, x, y + h)
    walk.key(0, outline, geometry_of(Geometry("polygon", (x, y, w, h), parts=(corners,))))
    follow(walk, Truthful(), tracks=[box], direction="forward")
    assert outline not in {one.track.id for one in walk.shapes(3)}
    follow(walk, Truthful(), direction="forward")
    assert {one.geometry.kind for one in walk.seen(box).values()} == {"box"}
    assert walk.seen(box)[5].geometry.box == (28.0, 40.0, 40.0, 40.0)
    assert {one.geometry.kind for one in walk.seen(outline).values()} == {"polygon"}
    assert iou(walk.seen(outline)[5], square(5)) == 1


def test_a_slice_names_frames_and_whose_tracks(walk: Walk) -> None:
    one, other = uuid4(), uuid4()
    walk.key(0, one)
    shape = walk.key(0, other)
    walk.apply(0, Op(client_op_id=uuid4(), shape_id=shape, action="update", base_rev=1, patch=Patch(class_id=2)))
    part = Slice().where(classes=["other"], images=walk.image_ids[:6])
    done = follow(walk, Truthful(), part=part)
    assert done.tracks == 1 and sorted(walk.seen(one)) == [0] and sorted(walk.seen(other)) == list(range(6))


def test_what_cannot_be_followed_is_refused_and_what_cannot_be_read_is_named(crew: Crew, walk: Walk) -> None:
    submit = Submit(crew.store, crew.project_id, "ada")
    with pytest.raises(Invalid, match="direction is 'up'"):
        submit.follow(walk.dataset_id, direction="up")
    with pytest.raises(Invalid, match="'seven' is no track"):
        submit.follow(walk.dataset_id, tracks=["seven"])
    with pytest.raises(NotFound, match="'yolo11n' is no segmenter"):
        submit.follow(walk.dataset_id, segmenter="yolo11n")
    with pytest.raises(Invalid, match="there is no keyframe to begin at"):
        follow(walk, Truthful())
    with pytest.raises(NotFound, match="has no keyframe in the slice"):
        follow(walk, Truthful(), tracks=[uuid4()])
    track = uuid4()
    walk.key(0, track)

    class Torn(Truthful):
        def run(self, *asked: Any, **options: Any) -> Iterator[Followed]:
            for one in super().run(*asked, **options):
                yield replace(one, found={}, problem="frame 3 is torn") if one.frame == 3 else one

    done = follow(walk, Torn())
    assert done.problems == [f"image {walk.image_ids[3]}: frame 3 is torn"]
    assert 3 not in walk.seen(track) and 4 in walk.seen(track)
    assert isinstance(walk.seen(track)[4].geometry, MaskGeometry)
