"""The kernel half: what it answers, and in which order, when it is slow."""

from __future__ import annotations

import json
import logging
import time
import zlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import text

from evalnb import edits
from evalnb.annotating import prompts
from evalnb.cli.supervision.runfile import RunDirectory
from evalnb.errors import Invalid, NotFound
from evalnb.store.tables import PredictionRow, PredictionRunRow
from evalnb.widgets import annotator
from evalnb.widgets._portal import image_link
from evalnb.wire.shapes import BoxGeometry, Op, Patch
from tests.yard import HEIGHT, WIDTH, Yard


def create(x: float = 10, **patch: Any) -> dict[str, Any]:
    geometry = {"kind": "box", "box": [x, 20, 30, 40]}
    return {
        "client_op_id": str(uuid4()),
        "shape_id": str(uuid4()),
        "base_rev": 0,
        "action": "create",
        "patch": {"class_id": 7, "geometry": geometry, **patch},
    }


def by_somebody_else(yard: Yard, image_id: int) -> None:
    op = Op(
        client_op_id=uuid4(),
        shape_id=uuid4(),
        base_rev=0,
        action="create",
        patch=Patch(class_id=1, geometry=BoxGeometry(box=(1, 1, 9, 9))),
    )
    with yard.store.database.transaction() as session:
        edits.apply(session, image_id, [op], author="ben")


def test_hello_tells_all_the_canvas_needs(make: Any, yard: Yard) -> None:
    hello = make().ask(ask="hello", view="a")
    assert (hello["dataset"], hello["image_count"]) == ("yard", 3)
    assert hello["start"]["id"] == yard.image_ids[0]
    assert hello["start"]["index"] == 0
    assert [one["name"] for one in hello["classes"]] == ["person", "bag", "van"]
    assert all(one["color"].startswith("#") for one in hello["classes"])
    assert hello["segmenter"] is None


def test_the_scope_is_the_datasets_own_and_stays(make: Any) -> None:
    assert make().ask(ask="hello", view="a")["scope"] == make().ask(ask="hello", view="b")["scope"]


def test_it_starts_where_it_is_told(make: Any, yard: Yard) -> None:
    assert make(start=2).ask(ask="hello", view="a")["start"]["index"] == 2
    with pytest.raises(Invalid, match="no place 3 among 3 images"):
        make(start=3)


def test_a_page_of_images(make: Any, yard: Yard) -> None:
    page = make().ask(ask="page", first=1, count=50)
    assert [(one["index"], one["id"]) for one in page["images"]] == [(1, yard.image_ids[1]), (2, yard.image_ids[2])]
    assert "1 to 500" in make().refused(ask="page", first=0, count=10**9)["remedy"]


def test_an_image_travels_as_its_own_bytes(make: Any, yard: Yard) -> None:
    browser = make()
    message, buffers = browser.answer(browser.tell(ask="image", image_id=yard.image_ids[1]))
    assert message["ok"] == {"image_id": yard.image_ids[1], "mime": "image/jpeg", "tiles": None}
    assert bytes(buffers[0]) == (yard.folder / "yard-1.jpg").read_bytes()


def test_an_image_that_was_moved_is_refused_with_the_way_out(make: Any, yard: Yard) -> None:
    (yard.folder / "yard-1.jpg").unlink()
    refusal = make().refused(ask="image", image_id=yard.image_ids[1])
    assert (refusal["kind"], refusal["status"]) == ("NotFound", 404)
    assert "yard-1.jpg" in refusal["happened"]
    assert "put the file back" in refusal["remedy"]


def test_what_is_answered_as_saved_is_in_the_database(make: Any, yard: Yard) -> None:
    browser = make()
    reply = browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[create()])
    assert reply["results"][0]["status"] == "applied"
    assert len(yard.shapes()) == 3
    assert yard.history()[-1].author == "ada"
    assert browser.widget.count == 3
    assert [one["id"] for one in browser.ask(ask="shapes", image_id=yard.image_ids[0])["shapes"]] == [
        str(one.id) for one in yard.shapes()
    ]


def test_edits_are_answered_while_the_segmenter_is_busy(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=colours)
    colours.may_encode.clear()
    prompt = browser.tell(ask="segment", image_id=yard.image_ids[0], points=[[100, 150]], labels=[1])
    assert colours.encoding.wait(10)
    assert browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[create()])["seq"] == 1
    colours.may_encode.set()
    assert "ok" in browser.answer(prompt)[0]


def test_a_mask_comes_cut_to_its_window_with_a_bit_for_each_pixel(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=colours)
    message, buffers = browser.answer(
        browser.tell(ask="segment", image_id=yard.image_ids[0], points=[[100, 150]], labels=[1])
    )
    x, y, w, h = message["ok"]["window"]
    bits = np.frombuffer(zlib.decompress(buffers[0]), np.uint8).reshape(h, -1)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + h, x : x + w] = np.unpackbits(bits, axis=1)[:, :w]
    assert mask[150, 100]
    assert 0.95 < mask[100:200, 60:160].mean() <= 1
    assert mask.sum() < 1.1 * 100 * 100


def test_a_box_prompt_and_an_empty_mask(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=colours)
    assert browser.ask(ask="segment", image_id=yard.image_ids[0], box=[10, 20, 5, 7])["window"] == [10, 20, 5, 7]
    message, buffers = browser.answer(browser.tell(ask="segment", image_id=yard.image_ids[0], box=[10, 20, 0, 0]))
    assert message["ok"]["window"] == [0, 0, 0, 0]
    assert bytes(buffers[0]) == b""


def test_of_prompts_that_wait_only_the_newest_is_answered(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=colours)
    colours.may_encode.clear()
    prompts = [browser.tell(ask="segment", image_id=yard.image_ids[0], box=[0, 0, 5, 5])]
    assert colours.encoding.wait(10)
    prompts += [browser.tell(ask="segment", image_id=yard.image_ids[0], box=[0, 0, n, n]) for n in (6, 7, 8)]
    assert [browser.answer(one)[0]["error"]["kind"] for one in prompts[1:3]] == ["Superseded"] * 2
    colours.may_encode.set()
    # The first was overtaken while its image was encoded: nobody would look at its mask.
    assert browser.answer(prompts[0])[0]["error"]["kind"] == "Superseded"
    assert browser.answer(prompts[3])[0]["ok"]["window"] == [0, 0, 8, 8]


def test_an_image_is_encoded_once_and_says_so(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=colours)
    for _ in range(2):
        browser.ask(ask="segment", image_id=yard.image_ids[0], box=[0, 0, 5, 5])
    pushed = [m["fraction"] for m, _ in browser.sent if m.get("push") == "encoding"]
    assert pushed == [0.0, 1.0]


def test_the_neighbour_is_encoded_ahead_once_prompts_are_in_use(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=colours)
    browser.show(yard.image_ids[1])
    assert not colours.images
    browser.ask(ask="segment", image_id=yard.image_ids[1], box=[0, 0, 5, 5])
    colours.encoding.clear()
    assert colours.encoding.wait(10)


def test_taking_up_the_wand_encodes_before_the_first_click(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=colours)
    colours.may_encode.clear()
    assert browser.ask(ask="prepare", image_id=yard.image_ids[0]) == {}
    assert colours.encoding.wait(10)
    # A click that comes meanwhile waits for that work instead of doing it again.
    prompt = browser.tell(ask="segment", image_id=yard.image_ids[0], box=[0, 0, 5, 5])
    colours.may_encode.set()
    assert browser.answer(prompt)[0]["ok"]["window"] == [0, 0, 5, 5]
    pushed = [m for m, _ in browser.sent if m.get("push") == "encoding" and m["image_id"] == yard.image_ids[0]]
    assert [one["fraction"] for one in pushed] == [0.0, 1.0]
    assert browser.refused(ask="prepare", image_id=10**9)["status"] == 404
    assert make().refused(ask="prepare", image_id=yard.image_ids[0])["status"] == 503


def test_a_model_that_was_slow_to_load_still_encodes_neighbours_ahead(
    make: Any, yard: Yard, colours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "CHEAP_ENCODE_S", 0.0)
    browser = make(segmenter=colours)
    browser.ask(ask="segment", image_id=yard.image_ids[0], box=[0, 0, 5, 5])
    monkeypatch.setattr(prompts, "CHEAP_ENCODE_S", 60.0)
    browser.show(yard.image_ids[1])
    browser.ask(ask="segment", image_id=yard.image_ids[1], box=[0, 0, 5, 5])
    end = time.monotonic() + 10
    while len(colours.images) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_prompts_that_make_no_sense_are_refused(make: Any, yard: Yard, colours: Any) -> None:
    browser = make(segmenter=colours)
    image_id = yard.image_ids[0]
    assert "empty" in browser.refused(ask="segment", image_id=image_id)["happened"]
    assert "labels" in browser.refused(ask="segment", image_id=image_id, points=[[1, 1]], labels=[])["happened"]
    without = make(segmenter_help="fetch it with evalnb doctor").refused(
        ask="segment", image_id=image_id, box=[1, 1, 2, 2]
    )
    assert without["remedy"] == "fetch it with evalnb doctor"


def test_somebody_elses_edit_of_the_shown_image_is_pushed(make: Any, yard: Yard) -> None:
    browser = make()
    browser.ask(ask="hello", view="a")
    browser.ask(ask="shapes", image_id=yard.image_ids[0])
    by_somebody_else(yard, yard.image_ids[1])
    by_somebody_else(yard, yard.image_ids[0])
    message, _ = browser.until(lambda one: one.get("push") == "changed")
    assert message == {"push": "changed", "image_id": yard.image_ids[0], "seq": 1}


def test_a_hint_brings_the_look_forward(make: Any, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's edit shows at once where a broker is, not at the next look."""
    monkeypatch.setattr(annotator, "POLL_S", 3600.0)
    browser = make()
    browser.ask(ask="hello", view="a")
    browser.ask(ask="shapes", image_id=yard.image_ids[0])
    # Hints are heard from the subscription on, which looks once by itself.
    by_somebody_else(yard, yard.image_ids[0])
    browser.until(lambda one: one.get("push") == "changed" and one["seq"] == 1)
    by_somebody_else(yard, yard.image_ids[0])
    browser.until(lambda one: one.get("push") == "changed" and one["seq"] == 2)


def test_an_edit_between_two_of_ones_own_is_not_taken_for_ones_own(make: Any, yard: Yard) -> None:
    browser = make()
    browser.ask(ask="hello", view="a")
    browser.ask(ask="shapes", image_id=yard.image_ids[0])
    by_somebody_else(yard, yard.image_ids[0])
    browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[create()])
    browser.until(lambda one: one.get("push") == "changed")


def test_watching_says_what_happened_since_and_who_is_there(make: Any, yard: Yard) -> None:
    ada, ben = make(), make(author="ben")
    for browser, view in ((ada, "a"), (ben, "b")):
        browser.ask(ask="hello", view=view)
    by_somebody_else(yard, yard.image_ids[0])
    seen = ada.ask(ask="watch", image_id=yard.image_ids[0], view="a", since=0)
    assert (seen["seq"], seen["reload"], len(seen["shapes"])) == (1, False, 1)
    ben.ask(ask="watch", image_id=yard.image_ids[0], view="b", since=1)
    both = [{"key": "a", "name": "ada"}, {"key": "b", "name": "ben"}]
    ada.until(lambda one: one.get("push") == "presence" and one["people"] == both)
    ben.ask(ask="bye", view="b")
    ada.until(lambda one: one.get("push") == "presence" and one["people"] == both[:1], 40)


def test_an_image_can_be_asked_for_by_its_id(make: Any, yard: Yard) -> None:
    browser = make(link="http://portal/images/{image_id}")
    hello = browser.ask(ask="hello", view="a", image_id=yard.image_ids[2])
    assert (hello["start"]["id"], hello["link"]) == (yard.image_ids[2], "http://portal/images/{image_id}")
    assert browser.ask(ask="locate", image_id=yard.image_ids[1])["image"]["index"] == 1
    assert browser.refused(ask="locate", image_id=10**9)["status"] == 404


def test_ones_own_edit_is_not_pushed_back(make: Any, yard: Yard) -> None:
    browser = make()
    browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[create()])
    browser.widget._look()
    assert not [one for one, _ in browser.sent if one.get("push") == "changed"]


def test_after_the_last_bye_nobody_looks(make: Any, yard: Yard) -> None:
    browser = make()
    for view in ("a", "b"):
        browser.ask(ask="hello", view=view)
    browser.ask(ask="bye", view="a")
    assert browser.widget._watch._stop is not None
    browser.ask(ask="bye", view="b")
    assert browser.widget._watch._stop is None


def test_predictions_travel_as_packed_numbers(make: Any, yard: Yard) -> None:
    boxes = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    with yard.store.database.transaction() as session:
        run = PredictionRunRow(dataset_id=yard.dataset_id, name="first", image_count=3)
        session.add(run)
        session.flush()
        session.add(
            PredictionRow(
                run_id=run.id,
                image_id=yard.image_ids[0],
                count=2,
                boxes=boxes.tobytes(),
                scores=np.array([0.9, 0.5]).tobytes(),
                class_ids=np.array([1, 30]).tobytes(),
                rles=None,
            )
        )
    browser = make()
    assert browser.ask(ask="hello", view="a")["runs"] == [{"id": run.id, "name": "first"}]
    message, buffers = browser.answer(browser.tell(ask="predictions", image_id=yard.image_ids[0], run_id=run.id))
    assert message["ok"]["count"] == 2
    assert np.array_equal(np.frombuffer(buffers[0], "<f4").reshape(-1, 4), boxes)
    assert np.frombuffer(buffers[1], "<f4").tolist() == [np.float32(0.9), 0.5]
    assert np.frombuffer(buffers[2], "<i4").tolist() == [1, 30]
    assert browser.ask(ask="predictions", image_id=yard.image_ids[1], run_id=run.id)["count"] == 0


def test_python_moves_the_canvas(make: Any, yard: Yard) -> None:
    browser = make()
    browser.ask(ask="hello", view="a")
    browser.widget.goto(2)
    assert browser.widget.image_id == yard.image_ids[2]
    browser.widget.goto(image_id=yard.image_ids[1])
    pushed = [one["image"]["index"] for one, _ in browser.sent if one.get("push") == "goto"]
    assert pushed == [2, 1]
    with pytest.raises(NotFound, match="no place 3 among 3"):
        browser.widget.goto(3)
    with pytest.raises(NotFound, match="no image"):
        browser.widget.goto(image_id=10**6)
    with pytest.raises(Invalid, match="one of place and image_id"):
        browser.widget.goto()


def test_the_canvas_moves_python_and_is_not_told_again(make: Any, yard: Yard) -> None:
    browser = make()
    browser.ask(ask="hello", view="a")
    seen: list[int] = []
    browser.widget.observe(lambda change: seen.append(change["new"]), "image_id")
    browser.show(yard.image_ids[2])
    assert seen == [yard.image_ids[2]]
    assert not [one for one, _ in browser.sent if one.get("push") == "goto"]


def test_shapes_and_history_are_frames(make: Any, yard: Yard) -> None:
    browser = make()
    browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[create()])
    frame = browser.widget.shapes()
    assert frame["class"].tolist() == ["person", "person", "bag"]
    assert frame["area"].tolist() == [3000, 10000, 1200]
    assert browser.widget.history()["author"].tolist() == ["ada"]
    assert browser.widget.history(frame["id"][2])["action"].tolist() == ["create"]
    assert browser.widget.history(frame["id"][0]).empty


def test_a_read_only_annotator_changes_nothing(make: Any, yard: Yard) -> None:
    browser = make(read_only=True)
    assert browser.ask(ask="hello", view="a")["read_only"]
    assert "only shows" in browser.refused(ask="apply", image_id=yard.image_ids[0], ops=[create()])["happened"]
    assert len(yard.shapes()) == 2


def test_images_of_other_datasets_are_out_of_reach(make: Any, yard: Yard) -> None:
    from evalnb.core.sources import SourceImage
    from evalnb.store.repositories import datasets, images

    with yard.store.database.transaction() as session:
        other = datasets.create(session, datasets.get(session, yard.dataset_id).project_id, "other")
        (image_id,) = images.add(session, other, [SourceImage("1", "a.jpg", "/a.jpg", None, 8, 8)])
    browser = make()
    for ask in (
        {"ask": "image"},
        {"ask": "shapes"},
        {"ask": "predictions", "run_id": 1},
        {"ask": "apply", "ops": []},
    ):
        assert browser.refused(image_id=image_id, **ask)["kind"] == "NotFound"


@pytest.mark.parametrize(
    "message",
    [
        {"ask": "shapes", "image_id": "seven"},
        {"ask": "fly"},
        {"ask": "apply", "image_id": 1, "ops": [{"action": "create"}]},
        {"image_id": 1},
        {"ask": "hello", "view": "a", "colour": "red"},
    ],
)
def test_a_malformed_ask_is_refused(make: Any, message: dict[str, Any]) -> None:
    refusal = make().refused(**message)
    assert (refusal["kind"], refusal["status"]) == ("Invalid", 422)


def test_a_message_without_a_number_is_logged(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    browser = make()
    logger = logging.getLogger("test-annotator")
    browser.widget._desk._log = logger
    for message in ("hello", None, {"ask": "hello"}, {"id": "x", "ask": "hello"}, {"id": True, "ask": "hello"}):
        browser.raw(message)
    assert len([one for one in caplog.records if "without a number" in one.message]) == 5
    assert not browser.sent


def test_what_nobody_foresaw_is_answered_and_logged_with_its_traceback(
    make: Any, yard: Yard, colours: Any, caplog: pytest.LogCaptureFixture
) -> None:
    browser = make(segmenter=colours)
    browser.widget._desk._log = logging.getLogger("test-annotator")
    colours.segment = None
    refusal = browser.refused(ask="segment", image_id=yard.image_ids[0], box=[0, 0, 5, 5])
    assert (refusal["kind"], refusal["status"]) == ("TypeError", 500)
    assert any(one.exc_info for one in caplog.records)
    # It goes on working.
    assert len(browser.ask(ask="shapes", image_id=yard.image_ids[0])["shapes"]) == 2


def test_a_database_that_goes_away_is_said_so_and_nothing_acknowledged_is_lost(make: Any, yard: Yard) -> None:
    browser = make()
    op = create()
    browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[op])
    with yard.store.database.transaction() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        )
    again = browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[op])
    assert again["results"][0]["status"] == "duplicate"
    assert len(yard.shapes()) == 3


def test_synced_state_stays_small_whatever_is_annotated(make: Any, yard: Yard) -> None:
    browser = make()
    before = len(json.dumps(browser.widget.get_state()))
    for _ in range(3):
        browser.ask(ask="apply", image_id=yard.image_ids[0], ops=[create(x) for x in range(100)])
    browser.ask(ask="shapes", image_id=yard.image_ids[0])
    state = browser.widget.get_state()
    assert len(json.dumps(state)) - before < 100
    shown = {name: value for name, value in state.items() if name not in {"_esm", "_css"}}
    assert len(json.dumps(shown)) < 2_000


def test_the_canvas_links_to_the_portal_while_one_runs(tmp_path: Path) -> None:
    assert image_link(tmp_path, 3) == ""
    run = RunDirectory(tmp_path)
    run.write_addresses({"front": "http://127.0.0.1:8888/?token=secret", "lab": "http://127.0.0.1:8888/jupyter/lab"})
    assert image_link(tmp_path, 3) == ""
    run.write_addresses({"portal": "http://127.0.0.1:8888/"})
    assert image_link(tmp_path, 3) == "http://127.0.0.1:8888/projects/3/images/{image_id}"
