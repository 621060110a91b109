"""Live editing over real sockets: what a page is told, and what it may."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from uuid import uuid4

import numpy as np
import pytest
from evalnb_server.realtime import frames
from evalnb_server.realtime import hub as hub_

from evalnb import accounts, edits
from evalnb.accounts import Role
from evalnb.core.sources import SourceImage
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, reviews
from evalnb.wire.shapes import BoxGeometry, Op, Patch
from tests.live import Served, Wire, create, serving_here, until
from tests.multiband import write_multiband
from tests.yard import Yard


@pytest.fixture
def served(yard: Yard) -> Iterator[Served]:
    with serving_here(yard.store.settings) as one:
        yield one


def somebody(store: Store, name: str, role: Role | None, project_id: int) -> str:
    """An account, a member of the project where it has a role; its token."""
    with store.database.transaction() as session:
        account = accounts.add_account(session, name)
        if role is not None:
            accounts.set_member(session, account, project_id, role)
        return accounts.new_token(session, account.id, name="test", scope="write").secret


def project_of(yard: Yard) -> int:
    with yard.store.database.transaction() as session:
        return datasets.get(session, yard.dataset_id).project_id


def by_somebody_else(yard: Yard, image_id: int, author: str = "ben", **attributes: str) -> edits.Edit:
    op = Op(
        client_op_id=uuid4(),
        shape_id=uuid4(),
        base_rev=0,
        action="create",
        patch=Patch(class_id=1, geometry=BoxGeometry(box=(1, 1, 9, 9)), attributes=attributes),
    )
    with yard.store.database.transaction() as session:
        edits.apply(session, image_id, [op], author=author)
        return edits.history(session, image_id=image_id)[-1]


def watching(served: Served, yard: Yard, *, token: str | None = None, view: str = "a", since: int = 0) -> Wire:
    wire = Wire(served.base, token or served.token)
    wire.ask(yard.dataset_id, ask="watch", image_id=yard.image_ids[0], view=view, since=since)
    return wire


def test_a_page_has_all_it_needs(served: Served, yard: Yard) -> None:
    wire = Wire(served.base, served.token)
    assert wire.hear()[0] == {"push": "welcome", "name": "tester", "version": "0.1.0", "frame_bytes": 8 * 2**20}
    hello = wire.ask(yard.dataset_id, ask="hello", view="a")
    assert (hello["dataset"], hello["image_count"], hello["start"]["index"]) == ("yard", 3, 0)
    assert not hello["read_only"]
    few = wire.ask(yard.dataset_id, ask="hello", view="a", part={"text": "yard-2"})
    assert (few["image_count"], few["start"]["id"]) == (1, yard.image_ids[2])
    elsewhere = wire.ask(yard.dataset_id, ask="hello", view="a", image_id=yard.image_ids[2])
    assert elsewhere["start"]["index"] == 2
    place = wire.ask(yard.dataset_id, ask="locate", image_id=yard.image_ids[1])
    assert (place["image"]["index"], place["image"]["name"]) == (1, "yard-1.jpg")
    message, buffers = wire.answer(wire.tell(yard.dataset_id, ask="image", image_id=yard.image_ids[1]))
    assert message["ok"] == {"image_id": yard.image_ids[1], "mime": "image/jpeg", "tiles": None}
    assert buffers == [(yard.folder / "yard-1.jpg").read_bytes()]
    assert len(wire.ask(yard.dataset_id, ask="shapes", image_id=yard.image_ids[0])["shapes"]) == 2
    refusal = wire.refused(yard.dataset_id, ask="segment", image_id=yard.image_ids[0], points=[[1, 1]], labels=[1])
    assert (refusal["kind"], refusal["status"]) == ("Unavailable", 503)
    assert "annotate(segmenter=" in refusal["remedy"]


def test_a_step_of_several_images_is_taken_back_by_one_ask_and_others_are_told(served: Served, yard: Yard) -> None:
    wire, other = Wire(served.base, served.token), Wire(served.base, served.token)
    other.ask(yard.dataset_id, ask="watch", image_id=yard.image_ids[2], view="b", since=0)
    step, back = str(uuid4())[:19], str(uuid4())
    for image_id in yard.image_ids[1:]:
        op = {**create(), "client_op_id": step + str(uuid4())[19:]}
        wire.ask(yard.dataset_id, ask="apply", image_id=image_id, ops=[op])
    assert other.pushed("edits")["seq"] == 1
    ask = {"ask": "step", "op_id": step + back[19:], "as_id": f"{back[:14]}8{back[15:]}"}
    told = {"image_ids": list(yard.image_ids[1:]), "shapes": 2, "kept": 0}
    assert wire.ask(yard.dataset_id, **ask) == told
    assert [one["deleted"] for one in other.pushed("edits")["shapes"]] == [True]
    # An answer that was lost is asked for again.
    assert wire.ask(yard.dataset_id, **ask) == told
    viewer = Wire(served.base, somebody(yard.store, "eve", "viewer", project_of(yard)))
    assert viewer.refused(yard.dataset_id, **ask)["status"] == 403


def test_a_review_that_changes_is_told_to_whoever_watches_the_image_and_to_nobody_else(
    served: Served, yard: Yard
) -> None:
    first, second, _ = yard.image_ids
    ada, ben, away = (Wire(served.base, served.token) for _ in range(3))
    for wire, image_id in ((ada, first), (ben, first), (away, second)):
        wire.ask(yard.dataset_id, ask="watch", image_id=image_id, view="v", since=0)
    remark = {"image_id": first, "comment_id": str(uuid4())}
    changes = (
        {"ask": "comment", **remark, "x": 3, "y": 4, "text": "a bag?"},
        {"ask": "resolve", **remark, "resolved": True},
        {"ask": "resolve", **remark, "resolved": False},
        {"ask": "review_set", "image_id": first, "status": "rejected"},
        {"ask": "review_set", "image_id": first, "assignee": "eve"},
    )
    for change in changes:
        made = ada.ask(yard.dataset_id, **change)
        begin = time.monotonic()
        assert ben.pushed("reviewed") == {"push": "reviewed", "image_id": first}
        assert time.monotonic() - begin < hub_.LOOK_S
        assert ben.ask(yard.dataset_id, ask="review", image_id=first) == made
    # By a process that says nothing of it, and with nothing to tell.
    with yard.store.database.transaction() as session:
        reviews.put(session, yard.dataset_id, [first, second], author="ada", status="accepted")
        session.info.clear()
    assert away.pushed("reviewed")["image_id"] == second
    assert ben.pushed("reviewed")["image_id"] == first
    with pytest.raises(TimeoutError):
        away.pushed("reviewed", timeout_s=2 * hub_.LOOK_S)


def test_a_deep_image_comes_by_the_socket_and_a_large_one_waits_for_a_worker(served: Served, yard: Yard) -> None:
    write_multiband(yard.folder / "deep.tif", np.full((300, 400, 4), 900, np.uint16))
    (yard.folder / "large.png").write_bytes(b"")
    with yard.store.database.transaction() as session:
        new = [
            SourceImage("deep", "deep.tif", str(yard.folder / "deep.tif"), None, 400, 300),
            SourceImage("large", "large.png", str(yard.folder / "large.png"), None, 20_000, 20_000),
        ]
        deep, large = images.add(session, yard.dataset_id, new)
    wire = Wire(served.base, served.token)
    assert len(wire.ask(yard.dataset_id, ask="image", image_id=deep, whole=False)["tiles"]["bands"]) == 4
    asked = {"ask": "tiles", "image_id": deep, "places": [[9, 0, 0], [8, 0, 0]], "bands": [2]}
    message, buffers = wire.answer(wire.tell(yard.dataset_id, **asked))
    assert [one["bits"] for one in message["ok"]["tiles"]] == [16, 16] and len(buffers) == 2
    assert wire.ask(yard.dataset_id, ask="image", image_id=large)["tiles"]["state"] == "making"
    refusal = wire.refused(yard.dataset_id, ask="tiles", image_id=large, places=[[8, 0, 0]])
    assert (refusal["kind"], refusal["status"]) == ("Busy", 503)
    message, buffers = wire.answer(wire.tell(yard.dataset_id, ask="image", image_id=yard.image_ids[0], whole=False))
    assert message["ok"]["tiles"] is None and not buffers


def test_what_one_draws_the_other_sees(served: Served, yard: Yard) -> None:
    ada, ben = watching(served, yard, view="ada"), watching(served, yard, view="ben")
    op = create()
    reply = ada.ask(yard.dataset_id, ask="apply", image_id=yard.image_ids[0], ops=[op])
    assert (reply["seq"], reply["results"][0]["status"]) == (1, "applied")
    push = ben.pushed("edits")
    assert (push["image_id"], push["after"], push["seq"]) == (yard.image_ids[0], 0, 1)
    assert push["shapes"] == [reply["results"][0]["shape"]]
    assert push["authors"] == ["tester"]
    # Its own edits are not told to whoever made them.
    by_somebody_else(yard, yard.image_ids[0])
    assert ada.pushed("edits")["after"] == 1


def test_what_a_kernel_does_the_page_sees(served: Served, yard: Yard) -> None:
    page = watching(served, yard)
    edit = by_somebody_else(yard, yard.image_ids[0])
    push = page.pushed("edits")
    assert [one["id"] for one in push["shapes"]] == [str(edit.shape_id)]
    with yard.store.database.transaction() as session:
        edits.restore(session, edit.shape_id, 1, author="ben")  # changes nothing, and is no edit
        delete = Op(client_op_id=uuid4(), shape_id=edit.shape_id, base_rev=1, action="delete")
        edits.apply(session, yard.image_ids[0], [delete], author="ben")
    push = page.pushed("edits")
    assert (push["after"], push["seq"], push["shapes"][0]["deleted"]) == (1, 2, True)


def test_an_edit_between_two_of_ones_own_is_told(served: Served, yard: Yard) -> None:
    """The page applies at 2 what it thinks follows on 0: edit 1 is still owed to it."""
    page = watching(served, yard)
    edit = by_somebody_else(yard, yard.image_ids[0])
    page.ask(yard.dataset_id, ask="apply", image_id=yard.image_ids[0], ops=[create()])
    push = page.pushed("edits")
    assert push["after"] == 0
    assert str(edit.shape_id) in [one["id"] for one in push["shapes"]]


def test_an_edit_whose_hint_was_lost_is_told_late(
    served: Served, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = watching(served, yard)
    monkeypatch.setattr(yard.store.database, "on_edited", None)
    by_somebody_else(yard, yard.image_ids[0])
    assert page.pushed("edits")["seq"] == 1


def test_who_comes_back_is_told_what_it_missed(served: Served, yard: Yard) -> None:
    shape_id = uuid4()
    first = Wire(served.base, served.token)
    first.ask(yard.dataset_id, ask="apply", image_id=yard.image_ids[0], ops=[create(shape_id=shape_id), create()])
    first.ask(
        yard.dataset_id,
        ask="apply",
        image_id=yard.image_ids[0],
        ops=[{"client_op_id": str(uuid4()), "shape_id": str(shape_id), "base_rev": 1, "action": "delete"}],
    )
    first.close()
    back = Wire(served.base, served.token)
    watch = {"ask": "watch", "image_id": yard.image_ids[0], "view": "b"}
    missed = back.ask(yard.dataset_id, **watch, since=1)
    assert (missed["seq"], missed["reload"]) == (3, False)
    assert {one["id"]: one["deleted"] for one in missed["shapes"]}[str(shape_id)]
    assert len(missed["shapes"]) == 2
    # Up to date, from another database, with nothing yet: nothing to tell, or everything.
    assert back.ask(yard.dataset_id, **watch, since=3) == {**missed, "shapes": []}
    assert back.ask(yard.dataset_id, **watch, since=99)["reload"]
    assert back.ask(yard.dataset_id, **watch, since=-1)["reload"]


def test_too_much_to_tell_is_not_told(yard: Yard) -> None:
    for _ in range(3):
        by_somebody_else(yard, yard.image_ids[0])
    with yard.store.database.transaction() as session:
        assert not edits.since(session, yard.image_ids[0], 0, most=2).complete
        assert edits.since(session, yard.image_ids[0], 1, most=2).complete


def test_people_come_and_go(served: Served, yard: Yard) -> None:
    project_id = project_of(yard)
    ada = watching(served, yard, view="a")
    ben_token = somebody(yard.store, "ben", "viewer", project_id)
    ben = watching(served, yard, token=ben_token, view="b")
    until_people(ada, ["ben", "tester"])
    until_people(ben, ["ben", "tester"])
    ben.ask(yard.dataset_id, ask="watch", image_id=yard.image_ids[1], view="b")
    until_people(ada, ["tester"])
    ben.ask(yard.dataset_id, ask="watch", image_id=yard.image_ids[0], view="b")
    until_people(ada, ["ben", "tester"])
    ben.socket.socket.close()  # without a goodbye
    until_people(ada, ["tester"])


def until_people(wire: Wire, names: list[str]) -> None:
    while [one["name"] for one in wire.pushed("presence")["people"]] != names:
        pass


def test_a_viewer_looks_and_changes_nothing(served: Served, yard: Yard) -> None:
    page = watching(served, yard, token=somebody(yard.store, "eve", "viewer", project_of(yard)))
    assert page.ask(yard.dataset_id, ask="hello", view="a")["read_only"]
    refusal = page.refused(yard.dataset_id, ask="apply", image_id=yard.image_ids[0], ops=[create()])
    assert (refusal["kind"], refusal["status"]) == ("Forbidden", 403)
    assert yard.history() == []


def test_an_annotators_edits_bear_its_name(served: Served, yard: Yard) -> None:
    page = Wire(served.base, somebody(yard.store, "Ada", "annotator", project_of(yard)))
    page.ask(yard.dataset_id, ask="apply", image_id=yard.image_ids[0], ops=[create()])
    assert [one.author for one in yard.history()] == ["Ada"]


def test_another_projects_dataset_is_not_there(served: Served, yard: Yard) -> None:
    page = Wire(served.base, somebody(yard.store, "mallory", None, project_of(yard)))
    image_id = yard.image_ids[0]
    for ask in (
        {"ask": "hello", "view": "a"},
        {"ask": "page", "first": 0, "count": 1},
        {"ask": "locate", "image_id": image_id},
        {"ask": "image", "image_id": image_id},
        {"ask": "shapes", "image_id": image_id},
        {"ask": "watch", "image_id": image_id, "view": "a"},
        {"ask": "watch", "image_id": None, "view": "a"},
        {"ask": "predictions", "image_id": image_id, "run_id": 1},
        {"ask": "apply", "image_id": image_id, "ops": [create()]},
    ):
        assert page.refused(yard.dataset_id, **ask)["status"] == 404, ask
    by_somebody_else(yard, image_id)
    assert page.ask(yard.dataset_id, ask="bye", view="a") == {}
    assert page.pushes[1:] == []  # nothing but the welcome


def test_an_image_of_another_dataset_is_not_reached_through_ones_own(served: Served, yard: Yard) -> None:
    with yard.store.database.transaction() as session:
        own = datasets.create(session, project_of(yard), "other", classes=[])
    page = Wire(served.base, served.token)
    refusal = page.refused(own, ask="apply", image_id=yard.image_ids[0], ops=[create()])
    assert refusal["status"] == 404
    assert "'other' has no image" in refusal["happened"]


def test_a_right_that_is_taken_away_is_gone(served: Served, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_, "CHECK_S", 0.0)
    project_id = project_of(yard)
    page = watching(served, yard, token=somebody(yard.store, "ben", "annotator", project_id))
    page.ask(yard.dataset_id, ask="apply", image_id=yard.image_ids[0], ops=[create()])
    with yard.store.database.transaction() as session:
        accounts.drop_member(session, accounts.named(session, "ben").id, project_id)
    closing = page_closes(page)
    assert closing == 4401
    until(lambda: not served.hub.watched())


def page_closes(wire: Wire) -> int | None:
    """The code that the server closes it with."""
    from websockets.exceptions import ConnectionClosed

    with pytest.raises(ConnectionClosed):
        while True:
            wire.hear()
    return wire.socket.close_code


def test_what_comes_compressed_is_applied_and_what_is_broken_is_refused(served: Served, yard: Yard) -> None:
    image_id = yard.image_ids[0]
    wire = Wire(served.base, served.token)
    ask = {"id": 1, "dataset": yard.dataset_id, "ask": "apply", "image_id": image_id, "deflated": ["ops"]}
    ops = [create() for _ in range(60)]
    wire.socket.send(frames.encode(ask, [zlib.compress(json.dumps(ops).encode())]))
    reply, _ = wire.answer(1)
    assert [one["status"] for one in reply["ok"]["results"]] == ["applied"] * 60
    for broken in (b"", b"nothing packed", zlib.compress(b"[") + b"!"):
        wire.socket.send(frames.encode({**ask, "id": 2}, [broken]))
        reply, _ = wire.answer(2)
        assert (reply["error"]["status"], "'ops'" in reply["error"]["happened"]) == (422, True)
    assert len(wire.ask(yard.dataset_id, ask="shapes", image_id=image_id)["shapes"]) == len(yard.shapes())
    assert {op["shape_id"] for op in ops} <= {str(one.id) for one in yard.shapes()}


def test_an_op_sent_again_is_applied_once(served: Served, yard: Yard) -> None:
    op = create()
    one, other = Wire(served.base, served.token), watching(served, yard)
    statuses = [
        wire.ask(yard.dataset_id, ask="apply", image_id=yard.image_ids[0], ops=ops)["results"][-1]["status"]
        for wire, ops in ((one, [op]), (other, [op]), (one, [op, op]))
    ]
    assert statuses == ["applied", "duplicate", "duplicate"]
    assert len(yard.history()) == 1


def test_the_hub_forgets_whoever_leaves(served: Served, yard: Yard) -> None:
    pages = [watching(served, yard, view=str(n)) for n in range(3)]
    until(lambda: served.hub.watched() == {yard.image_ids[0]: 3})
    pages[0].ask(yard.dataset_id, ask="bye", view="0")
    assert served.hub.watched() == {yard.image_ids[0]: 2}
    for page in pages:
        page.close()
    until(lambda: not served.hub.watched())
