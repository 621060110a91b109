"""Images encoded ahead on a worker: whoever clicks in another process finds their features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from evalnb import models
from evalnb.annotating.encoding import encode_ahead
from evalnb.core.ports import Pixels
from evalnb.errors import Cancelled
from evalnb.jobs.submit import Submit
from evalnb.registry import ingest
from evalnb.store.repositories import images
from tests.crew import Crew


@pytest.fixture
def bare(crew: Crew, tmp_path: Path) -> int:
    """Five images, the last of which is none any more."""
    (tmp_path / "bare").mkdir()
    for name in "abcde":
        Image.new("RGB", (100, 50), (9, 9, ord(name))).save(tmp_path / "bare" / f"{name}.png")
    made = ingest.import_pictures(crew.store, crew.project_id, "bare", images=tmp_path / "bare")
    (tmp_path / "bare" / "e.png").write_bytes(b"torn")
    return made.dataset_id


class Counting:
    """Encodes nothing, and has room for three."""

    def __init__(self) -> None:
        self.kept: set[str] = set()

    def encode(self, key: str, image: Pixels, *, told: Callable[[float], None] | None = None) -> None:
        assert told is not None and image.shape == (50, 100, 3)
        told(0.5)
        self.kept.add(key)

    def encoded(self, key: str) -> bool:
        return key in self.kept

    def forget(self, key: str) -> int | None:
        return 3


def test_what_a_worker_encoded_another_process_finds(crew: Crew, bare: int) -> None:
    crew.worker()
    result = Submit(crew.store, crew.project_id, "ada").encode(bare, segmenter="pico").wait(timeout=150)
    assert (result["images"], result["encoded"], result["there"], result["left"]) == (5, 4, 0, 0)
    assert [one.split(":")[0] for one in result["problems"]] == ["e.png"]
    here = models.sam2("pico", settings=crew.store.settings)
    again = encode_ahead(crew.store, bare, here)
    assert (again.encoded, again.there) == (0, 4)


def test_no_more_is_encoded_than_the_cache_holds_and_again_is_no_work(crew: Crew, bare: int) -> None:
    segmenter = Counting()
    first = encode_ahead(crew.store, bare, segmenter)
    assert (first.encoded, first.there, first.left) == (3, 0, 2)
    again = encode_ahead(crew.store, bare, segmenter)
    assert (again.encoded, again.there, again.left) == (0, 3, 2)


def test_it_is_cancelled_between_two_blocks_of_the_encoder(crew: Crew, bare: int) -> None:
    segmenter = Counting()
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        encode_ahead(crew.store, bare, segmenter, cancelled=cancelled)
    with crew.store.database.transaction() as session:
        assert len(images.ids(session, bare)) == 5
    assert len(segmenter.kept) == 1
