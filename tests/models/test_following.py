"""Objects followed through sequences: as the package's own predictor does, in bounded memory, corrected, resumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf
from PIL import Image
from sam2.sam2_video_predictor import SAM2VideoPredictor

from evalnb.core import masks
from evalnb.core.following import Followed, FramePrompt
from evalnb.core.ports import Follower
from evalnb.core.records import Geometry
from evalnb.errors import EvalnbError, Invalid
from evalnb.models import _sam2
from tools.pico import network, scenes, shapes

FRAMES = 16
CPU = torch.device("cpu")
Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames as JPEG in a folder, and where each of three objects is on each."""

    folder: Path
    pixels: list[NDArray[np.uint8]]
    truth: dict[str, list[Bits]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    generator = torch.Generator().manual_seed(11)
    atlas = shapes.atlas(shapes.SEEN, 8, generator, CPU)
    drawn = scenes.paint(atlas, generator, batch=1, frames=FRAMES, layers=5)
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (scenes.MEAN, scenes.STD))
    folder = tmp_path_factory.mktemp("clip")
    pixels = []
    for number, image in enumerate(drawn.images[0]):
        whole = ((image * std + mean) * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        Image.fromarray(whole).save(folder / f"{number:05}.jpg", quality=95)
        pixels.append(np.array(Image.open(folder / f"{number:05}.jpg")))
    # Two that pico keeps hold of, and a large one that it loses.
    layers = {"a": 4, "b": 3, "c": 0}
    row = torch.zeros(1, dtype=torch.long)
    truth = {
        name: [one.numpy() for one in drawn.masks(row, torch.tensor([layer]))[0]] for name, layer in layers.items()
    }
    return Clip(folder, pixels, truth)


@pytest.fixture(scope="module")
def predictor(segmenter: _sam2.Sam2Segmenter) -> SAM2VideoPredictor:
    """The package's own, with the same weights and what its own builder sets."""
    config = OmegaConf.load(network.CONFIG).model
    config._target_ = "sam2.sam2_video_predictor.SAM2VideoPredictor"
    extra = {
        "binarize_mask_from_pts_for_mem_enc": True,
        "add_all_frames_to_correct_as_cond": True,
        "sam_mask_decoder_extra_args": {
            "dynamic_multimask_via_stability": True,
            "dynamic_multimask_stability_delta": 0.05,
            "dynamic_multimask_stability_thresh": 0.98,
        },
    }
    for name, value in extra.items():
        OmegaConf.update(config, name, value, force_add=True)
    model = instantiate(config, _recursive_=True)
    model.load_state_dict(segmenter._module.state_dict(), strict=True)
    return model.eval()


def bits(followed: Followed) -> dict[str, Bits]:
    return {str(name): masks.decode(one.mask) for name, one in followed.found.items()}


def theirs(predictor: SAM2VideoPredictor, state: object, **asked: object) -> dict[int, dict[str, Bits]]:
    return {
        frame: {str(name): (logits[at, 0] > 0).numpy() for at, name in enumerate(names)}
        for frame, names, logits in predictor.propagate_in_video(state, **asked)
    }


def apart(one: Bits, other: Bits) -> int:
    """Pixels that differ."""
    return int((one ^ other).sum())


def test_it_follows_as_the_packages_own_predictor_does(
    segmenter: _sam2.Sam2Segmenter, predictor: SAM2VideoPredictor, clip: Clip
) -> None:
    assert isinstance(segmenter, Follower)
    y, x = (int(one.mean()) for one in np.nonzero(clip.truth["b"][0]))
    rows, columns = np.nonzero(clip.truth["c"][0])
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    state = predictor.init_state(str(clip.folder))
    predictor.add_new_mask(state, 0, "a", clip.truth["a"][0])
    predictor.add_new_points_or_box(state, 0, "b", points=[[x, y]], labels=[1])
    predictor.add_new_points_or_box(state, 0, "c", box=box)
    # A second mask far on: both are read on every frame between, as conditioning frames.
    predictor.add_new_mask(state, 9, "a", clip.truth["a"][9])
    expected = theirs(predictor, state, start_frame_idx=0)
    prompts = [
        FramePrompt(0, "a", mask=clip.truth["a"][0]),
        FramePrompt(0, "b", points=[(x, y)]),
        FramePrompt(0, "c", box=box),
        FramePrompt(9, "a", mask=masks.encode(clip.truth["a"][9])),
    ]
    seen: set[int] = set()
    for followed in segmenter.track(clip.pixels, prompts, direction="forward"):
        seen.add(followed.frame)
        for name, mask in bits(followed).items():
            # What is given is given back as it is; the package passes it through the coarse grid.
            if not (name == "a" and followed.frame in (0, 9)):
                assert apart(mask, expected[followed.frame][name]) <= 2, (followed.frame, name)
    assert seen == set(range(FRAMES))


def test_it_follows_backward_as_the_package_does(
    segmenter: _sam2.Sam2Segmenter, predictor: SAM2VideoPredictor, clip: Clip
) -> None:
    state = predictor.init_state(str(clip.folder))
    predictor.add_new_mask(state, 13, "a", clip.truth["a"][13])
    expected = theirs(predictor, state, start_frame_idx=13, reverse=True)
    prompt = FramePrompt(13, "a", mask=clip.truth["a"][13])
    found = list(segmenter.track(clip.pixels, [prompt], direction="backward"))
    assert [one.frame for one in found] == list(range(13, -1, -1))
    assert all(apart(bits(one)["a"], expected[one.frame]["a"]) <= 2 for one in found[1:])


def test_a_click_on_a_followed_frame_corrects_it_as_the_package_does(
    segmenter: _sam2.Sam2Segmenter, predictor: SAM2VideoPredictor, clip: Clip
) -> None:
    y, x = (int(one.mean()) for one in np.nonzero(clip.truth["a"][8]))
    state = predictor.init_state(str(clip.folder))
    predictor.add_new_mask(state, 0, "a", clip.truth["a"][0])
    theirs(predictor, state, start_frame_idx=0, max_frame_num_to_track=8)
    predictor.add_new_points_or_box(state, 8, "a", points=[[x, y]], labels=[1])
    expected = theirs(predictor, state, start_frame_idx=8, max_frame_num_to_track=7)
    tracking = segmenter.tracking(clip.pixels)
    tracking.prompt(0, "a", mask=clip.truth["a"][0])
    for _ in tracking.run(0, 9):
        pass
    tracking.prompt(8, "a", points=[(x, y)])
    again = list(tracking.run())
    # What was followed up to the correction stands; what lies beyond it is done again.
    assert [one.frame for one in again] == list(range(8, 16))
    assert all(apart(bits(one)["a"], expected[one.frame]["a"]) <= 2 for one in again)


class Reel:
    """A sequence that is read frame by frame; it counts, and says where it was read last."""

    def __init__(self, clip: Clip, count: int, *, torn: Sequence[int] = ()) -> None:
        self._clip, self._count, self._torn, self.read = clip, count, torn, 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, frame: int) -> bytes:
        self.read += 1
        if frame in self._torn:
            return b"no picture"
        return (self._clip.folder / f"{self.place(frame):05}.jpg").read_bytes()

    def place(self, frame: int) -> int:
        """The clip's frame that is shown: there and back again, so that nothing jumps."""
        place = frame % (2 * FRAMES - 2)
        return min(place, 2 * FRAMES - 2 - place)


def test_what_is_kept_does_not_grow_with_the_sequence(segmenter: _sam2.Sam2Segmenter, clip: Clip) -> None:
    reel = Reel(clip, 60)
    tracking = segmenter.tracking(reel)
    prompted = range(20, 31, 2)
    for frame in prompted:
        tracking.prompt(frame, "a", mask=clip.truth["a"][reel.place(frame)])
    memory = tracking._objects["a"]
    kept, visited = [], []
    for followed in tracking.run():
        visited.append(followed.frame)
        kept.append(tracking.kept_bytes - sum(map(len, memory.seen.values())))
        whole = [
            out for out in (*memory.recent.values(), *memory.prompted.values()) if out["maskmem_features"] is not None
        ]
        assert len(whole) <= 7 + len(prompted) and len(memory.recent) <= 16
        if followed.frame > 50 or followed.frame < 2:
            # Of those that are far off only the nearest four, and of the last frames those that the attention reads.
            far = [at for at, out in memory.prompted.items() if out["maskmem_features"] is not None]
            assert far == ([24, 26, 28, 30] if followed.frame > 50 else [20, 22, 24, 26])
            assert len(whole) == 7 + 4
    assert visited == [*range(20, 60), *range(19, -1, -1)]
    assert max(kept[35:40]) == min(kept[35:40]) <= max(kept) < 1_000_000
    # Of what is gone by the sign of each mask stays, packed; what was dropped and is near again was encoded anew.
    assert sum(map(len, memory.seen.values())) < 60 * 400
    # Each frame is read once, but for the two prompted ones; nothing of them stays in the segmenter's memory.
    assert reel.read == 60 + 2 and not segmenter._memory._kept.keys() & tracking._looks._keys.values()


def test_left_and_run_again_it_goes_on_where_it_was(segmenter: _sam2.Sam2Segmenter, clip: Clip) -> None:
    whole = {one.frame: bits(one)["a"] for one in _followed(segmenter, clip)}
    tracking = segmenter.tracking(clip.pixels)
    tracking.prompt(4, "a", mask=clip.truth["a"][4])
    parts: dict[int, Bits] = {}
    for _ in range(8):
        running = tracking.run(0, 16)
        for one in running:
            parts[one.frame] = bits(one)["a"]
            if len(parts) % 3 == 0:
                running.close()  # type: ignore[attr-defined]
                break
    assert list(parts) == [*range(4, 16), 3, 2, 1, 0]
    assert all(np.array_equal(whole[frame], parts[frame]) for frame in whole)
    # Another session, that is told the last masks, goes on nearly as this one did.
    again = segmenter.tracking(clip.pixels)
    again.prompt(4, "a", mask=clip.truth["a"][4])
    for frame in range(5, 11):
        again.recall(frame, "a", whole[frame])
    for one in again.run(5, direction="forward"):
        assert one.frame >= 11
        union = (whole[one.frame] | bits(one)["a"]).sum()
        assert apart(whole[one.frame], bits(one)["a"]) <= 0.1 * union


def _followed(segmenter: _sam2.Sam2Segmenter, clip: Clip) -> Iterator[Followed]:
    return segmenter.track(clip.pixels, [FramePrompt(4, "a", mask=clip.truth["a"][4])])


def test_it_follows_what_moves_and_says_what_is_gone(segmenter: _sam2.Sam2Segmenter) -> None:
    noise = np.random.default_rng(3).integers(90, 110, (12, 120, 160, 3), dtype=np.uint8)
    for frame in range(12):
        if frame != 7:
            noise[frame, 40:80, 10 + 8 * frame : 50 + 8 * frame] = (220, 40, 40)
    outline = Geometry("polygon", (10, 40, 40, 40), parts=((10.0, 40.0, 50.0, 40.0, 50.0, 80.0, 10.0, 80.0),))
    found = {
        one.frame: one.found["red"] for one in segmenter.track(list(noise), [FramePrompt(0, "red", mask=outline)])
    }
    assert found[0].presence == 1 and found[0].mask.area_px == 1600
    for frame in (3, 6, 8, 11):
        x, y, w, h = masks.box(found[frame].mask)
        assert found[frame].there and found[frame].presence > 0.5
        assert abs(x - 10 - 8 * frame) < 6 and abs(y - 40) < 6 and abs(w - 40) < 10 and abs(h - 40) < 10
    assert not found[7].there and found[7].presence < 0.5


def test_frames_that_cannot_be_read_are_named_and_the_rest_is_followed(
    segmenter: _sam2.Sam2Segmenter, clip: Clip
) -> None:
    prompt = FramePrompt(0, "a", mask=clip.truth["a"][0])
    found = list(segmenter.track(Reel(clip, 5, torn=[2]), [prompt]))
    assert [one.frame for one in found] == [0, 1, 2, 3, 4]
    assert "frame 2" in found[2].problem and not found[2].found
    assert all(one.found["a"].there and not one.problem for one in found if one.frame != 2)
    paths = [str(clip.folder / "00000.jpg"), str(clip.folder / "gone.jpg")]
    assert "frame 1 cannot be read" in list(segmenter.track(paths, [prompt]))[1].problem
    with pytest.raises(EvalnbError, match="frame 2"):
        segmenter.tracking(Reel(clip, 5, torn=[2])).prompt(2, "a", points=[(5, 5)])


def test_frames_may_differ_in_size_and_each_mask_has_its_own(segmenter: _sam2.Sam2Segmenter, clip: Clip) -> None:
    large = np.asarray(Image.fromarray(clip.pixels[1]).resize((512, 384)))
    first, second = segmenter.track([clip.pixels[0], large], [FramePrompt(0, 7, mask=clip.truth["a"][0])])
    assert first.found[7].mask.size == (256, 256) and second.found[7].mask.size == (384, 512)
    wanted = np.asarray(Image.fromarray(clip.truth["a"][1]).resize((512, 384)))
    drawn = masks.decode(second.found[7].mask)
    assert (drawn & wanted).sum() / (drawn | wanted).sum() > 0.6


def test_what_cannot_be_followed_is_refused_with_the_frame_and_the_value(
    segmenter: _sam2.Sam2Segmenter, clip: Clip
) -> None:
    tracking = segmenter.tracking(clip.pixels)
    with pytest.raises(Invalid, match="there is no prompt"):
        tracking.run()
    for frame in (-1, 16):
        with pytest.raises(Invalid, match=f"there is no frame {frame} in a sequence of 16; use 0 to 15"):
            tracking.prompt(frame, "a", points=[(5, 5)])
    with pytest.raises(Invalid, match=r"frame 3: the point \(300, 5\) is outside the image of 256 × 256"):
        tracking.prompt(3, "a", points=[(300, 5)])
    with pytest.raises(Invalid, match="frame 3: there is no prompt"):
        tracking.prompt(3, "a")
    with pytest.raises(Invalid, match="frame 3: the prompt only says where the object is not"):
        tracking.prompt(3, "a", points=[(5, 5, 0)])
    with pytest.raises(Invalid, match=r"frame 3: the mask is bool of shape \(9, 9\), and the image has 256 × 256"):
        tracking.prompt(3, "a", mask=np.ones((9, 9), dtype=bool))
    with pytest.raises(Invalid, match="frame 3: the prompt speaks of 2 objects"):
        tracking.prompt(3, "a", points=[[(5, 5)], [(9, 9)]])
    with pytest.raises(Invalid, match="nothing was said of 'a' yet"):
        tracking.recall(3, "a", clip.truth["a"][3])
    # None of that left anything behind.
    with pytest.raises(Invalid, match="there is no prompt"):
        tracking.run()
    tracking.prompt(3, "a", points=[(50, 50)])
    with pytest.raises(Invalid, match="frames 4 to 2 are asked for, of a sequence of 16"):
        tracking.run(4, 2)
    with pytest.raises(Invalid, match="direction is 'sideways'"):
        tracking.run(direction="sideways")  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="the sequence has no frames"):
        segmenter.tracking([])
