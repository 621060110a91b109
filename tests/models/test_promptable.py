"""SAM 2 from Python alone: images and prompts in, masks out; several objects and images in one pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import evalnb as ev
from evalnb.core import masks
from evalnb.core.everything import Sweep
from evalnb.core.ports import Pixels
from evalnb.core.records import Geometry
from evalnb.core.segmented import Segmented
from evalnb.demo import dataset
from evalnb.demo.scenes import scene
from evalnb.errors import Invalid, NotFound
from evalnb.models import _sam2
from evalnb.settings import Settings


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    first, second = (np.asarray(scene(dataset.SEED, number).pixels) for number in range(2))
    return [first, second[:300, :400]]


def whole(number: int) -> list[np.ndarray]:
    """The masks of a scene's objects that a click can find."""
    found = [masks.decode(one.mask) for one in scene(dataset.SEED, number).objects]
    return [one for one in found if one.sum() >= 500]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def boxes_of(these: list[np.ndarray]) -> list[tuple[float, ...]]:
    out = []
    for one in these:
        x, y, w, h = masks.box(masks.encode(one))
        out.append((x, y, x + w, y + h))
    return out


def test_a_box_for_each_object_gives_a_mask_for_each_in_order(
    segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]
) -> None:
    wanted = whole(0)
    found = segmenter.segment(pictures[0], boxes=boxes_of(wanted))
    assert isinstance(found, Segmented) and len(found) == len(wanted) and found.size == pictures[0].shape[:2]
    assert np.median([iou(a, b) for a, b in zip(found.arrays(), wanted, strict=True)]) > 0.7
    assert found.box.shape == (len(wanted), 4) and np.array_equal(found.area, found.arrays().sum(axis=(1, 2)))
    assert all(0 <= score <= 1.01 for _, score in found)


def test_one_pass_over_objects_and_images_answers_as_one_prompt_at_a_time(
    segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]
) -> None:
    points = [
        [[(120, 90)], [(200, 150), (400, 300, 0)], [(60, 60), (70, 61), (80, 70)]],
        [[(33, 200)], [(250.5, 111.25)]],
    ]
    boxes = [[(100, 60, 200, 160), (150, 100, 300, 220), (20, 20, 120, 120)], None]
    found = segmenter.segment(pictures, points=points, boxes=boxes)
    assert [len(one) for one in found] == [3, 2]
    for number, picture in enumerate(pictures):
        key, _ = segmenter._encoded(picture, "it")
        for place, clicks in enumerate(points[number]):
            box = boxes[number]
            mask, score = segmenter.segment(
                key,
                points=np.array([one[:2] for one in clicks], dtype=float),
                labels=np.array([one[2] if len(one) > 2 else 1 for one in clicks]),
                box=None if box is None else np.array(box[place], dtype=float),
            )
            assert iou(found[number].arrays()[place], mask) > 0.999
            assert found[number].scores[place] == pytest.approx(score, abs=1e-3)


def test_more_objects_than_one_pass_holds(segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]) -> None:
    several = segmenter._decoder.pass_size * 2 + 3
    clicks = [[(10.0 + 5 * n, 40.0 + 3 * n)] for n in range(several)]
    found = segmenter.segment(pictures[0], points=clicks)
    assert len(found) == several
    one = segmenter.segment(pictures[0], points=clicks[-1])
    assert iou(found.arrays()[-1], one.arrays()[0]) > 0.999


def test_a_rough_mask_is_made_better(segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]) -> None:
    wanted = whole(0)
    rough = [np.roll(one, (4, -4), (0, 1)) for one in wanted]
    found = segmenter.segment(pictures[0], mask=rough)
    before = np.mean([iou(a, b) for a, b in zip(rough, wanted, strict=True)])
    assert np.mean([iou(a, b) for a, b in zip(found.arrays(), wanted, strict=True)]) > before
    # The same as run lengths, and as a polygon of the annotator's.
    again = segmenter.segment(pictures[0], mask=masks.encode(rough[0]))
    assert again.masks[0] == found.masks[0]
    x0, y0, x1, y1 = boxes_of(wanted)[0]
    polygon = Geometry("polygon", (x0, y0, x1 - x0, y1 - y0), parts=((x0, y0, x1, y0, x1, y1, x0, y1),))
    assert iou(segmenter.segment(pictures[0], mask=polygon, boxes=(x0, y0, x1, y1)).arrays()[0], wanted[0]) > 0.5


def test_everything_finds_most_objects_once_and_says_how_far_it_is(
    segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]
) -> None:
    shares: list[float] = []
    found = segmenter.everything(pictures[0], told=shares.append)
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    assert list(found.scores) == sorted(found.scores, reverse=True)
    drawn = found.arrays()
    best = [max(iou(one, mask) for one in drawn) for mask in whole(0)]
    assert np.mean(best) > 0.6
    twice = [iou(a, b) for place, a in enumerate(drawn) for b in drawn[:place]]
    assert max(twice) < 0.8
    few = segmenter.everything(pictures, sweep=Sweep(per_side=4, area_min_px=2000))
    assert len(few) == 2 and (few[0].area > 1500).all()
    with pytest.raises(Invalid, match="per_side is 0"):
        segmenter.everything(pictures[0], sweep=Sweep(per_side=0))


def test_what_told_raises_ends_everything(segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]) -> None:
    def stop(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segmenter.everything(pictures[0], told=stop)
    assert len(segmenter.segment(pictures[0], points=[(100, 100)])) == 1


@pytest.mark.parametrize("odd", ["grey", "one channel", "alpha", "grey and alpha", "deep", "one pixel", "a strip"])
def test_odd_images_are_taken_as_files_of_them_would_be(
    segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels], odd: str
) -> None:
    grey = pictures[1][..., 0]
    image: np.ndarray = {
        "grey": grey,
        "one channel": grey[..., None],
        "alpha": np.dstack([pictures[1], np.full(grey.shape, 255, np.uint8)]),
        "grey and alpha": np.dstack([grey, np.full(grey.shape, 255, np.uint8)]),
        "deep": grey.astype(np.uint16) * 257,
        "one pixel": pictures[1][:1, :1],
        "a strip": np.zeros((1, 30_000, 3), np.uint8),
    }[odd]
    found = segmenter.segment(image, points=[(0.5, 0.5)])
    assert found.size == image.shape[:2]
    if odd not in ("one pixel", "a strip"):
        plain = pictures[1] if odd == "alpha" else np.repeat(grey[..., None], 3, axis=2)
        assert found.masks == segmenter.segment(plain, points=[(0.5, 0.5)]).masks


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "there is no prompt"),
        ({"points": [(1, 2, 3)]}, "has the label 3"),
        ({"points": [(1, 2, 1, 0)]}, r"\(1, 2, 1, 0\) is no point"),
        ({"points": [(999, 2)]}, r"\(999, 2\) is outside the image of 400 × 300"),
        ({"points": [(float("nan"), 2)]}, "nan.*outside"),
        ({"points": [[(1, 2)], []]}, "there is no prompt"),
        ({"points": [[(1, 2)], [(3, 4)]], "boxes": [(1, 2, 3, 4)]}, "points of 2, boxes of 1"),
        ({"boxes": (1, 2, 3)}, r"boxes are \(1, 2, 3\)"),
        ({"boxes": [(5, 5, 5, 50)]}, "holds no pixel"),
        ({"mask": np.zeros((300, 400), bool)}, "the mask is empty"),
        ({"mask": np.ones((30, 40), bool)}, r"shape \(30, 40\), and the image has 400 × 300"),
        ({"points": [(1, 2)], "labels": np.array([1])}, "belong to the key"),
    ],
)
def test_impossible_prompts_are_refused_with_the_value_and_the_way_out(
    segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels], asked: dict[str, object], says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        segmenter.segment(pictures[1], **asked)  # type: ignore[call-overload]


def test_images_and_their_prompts_come_in_equal_numbers(
    segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]
) -> None:
    with pytest.raises(Invalid, match="points has 1 entries for 2 images"):
        segmenter.segment(pictures, points=[[(1, 2)]])
    with pytest.raises(Invalid, match=r"image 1 is float64 of shape \(4, 4\)"):
        segmenter.segment([pictures[0], np.zeros((4, 4))], points=[[(1, 2)], [(1, 2)]])
    assert segmenter.segment([]) == []


def test_a_path_says_by_its_shapes_what_it_holds(tmp_path: Path) -> None:
    settings = Settings.from_environment({"EVALNB_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)})
    here = Path(_sam2.__file__).parent / "pico.safetensors"
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(here.read_bytes())
    opened = ev.sam2(mine, settings=settings, device="cpu")
    assert opened.name == "mine"
    assert ev.sam2(str(mine), settings=settings, device="cpu").name == "mine"
    module = _sam2.build("configs/sam2.1/sam2.1_hiera_t.yaml")
    torch.save({"model": module.state_dict()}, tmp_path / "finetuned.pt")
    assert ev.sam2(tmp_path / "finetuned.pt", settings=settings, device="cpu").name == "sam2.1-tiny"
    torch.save({"model": {"weight": torch.zeros(3)}}, tmp_path / "other.pt")
    with pytest.raises(Invalid, match=r"other.* holds no SAM 2\.1"):
        ev.sam2(tmp_path / "other.pt", settings=settings, device="cpu")
    with pytest.raises(NotFound, match="no weights at"):
        ev.sam2(tmp_path / "nowhere.pt", settings=settings, device="cpu")
    mine.write_bytes(mine.read_bytes()[:1000])
    with pytest.raises(Invalid, match="mine"):
        _sam2.open_file(mine, device="cpu", home=tmp_path / "home")
