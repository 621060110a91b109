"""The kernel half of the wand: candidates, corrections, hovering, and images encoded before anybody looks."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from evalnb.annotating import prompts
from evalnb.core import masks
from evalnb.core.records import Geometry
from evalnb.store.repositories import datasets
from evalnb.wire.shapes import geometry_of
from tests.yard import HEIGHT, WIDTH, Yard


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def bits(window: list[float], buffer: bytes, columns: int | None = None) -> np.ndarray:
    packed = np.frombuffer(zlib.decompress(buffer), np.uint8)
    width = int(window[2]) if columns is None else columns
    return np.unpackbits(packed.reshape(-1, (width + 7) // 8), axis=1)[:, :width].astype(bool)


def test_a_click_has_three_answers_best_first(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    message, buffers = browser.answer(
        browser.tell(ask="segment", image_id=yard.image_ids[0], points=[[100, 150]], labels=[1])
    )
    reply = message["ok"]
    assert [reply["score"], *(one["score"] for one in reply["others"])] == [0.9, 0.6, 0.1]
    assert len(buffers) == 3
    areas = [
        bits(window, buffer).sum()
        for window, buffer in zip(
            [reply["window"], *(one["window"] for one in reply["others"])], buffers, strict=True
        )
    ]
    assert areas[0] + areas[2] == HEIGHT * WIDTH and areas[1] < areas[0]


def test_an_outline_is_a_prompt_until_an_answer_to_correct_takes_its_place(
    make: Any, yard: Yard, ambiguous: Any
) -> None:
    browser = make(segmenter=ambiguous)
    ask = {"ask": "segment", "image_id": yard.image_ids[0]}
    polygon = {
        "kind": "polygon",
        "box": [50, 60, 40, 20],
        "parts": [[50, 60, 90, 60, 90, 80, 50, 80]],
        "holes": [],
    }
    reply = browser.ask(**ask, outline=polygon)
    # The segmenter fills its box: the one around the outline.
    assert reply["window"] == [50, 60, 40, 20]
    rough = ambiguous.priors[-1]
    assert (rough.dtype, rough.shape, int(rough.sum())) == (np.bool_, (HEIGHT, WIDTH), 800)
    earlier = {"answer": reply["answer"], "candidate": 0}
    browser.ask(**ask, outline=polygon, points=[[55, 65]], labels=[1], refines=earlier)
    assert ambiguous.priors[-1].dtype == np.float32
    browser.ask(**ask, outline=polygon, refines={"answer": 10_000, "candidate": 0})
    assert ambiguous.priors[-1].dtype == np.bool_
    browser.ask(**ask, outline={"kind": "box", "box": [5, 6, 7, 8]})
    assert ambiguous.priors[-1] is None
    line = {"kind": "polyline", "box": [0, 0, 9, 9], "parts": [[0, 0, 9, 9]]}
    assert browser.refused(**ask, outline=line)["kind"] == "Invalid"


def test_boxes_have_a_mask_each_and_the_work_can_be_stopped(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    ask = {"ask": "box_masks", "image_id": yard.image_ids[0], "boxes": [[10, 20, 30, 40], [100, 100, 8, 9]]}
    message, buffers = browser.answer(browser.tell(**ask))
    found = message["ok"]["found"]
    assert [one["window"] for one in found] == ask["boxes"]
    assert [int(bits(one["window"], buffer).sum()) for one, buffer in zip(found, buffers, strict=True)] == [1200, 72]
    shares = [one["fraction"] for one, _ in browser.sent if one.get("push") == "sweep"]
    assert shares == sorted(shares) and len(shares) >= 2
    ambiguous.may_decode.clear()
    ambiguous.decoding.clear()
    number = browser.tell(**ask)
    assert ambiguous.decoding.wait(20)
    browser.ask(ask="stop", image_id=yard.image_ids[0])
    ambiguous.may_decode.set()
    assert browser.answer(number)[0]["error"]["kind"] == "Cancelled"


def test_the_next_click_corrects_the_mask_that_was_chosen(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    one, other = yard.image_ids[:2]
    click = {"ask": "segment", "image_id": one, "points": [[100, 150]], "labels": [1]}
    number = browser.ask(**click)["answer"]
    browser.ask(**click, refines={"answer": number, "candidate": 1})
    again = ambiguous.priors[-1]
    assert again is not None and again.shape == (HEIGHT, WIDTH) and not (again[: HEIGHT // 2] > 0).any()
    # One that the kernel has forgotten, that never was, or of another image: the clicks alone say what is meant.
    for refines in ({"answer": number + 99, "candidate": 0}, {"answer": number, "candidate": 7}):
        browser.ask(**click, refines=refines)
        assert ambiguous.priors[-1] is None
    browser.ask(**{**click, "image_id": other}, refines={"answer": number, "candidate": 0})
    assert ambiguous.priors[-1] is None


def test_hovering_shows_what_a_click_would_mean_and_never_encodes(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    hover = {"ask": "hover", "image_id": yard.image_ids[0], "x": 100, "y": 150}
    nothing = browser.ask(**hover, seq=1)
    assert (nothing["ready"], nothing["seq"], nothing["window"]) == (False, 1, [0, 0, 0, 0])
    assert not ambiguous.began
    browser.ask(ask="prepare", image_id=yard.image_ids[0])
    until(lambda: len(ambiguous.images) > 0)
    message, (buffer,) = browser.answer(browser.tell(**hover, seq=2))
    reply = message["ok"]
    assert (reply["ready"], reply["seq"], reply["score"]) == (True, 2, 0.9)
    shown = bits(reply["window"], buffer, reply["columns"])
    assert shown.shape == (reply["rows"], reply["columns"])
    x, y, w, h = reply["window"]
    assert np.allclose((x, y, w, h), (60, 100, 100, 100), atol=6)
    assert shown.mean() > 0.9
    assert browser.refused(ask="hover", image_id=10**9, x=1, y=1, seq=3)["status"] == 404
    assert make().refused(**hover, seq=4)["status"] == 503


def test_of_hovers_that_wait_the_newest_is_answered_and_a_click_passes_them(
    make: Any, yard: Yard, ambiguous: Any
) -> None:
    browser = make(segmenter=ambiguous)
    image_id = yard.image_ids[0]
    browser.ask(ask="segment", image_id=image_id, points=[[100, 150]], labels=[1])
    ambiguous.may_decode.clear()
    ambiguous.decoding.clear()
    first = browser.tell(ask="hover", image_id=image_id, x=5, y=5, seq=1)
    assert ambiguous.decoding.wait(20)
    waiting = [browser.tell(ask="hover", image_id=image_id, x=n, y=n, seq=n) for n in (2, 3, 4)]
    click = browser.tell(ask="segment", image_id=image_id, points=[[100, 150]], labels=[1])
    assert [browser.answer(one)[0]["error"]["kind"] for one in waiting[:2]] == ["Superseded"] * 2
    ambiguous.may_decode.set()
    assert browser.answer(first)[0]["ok"]["seq"] == 1
    assert browser.answer(waiting[2])[0]["ok"]["seq"] == 4
    assert "ok" in browser.answer(click)[0]


def test_encoding_says_how_far_it_is(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    browser.ask(ask="segment", image_id=yard.image_ids[0], box=[0, 0, 5, 5])
    pushed = [m["fraction"] for m, _ in browser.sent if m.get("push") == "encoding"]
    assert pushed == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_both_neighbours_are_encoded_ahead_and_nobody_is_told(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    browser.show(yard.image_ids[1])
    browser.ask(ask="segment", image_id=yard.image_ids[1], box=[0, 0, 5, 5])
    until(lambda: len(ambiguous.images) == 3)
    assert {m["image_id"] for m, _ in browser.sent if m.get("push") == "encoding"} == {yard.image_ids[1]}
    # The neighbour is as ready as an image that somebody clicked on.
    assert browser.ask(ask="segment", image_id=yard.image_ids[2], box=[0, 0, 5, 5])["encode_ms"] < 1000
    assert len(ambiguous.began) == 3


def test_a_neighbour_is_given_up_when_the_user_moves_away(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    first, second, third = yard.image_ids
    ambiguous.blocks = threading.Semaphore(ambiguous.BLOCKS - 1)
    browser.ask(ask="segment", image_id=first, box=[0, 0, 5, 5])
    until(lambda: len(ambiguous.began) == 2)
    # Its neighbour is under way; on the third image it is none any more that this work was for.
    browser.show(third)
    ambiguous.blocks.release()
    until(lambda: len(ambiguous.began) == 3)
    assert len(ambiguous.images) == 1
    ambiguous.blocks.release(100)
    until(lambda: len(ambiguous.images) == 3)
    assert {m["image_id"] for m, _ in browser.sent if m.get("push") == "encoding"} == {first, third}
    assert second


def test_a_neighbour_that_is_shown_meanwhile_is_finished_and_says_how_far_it_is(
    make: Any, yard: Yard, ambiguous: Any
) -> None:
    browser = make(segmenter=ambiguous)
    first, second, _ = yard.image_ids
    ambiguous.blocks = threading.Semaphore(ambiguous.BLOCKS - 1)
    browser.ask(ask="segment", image_id=first, box=[0, 0, 5, 5])
    until(lambda: len(ambiguous.began) == 2)
    browser.show(second)
    ambiguous.blocks.release(100)
    until(lambda: len(ambiguous.images) == 3)
    told = [m["fraction"] for m, _ in browser.sent if m.get("push") == "encoding" and m["image_id"] == second]
    assert 0.25 in told and told[-1] == 1


def test_a_click_does_not_wait_for_a_neighbour(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    ambiguous.blocks = threading.Semaphore(ambiguous.BLOCKS - 1)
    click = {"ask": "segment", "image_id": yard.image_ids[0], "points": [[9, 9]], "labels": [1]}
    browser.ask(**click)
    until(lambda: len(ambiguous.began) == 2)
    assert browser.ask(**click)["score"] == 0.9
    assert browser.ask(ask="hover", image_id=yard.image_ids[0], x=9, y=9, seq=1)["ready"]
    assert len(ambiguous.images) == 1
    ambiguous.blocks.release(100)


def test_everything_is_found_shown_as_it_goes_and_not_what_is_labelled(
    make: Any, yard: Yard, ambiguous: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "_CLICKS_PER_SIDE", 3)
    browser = make(segmenter=ambiguous)
    image_id = yard.image_ids[0]
    message, buffers = browser.answer(browser.tell(ask="everything", image_id=image_id))
    reply = message["ok"]
    assert len(buffers) == len(reply["found"]) > 0
    scores = [one["score"] for one in reply["found"]]
    assert scores == sorted(scores, reverse=True) and min(scores) >= 0.5
    for one, buffer in zip(reply["found"], buffers, strict=True):
        assert bits(one["window"], buffer).any()
    shares = [m["fraction"] for m, _ in browser.sent if m.get("push") == "sweep"]
    assert shares == sorted(shares) and shares[0] < 0.2 and shares[-1] > 0.8
    # The first becomes a shape, and is not found again.
    window = reply["found"][0]["window"]
    runs = masks.placed(bits(window, buffers[0]), tuple(window), (HEIGHT, WIDTH))
    geometry = geometry_of(Geometry("mask", masks.box(runs), mask=runs)).model_dump(mode="json")
    op = {"client_op_id": str(uuid4()), "shape_id": str(uuid4()), "action": "create", "base_rev": 0}
    with yard.store.database.transaction() as session:
        class_id = next(iter(datasets.taxonomy(session, yard.dataset_id))).id
    browser.ask(ask="apply", image_id=image_id, ops=[{**op, "patch": {"class_id": class_id, "geometry": geometry}}])
    again = browser.ask(ask="everything", image_id=image_id)
    assert again["labelled"] == reply["labelled"] + 1 and len(again["found"]) == len(reply["found"]) - 1


def test_everything_stops_when_nobody_waits_any_more(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    image_id = yard.image_ids[0]
    browser.ask(ask="segment", image_id=image_id, points=[[100, 150]], labels=[1])
    ambiguous.may_decode.clear()
    ambiguous.decoding.clear()
    asked = browser.tell(ask="everything", image_id=image_id)
    assert ambiguous.decoding.wait(20)
    browser.ask(ask="stop", image_id=image_id)
    ambiguous.may_decode.set()
    assert browser.answer(asked)[0]["error"]["kind"] == "Cancelled"
    # Another search is not stopped by that.
    assert "error" not in browser.answer(browser.tell(ask="everything", image_id=image_id))[0]
    assert make().refused(ask="everything", image_id=image_id)["status"] == 503
    assert browser.refused(ask="everything", image_id=10**9)["status"] == 404


def test_hovering_over_an_object_in_hand_corrects_its_mask(make: Any, yard: Yard, ambiguous: Any) -> None:
    browser = make(segmenter=ambiguous)
    image_id = yard.image_ids[0]
    said = {"image_id": image_id, "points": [[100, 150]], "labels": [1]}
    number = browser.ask(ask="segment", **said)["answer"]
    refines = {"answer": number, "candidate": 1}
    assert browser.ask(ask="hover", **said, x=5, y=5, seq=1, refines=refines)["ready"]
    prior = ambiguous.priors[-1]
    assert prior is not None and prior.shape == (HEIGHT, WIDTH) and not (prior[: HEIGHT // 2] > 0).any()
    browser.ask(ask="hover", **said, x=5, y=5, seq=2)
    assert ambiguous.priors[-1] is None
    assert browser.refused(ask="hover", **{**said, "labels": [1, 0]}, x=5, y=5, seq=3)["kind"] == "Invalid"
