"""The procedural scenes: deterministic, exact, and spoiled only where they say so."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from evalnb.core import masks
from evalnb.demo.dataset import write
from evalnb.demo.scenes import CLASSES, scene
from evalnb.demo.shapes import OUTLINES, WITHOUT_HOLES, traced


def test_a_scene_depends_on_its_seed_and_number_alone() -> None:
    scene(3, 0)
    assert np.array_equal(scene(3, 5).pixels, scene(3, 5).pixels)
    assert not np.array_equal(scene(3, 5).pixels, scene(4, 5).pixels)


def test_visible_masks_never_overlap() -> None:
    for number in range(5):
        one = scene(1, number)
        covered = sum(masks.decode(thing.mask).astype(int) for thing in one.objects)
        assert np.max(covered) <= 1


def test_an_outline_rasterises_to_its_mask() -> None:
    compared = 0
    for number in range(12):
        one = scene(2, number)
        for thing in one.objects:
            if not thing.outline:
                continue
            drawn = masks.from_polygon(thing.outline, thing.mask.size)
            both = masks.intersection_px(drawn, thing.mask)
            assert both / (drawn.area_px + thing.mask.area_px - both) > 0.93, thing.name
            compared += 1
    assert compared > 10


@pytest.mark.parametrize("name", sorted(WITHOUT_HOLES))
def test_a_traced_outline_lies_on_the_edge(name: str) -> None:
    x, y = traced(name).T
    assert np.abs(OUTLINES[name](x, y)).max() < 1e-6


def test_written_labels_match_the_scenes_but_for_the_wrong_ones(tmp_path: Path) -> None:
    written = write(tmp_path, images=12, wrong_fraction=0.2, processes=1)
    truths = orjson.loads(written.annotations.read_bytes())
    wrong = {one["annotation"]: one for one in orjson.loads(written.wrong.read_bytes())}
    assert wrong
    assert len({one["id"] for one in truths["annotations"]}) == len(truths["annotations"])
    missing = sum(one["became"] is None for one in wrong.values())
    made = [thing for number in range(12) for thing in scene(20, number).objects]
    assert len(truths["annotations"]) + missing == len(made)
    right = [one for one in truths["annotations"] if one["id"] not in wrong]
    for one in right:
        names = {
            thing.name: thing for thing in scene(20, one["image_id"] - 1).objects if thing.mask.area_px == one["area"]
        }
        assert CLASSES[one["category_id"] - 1] in names


def test_an_interrupted_writing_goes_on(tmp_path: Path) -> None:
    first = write(tmp_path, images=4, processes=1)
    first.annotations.unlink()
    kept = (first.images / "scene-0002.jpg").stat().st_mtime_ns
    again = write(tmp_path, images=4, processes=1)
    assert again.annotations.exists()
    assert (first.images / "scene-0002.jpg").stat().st_mtime_ns == kept
