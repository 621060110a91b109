"""Which frames of a followed object stand, and what a correction undoes."""

from __future__ import annotations

import pytest

from evalnb.core.following import Stretches, checked_frame, checked_range
from evalnb.errors import Invalid


def followed(*prompts: int, count: int = 12) -> Stretches:
    """All of a sequence followed: forward from each prompt, and back from the first."""
    one = Stretches()
    for frame in prompts:
        one.prompt(frame)
    for frame in range(count):
        origin = one.origin(frame, backward=False)
        if origin is None:
            origin = one.origin(frame, backward=True, first=True)
        assert origin is not None
        one.did(frame, origin)
    return one


def undone(one: Stretches, frame: int) -> list[int]:
    return sorted(one.prompt(frame))


def test_a_correction_undoes_what_follows_it_up_to_the_next_prompt() -> None:
    assert undone(followed(0), 5) == [5, 6, 7, 8, 9, 10, 11]
    assert undone(followed(0, 8), 5) == [5, 6, 7]
    # The same frame said anew.
    assert undone(followed(0, 4, 8), 4) == [4, 5, 6, 7]


def test_before_the_first_prompt_it_undoes_what_came_back_over_it() -> None:
    one = followed(6)
    assert undone(one, 2) == [0, 1, 2]
    assert one.origin(1, backward=True, first=True) == 2 and one.origin(4, backward=False) == 2
    assert one.origin(4, backward=True, first=True) is None and one.origin(4, backward=True) == 6


def test_what_was_followed_up_to_it_stands_as_does_what_lies_beyond_the_next() -> None:
    one = followed(0, 8)
    one.prompt(5)
    assert [frame for frame in range(12) if not one.stands(frame)] == [5, 6, 7]
    assert list(one.prompted) == [0, 5, 8]


def test_frames_of_a_sequence_are_counted_from_nought() -> None:
    assert checked_range(None, None, 7) == (0, 7) and checked_range(2, 2, 7) == (2, 2) and checked_frame(6, 7) == 6
    for start, stop in ((-1, 3), (3, 8), (5, 4)):
        with pytest.raises(Invalid, match="of a sequence of 7"):
            checked_range(start, stop, 7)
    with pytest.raises(Invalid, match="there is no frame 7 in a sequence of 7"):
        checked_frame(7, 7)
