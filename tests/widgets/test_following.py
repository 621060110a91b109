"""The kernel half of following: pieces, where it ends, how it is stopped, what is refused."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

from evalnb import edits
from evalnb.wire.shapes import BoxGeometry, Op, Patch, Track
from tests.walk import Truthful
from tests.yard import Yard

BOX = {"kind": "box", "box": [10, 40, 40, 40]}


def asked(yard: Yard, place: int = 0, **more: Any) -> dict[str, Any]:
    return {"ask": "follow", "follow": str(uuid4()), "image_id": yard.image_ids[place], **more}


def seed(track: Any = None, geometry: Any = None) -> list[dict[str, Any]]:
    return [{"track_id": str(track or uuid4()), "geometry": geometry or BOX}]


def to_the_end(browser: Any, ask: dict[str, Any]) -> list[tuple[int, bool]]:
    """The places that were followed, and whether the object is in sight there."""
    found = []
    reply = browser.ask(**ask)
    while True:
        found += [(one["image"]["index"], one["shapes"][0]["mask"] is not None) for one in reply["frames"]]
        if reply["ended"]:
            return found
        reply = browser.ask(**{**ask, "seeds": []})


def test_it_goes_to_the_end_or_to_the_next_keyframe_or_as_far_as_it_was_asked(make: Any, yard: Yard) -> None:
    browser = make(segmenter=Truthful())
    track = uuid4()
    ask = asked(yard, seeds=seed(track))
    assert to_the_end(browser, ask) == [(1, True), (2, True)]
    assert to_the_end(browser, asked(yard, seeds=seed(), count=1)) == [(1, True)]
    assert to_the_end(browser, asked(yard, 2, seeds=seed(), backward=True)) == [(1, True), (0, True)]

    def key(place: int, *, outside: bool) -> None:
        where = Track(id=track, keyframe=True, outside=outside)
        patch = Patch(class_id=1, geometry=BoxGeometry(box=(1.0, 1.0, 9.0, 9.0)), track=where)
        op = Op(client_op_id=uuid4(), shape_id=uuid4(), action="create", base_rev=0, patch=patch)
        with yard.store.database.transaction() as session:
            edits.apply(session, yard.image_ids[place], [op], author="ada")

    key(2, outside=False)
    assert to_the_end(browser, asked(yard, seeds=seed(track))) == [(1, True)]
    key(0, outside=True)
    # Between there and here a person put it out of sight.
    assert to_the_end(browser, asked(yard, 2, seeds=seed(track), backward=True)) == []
    # Another track of the same ask goes on.
    both = asked(yard, seeds=[*seed(track), *seed()])
    assert to_the_end(browser, both) == [(1, True), (2, True)]


def test_stopped_it_tells_what_it_found_and_is_over(make: Any, yard: Yard) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def held(frame: int) -> None:
        if frame == 1:
            begun.set()
            assert go_on.wait(20)

    follower = Truthful(held)
    browser = make(segmenter=follower)
    ask = asked(yard, seeds=seed())
    number = browser.tell(**ask)
    assert begun.wait(20)
    # It has a lane of its own: edits and clicks are answered meanwhile, as is the stop itself.
    assert browser.ask(ask="shapes", image_id=yard.image_ids[0])["shapes"]
    browser.ask(ask="stop", image_id=yard.image_ids[0], follow=ask["follow"])
    go_on.set()
    reply = browser.answer(number)[0]["ok"]
    assert reply["ended"] and [one["image"]["index"] for one in reply["frames"]] == [1]
    assert follower.visited == [1]
    assert browser.refused(**{**ask, "seeds": []})["status"] == 404


def test_what_cannot_be_followed_is_refused(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=Truthful())
    assert browser.refused(**asked(yard))["kind"] == "NotFound"
    points = {"kind": "points", "box": [1, 1, 2, 2], "points": [[1, 1], [3, 3]]}
    refusal = browser.refused(**asked(yard, seeds=seed(geometry=points)))
    assert refusal["status"] == 422 and "kind points encloses nothing" in refusal["happened"]
    outside = {"kind": "box", "box": [9000, 9000, 5, 5]}
    assert browser.refused(**asked(yard, seeds=seed(), image_id=10**9))["status"] == 404
    assert make(segmenter=colours).refused(**asked(yard, seeds=seed()))["status"] == 503
    assert make().refused(**asked(yard, seeds=seed()))["status"] == 503
    assert (
        make(segmenter=Truthful(), read_only=True).refused(**asked(yard, seeds=seed(geometry=outside)))["status"]
        == 422
    )
