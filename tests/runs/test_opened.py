"""What was looked at stays open: read once, however many ask at once, and never more of it than is kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from evalnb.errors import NotFound
from evalnb.runs.opened import _Kept


def test_of_many_who_ask_at_once_one_reads_and_all_get_the_same() -> None:
    kept: _Kept[int, object] = _Kept(4)
    made: list[object] = []
    begun, go_on = threading.Event(), threading.Event()

    def read() -> object:
        begun.set()
        assert go_on.wait(30)
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(kept.get, 1, read) for _ in range(8)]
        assert begun.wait(30)
        # Another key does not wait for the one that is being read.
        assert kept.get(2, lambda: "other") == "other"
        go_on.set()
        assert {id(one.result(30)) for one in asked} == {id(made[0])}
    assert len(made) == 1


def test_those_used_last_are_kept() -> None:
    kept: _Kept[int, str] = _Kept(2)
    for key in (1, 2, 1, 3):
        kept.get(key, lambda: "first")
    assert [kept.get(key, lambda: "again") for key in (1, 3)] == ["first", "first"]
    assert kept.get(2, lambda: "again") == "again"


def test_one_that_cannot_be_read_is_asked_for_again() -> None:
    kept: _Kept[int, str] = _Kept(2)

    def fail() -> str:
        raise NotFound("it is gone", remedy="look again")

    with pytest.raises(NotFound):
        kept.get(1, fail)
    assert kept.get(1, lambda: "there") == "there"
