"""The review of an image, asked by a canvas: what is set stays, and whatever was there before comes back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from evalnb.core.slices import Slice
from evalnb.store.repositories import reviews
from evalnb.wire.annotator import AnnotatorReplies
from tests.widgets.test_annotator import create
from tests.yard import Yard


def reviewed(yard: Yard) -> reviews.Review:
    with yard.store.database.transaction() as session:
        return reviews.get(session, yard.image_ids[0])


def test_status_assignee_and_comments_are_kept_under_the_askers_name(make: Any, yard: Yard) -> None:
    browser, image = make(), {"image_id": yard.image_ids[0]}
    reply = browser.ask(ask="review", **image)
    assert (reply["status"], reply["assignee"], reply["comments"]) == ("todo", "", [])
    assert browser.ask(ask="review_set", status="review", **image)["status"] == "review"
    reply = browser.ask(ask="review_set", assignee="ben", **image)
    assert (reply["status"], reply["assignee"], reply["author"]) == ("review", "ben", "ada")
    id = str(uuid4())
    for _ in range(2):
        reply = browser.ask(ask="comment", comment_id=id, x=12.5, y=40, text="a shadow?", **image)
    assert [(one["text"], one["author"], one["resolved_by"]) for one in reply["comments"]] == [
        ("a shadow?", "ada", "")
    ]
    reply = browser.ask(ask="resolve", comment_id=id, resolved=True, **image)
    assert reply["comments"][0]["resolved_by"] == "ada"
    AnnotatorReplies["review"].model_validate(reply)
    kept = reviewed(yard)
    assert (kept.status, kept.assignee, len(kept.comments)) == ("review", "ben", 1)


def test_somebody_elses_word_on_the_shown_image_is_pushed(make: Any, yard: Yard) -> None:
    browser, [shown, other, _] = make(), yard.image_ids
    browser.ask(ask="hello", view="v")
    browser.ask(ask="watch", image_id=shown, view="v", since=0)
    for image_id in (other, shown):
        with yard.store.database.transaction() as session:
            reviews.comment(session, image_id, id=uuid4(), x=1, y=1, text="a bag?", author="ben")
    message, _ = browser.until(lambda one: one.get("push") == "reviewed")
    assert message == {"push": "reviewed", "image_id": shown}
    assert [one["text"] for one in browser.ask(ask="review", image_id=shown)["comments"]] == ["a bag?"]


def test_what_cannot_be_is_refused(make: Any, yard: Yard) -> None:
    browser, image = make(), {"image_id": yard.image_ids[0]}
    assert (
        "512 × 384"
        in browser.refused(ask="comment", comment_id=str(uuid4()), x=600, y=1, text="x", **image)["remedy"]
    )
    assert browser.refused(ask="resolve", comment_id=str(uuid4()), resolved=True, **image)["kind"] == "NotFound"
    assert "error" in browser.answer(browser.tell(ask="review_set", status="done", **image))[0]
    looks = make(read_only=True)
    refused = looks.refused(ask="review_set", status="accepted", **image)
    assert "only shows" in refused["happened"]
    assert (
        "only shows" in looks.refused(ask="comment", comment_id=str(uuid4()), x=1, y=1, text="x", **image)["happened"]
    )
    assert "only shows" in looks.refused(ask="restore", shape_id=str(uuid4()), rev=1, **image)["happened"]
    assert reviewed(yard).status == "todo"


def test_a_shapes_past_and_the_way_back(make: Any, yard: Yard) -> None:
    browser, image = make(), {"image_id": yard.image_ids[0]}
    op = create()
    browser.ask(ask="apply", ops=[op], **image)
    update = {**create(), "shape_id": op["shape_id"], "base_rev": 1, "action": "update", "patch": {"class_id": 30}}
    delete = {**create(), "shape_id": op["shape_id"], "base_rev": 2, "action": "delete", "patch": {}}
    browser.ask(ask="apply", ops=[update], **image)
    past = browser.ask(ask="past", shape_id=op["shape_id"], **image)
    assert [(one["rev"], one["action"], one["author"]) for one in past["edits"]] == [
        (1, "create", "ada"),
        (2, "update", "ada"),
    ]
    drawn, changed = (one["changes"] for one in past["edits"])
    assert drawn == [
        {"name": "class", "before": "–", "after": "bag"},
        {"name": "outline", "before": "–", "after": "box 30 × 40 at 10, 20"},
    ]
    assert changed == [{"name": "class", "before": "bag", "after": "van"}]
    assert past["shape_id"] == op["shape_id"]
    assert browser.ask(ask="past", **image)["deleted"] == []
    browser.ask(ask="apply", ops=[delete], **image)
    gone = browser.ask(ask="past", **image)
    assert [one["id"] for one in gone["deleted"]] == [op["shape_id"]]
    assert gone["edits"][0]["action"] == "delete"
    # Back as it was drawn, not as it was last.
    reply = browser.ask(ask="restore", shape_id=op["shape_id"], rev=1, **image)
    assert reply["results"][0]["status"] == "applied"
    assert browser.widget.count == 3
    assert {str(one.id): one.class_id for one in yard.shapes()}[op["shape_id"]] == 7
    imported = str(yard.shapes()[0].id)
    assert browser.ask(ask="past", shape_id=imported, **image)["edits"] == []
    other = {"image_id": yard.image_ids[1]}
    assert browser.refused(ask="restore", shape_id=imported, rev=1, **other)["kind"] == "NotFound"
    # Whoever restores is not told of somebody else's edit.
    assert not [message for message, _ in browser.sent if message.get("push") == "changed"]


def test_an_older_state_is_a_table_in_the_notebook(make: Any, yard: Yard) -> None:
    browser, image = make(), {"image_id": yard.image_ids[0]}
    op = create()
    browser.ask(ask="apply", ops=[op], **image)
    delete = {**create(), "shape_id": str(yard.shapes()[0].id), "base_rev": 1, "action": "delete", "patch": {}}
    browser.ask(ask="apply", ops=[delete], **image)
    widget = browser.widget
    assert widget.history()["seq"].tolist() == [1, 2]
    assert [len(widget.shapes(until=n)) for n in (0, 1, 2)] == [2, 3, 2]
    now, then = widget.shapes(), widget.shapes(until=2)
    assert then["id"].tolist() == now["id"].tolist()
    assert then["area"].tolist() == now["area"].tolist()


def test_a_track_is_told_in_the_order_of_its_images(make: Any, yard: Yard) -> None:
    browser = make()
    track = {"id": str(uuid4()), "keyframe": True, "outside": False}
    last, first, gone = create(track={**track, "outside": True}), create(track=track), create(track=track)
    browser.ask(ask="apply", ops=[last], image_id=yard.image_ids[2])
    browser.ask(ask="apply", ops=[first], image_id=yard.image_ids[0])
    browser.ask(ask="apply", ops=[gone], image_id=yard.image_ids[1])
    delete = {**create(), "shape_id": gone["shape_id"], "base_rev": 1, "action": "delete", "patch": {}}
    browser.ask(ask="apply", ops=[delete], image_id=yard.image_ids[1])
    reply = browser.ask(ask="track", track_id=track["id"])
    AnnotatorReplies["track"].model_validate(reply)
    told = [(one["image"]["index"], one["shape_id"], one["keyframe"], one["outside"]) for one in reply["frames"]]
    assert told == [(0, first["shape_id"], True, False), (2, last["shape_id"], True, True)]
    assert reply["complete"]
    part = make(part=Slice().where(images=yard.image_ids[1:])).ask(ask="track", track_id=track["id"])
    assert [one["image"]["index"] for one in part["frames"]] == [1]
    assert make().ask(ask="track", track_id=str(uuid4()))["frames"] == []
