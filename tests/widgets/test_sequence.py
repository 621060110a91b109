"""What the Annotator says of frames of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalnb.core.slices import Slice
from evalnb.core.sources import SourceImage
from evalnb.store import Store
from evalnb.store.repositories import images
from tests.yard import HEIGHT, WIDTH, Yard, make_yard


@pytest.fixture
def yard(store: Store, tmp_path: Path) -> Yard:
    """A video of three frames."""
    return make_yard(store, tmp_path / "yard", film_rate=5)


def test_a_frame_says_where_in_its_video_it_is_and_how_far_that_goes_in_the_slice(make: Any, yard: Yard) -> None:
    first, second, last = yard.image_ids
    browser = make()
    refs = browser.ask(ask="page", first=0, count=9)["images"]
    assert [(one["video"]["frame"], one["video"]["time_s"], one["video"]["fps"]) for one in refs] == [
        (0, 0.0, 5.0),
        (1, 0.2, 5.0),
        (2, 0.4, 5.0),
    ]
    reply = browser.ask(ask="sequence", image_id=second)
    assert [reply[end]["id"] for end in ("first", "last")] == [first, last]
    part = make(part=Slice().where(images=[second, last])).ask(ask="sequence", image_id=last)
    assert [(part[end]["id"], part[end]["index"]) for end in ("first", "last")] == [(second, 0), (last, 1)]


def test_an_image_of_no_video_is_part_of_no_sequence(make: Any, yard: Yard) -> None:
    picture = yard.folder / "yard-0.jpg"
    with yard.store.database.transaction() as session:
        (plain,) = images.add(
            session, yard.dataset_id, [SourceImage("plain", picture.name, str(picture), None, WIDTH, HEIGHT)]
        )
    browser = make()
    assert browser.ask(ask="page", first=3, count=1)["images"][0]["video"] is None
    reply = browser.ask(ask="sequence", image_id=plain)
    assert (reply["first"], reply["last"]) == (None, None)
    assert browser.refused(ask="sequence", image_id=plain + 1)["kind"] == "NotFound"
