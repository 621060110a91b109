"""J and F of what a model follows from the first mask: a dataset's tracks, and sequences of label maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

import evalnb as ev
from evalnb.core import masks
from evalnb.core.following import Found
from evalnb.dataset import Dataset
from evalnb.errors import Invalid, NotFound
from evalnb.store import Store
from evalnb.store.repositories import datasets
from tests.walk import COUNT, GONE, HEIGHT, WIDTH, Truthful, make_walk, square


class Late(Truthful):
    """Shows where the square was so many frames before."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self._late = frames

    def run(self, *asked: Any, **options: Any) -> Any:
        for one in super().run(*asked, **options):
            shown = masks.encode(square(max(0, one.frame - self._late)))
            yield type(one)(one.frame, {name: Found(shown, 0.9) for name in one.found})


def test_a_datasets_tracks_are_followed_from_their_first_masks(store: Store, tmp_path: Path) -> None:
    walk = make_walk(store, tmp_path / "walk")
    track, other = uuid4(), uuid4()
    for frame in range(2, COUNT):
        if frame not in GONE:
            walk.key(frame, track)
    walk.key(GONE[0], track, walk.seen(track)[GONE[0] - 1].geometry, outside=True)
    for frame in range(10, 14):
        walk.key(frame, other, walk.seen(track)[8].geometry)
    with store.database.transaction() as session:
        dataset = Dataset(store, datasets.get(session, walk.dataset_id))
    one = ev.evaluate_following(dataset, Truthful())
    first, second = one.tracks
    assert (first.object, second.object) == (str(track), str(other)) and first.sequence == "walk"
    # Given on frame 2; where it is out of sight once; not the last; gone without a word counts for nothing.
    assert first.frames == (*range(3, 10), *range(12, COUNT - 1)) and (first.j == 1).all() and (first.f == 1).all()
    assert second.frames == (11, 12, 13) and (second.j < 1).all()
    assert one.summary()["J&F"] == pytest.approx((1 + (second.j.mean() + second.f.mean()) / 2) / 2)
    late = ev.evaluate_following(dataset, Late(1)).tracks[0]
    # 4 of 40 columns are behind on each side; the frame on which it goes is wholly wrong.
    assert late.j[0] == pytest.approx(36 / 44) and late.j[6] == 0
    part = dataset.where(images=walk.image_ids[:6])
    assert [len(one.frames) for one in ev.evaluate_following(part, Truthful(), skip_ends=False).tracks] == [3]
    with pytest.raises(Invalid, match="'walk' has no track of masks or polygons"):
        ev.evaluate_following(dataset.where(images=walk.image_ids[:2]), Truthful())


def test_sequences_of_label_maps_are_followed_as_davis_is(tmp_path: Path) -> None:
    frames = [np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(6)]
    maps = [np.where(square(n), 3, 0).astype(np.uint8) for n in range(6)]
    one = ev.evaluate_following({"walk": (frames, maps)}, Truthful())
    assert [(track.object, track.frames) for track in one.tracks] == [(3, (1, 2, 3, 4))] and one.summary()["J&F"] == 1
    for folder, some in (("frames", frames), ("maps", maps)):
        (tmp_path / folder).mkdir()
        for n, pixels in enumerate(some):
            Image.fromarray(pixels).save(tmp_path / folder / f"{n:05}.png")
    read = ev.evaluate_following({"walk": (tmp_path / "frames", str(tmp_path / "maps"))}, Late(2), skip_ends=False)
    assert read.tracks[0].frames == tuple(f"{n:05}" for n in range(1, 6)) and read.tracks[0].j[0] == pytest.approx(
        36 / 44
    )
    with pytest.raises(Invalid, match="sequence 'walk' has 6 frames and 5 maps"):
        ev.evaluate_following({"walk": (frames, maps[:5])}, Truthful())
    with pytest.raises(Invalid, match="first frame of sequence 'walk' shows no object"):
        ev.evaluate_following({"walk": (frames, [maps[0] * 0, *maps[1:]])}, Truthful())
    with pytest.raises(Invalid, match="sequence 'walk' has too few frames"):
        ev.evaluate_following({"walk": (frames[:2], maps[:2])}, Truthful())
    with pytest.raises(Invalid, match="frame 1: the truth has shape"):
        ev.evaluate_following({"walk": (frames, [maps[0], *[one[:50] for one in maps[1:]]])}, Truthful())
    with pytest.raises(NotFound, match="is no folder"):
        ev.evaluate_following({"walk": (tmp_path / "none", maps)}, Truthful())


def test_pico_is_measured_on_what_moves() -> None:
    noise = np.random.default_rng(3).integers(90, 110, (8, HEIGHT, WIDTH, 3), dtype=np.uint8)
    for frame in range(8):
        noise[frame][square(frame)] = (220, 40, 40)
    maps = [square(frame).astype(np.uint8) for frame in range(8)]
    assert ev.evaluate_following({"walk": (list(noise), maps)}, ev.sam2("pico")).summary()["J_mean"] > 0.8
