"""SAM 2 over the real classes: the package's own masks, clear refusals, features kept and dropped."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from evalnb import imagery, models
from evalnb.core.ports import Pixels
from evalnb.core.prompted import prior_of
from evalnb.errors import Invalid, NotFound, Offline
from evalnb.models import _sam2
from evalnb.models.architectures import architecture
from evalnb.settings import Settings
from tests.models.stepping import encodes_in_steps

NO_POINTS, NO_LABELS = np.empty((0, 2)), np.empty(0, np.int64)


@pytest.fixture(scope="module")
def segmenter(cache: Path) -> _sam2.Sam2Segmenter:
    return _sam2.open_pico(device="cpu")


@pytest.fixture(scope="module")
def picture(photographs: list[Path]) -> Pixels:
    return imagery.decode(photographs[1].read_bytes())[:480, :640]


def points(*these: tuple[float, float]) -> np.ndarray:
    return np.array(these, dtype=np.float64)


@pytest.mark.parametrize("ambiguous", [1, 0], ids=["one click as SAM 2.1 takes it", "as pico does"])
def test_masks_equal_the_packages_own_predictor(
    segmenter: _sam2.Sam2Segmenter, picture: Pixels, ambiguous: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    monkeypatch.setattr(segmenter._module, "multimask_max_pt_num", ambiguous)
    theirs = SAM2ImagePredictor(segmenter._module)
    theirs._bb_feat_sizes = [(64, 64), (32, 32), (16, 16)]
    theirs.set_image(picture.copy())
    segmenter.encode("picture", picture)
    several = points((200, 150), (400.5, 300.25))
    box = np.array([100.0, 80.0, 500.0, 400.0])
    for where, labels, corners in (
        (several[:1], np.array([1]), None),
        (several, np.array([1, 0]), None),
        (several[:1], np.array([0]), box),
        (NO_POINTS, NO_LABELS, box),
    ):
        masks, ious, _ = theirs.predict(
            point_coords=where if len(where) else None,
            point_labels=labels if len(labels) else None,
            box=corners,
            multimask_output=corners is None and len(labels) == ambiguous,
        )
        mask, iou = segmenter.segment("picture", points=where, labels=labels, box=corners)
        assert mask.shape == picture.shape[:2] and mask.dtype == bool
        assert np.array_equal(mask, masks[ious.argmax()].astype(bool))
        assert iou == pytest.approx(float(ious.max()), abs=1e-6)


def test_importing_sam2_leaves_hydra_to_the_person() -> None:
    script = (
        "from evalnb.models import _sam2; from hydra.core.global_hydra import GlobalHydra;"
        " _sam2.build('configs/sam2.1/sam2.1_hiera_t.yaml'); assert not GlobalHydra.instance().is_initialized()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_prompts_that_only_exclude_give_an_empty_mask(segmenter: _sam2.Sam2Segmenter, picture: Pixels) -> None:
    segmenter.encode("picture", picture)
    mask, iou = segmenter.segment("picture", points=points((5, 5)), labels=np.array([0]))
    assert mask.shape == (480, 640) and not mask.any() and iou == 0


@pytest.mark.parametrize(
    ("where", "labels", "box", "says"),
    [
        (NO_POINTS, NO_LABELS, None, "no prompt"),
        (points((641, 3)), [1], None, r"\(641, 3\) is outside the image of 640 × 480"),
        (points((3, -0.1)), [1], None, r"outside"),
        (points((np.nan, 3)), [1], None, r"nan.*outside"),
        (points((np.inf, 3)), [1], None, r"inf.*outside"),
        (points((3, 3)), [2], None, r"labels are \[2\]"),
        (points((3, 3)), [1, 0], None, r"shape \(1, 2\) and labels \(2,\)"),
        (np.zeros((2, 3)), [1, 1], None, r"shape \(2, 3\)"),
        (NO_POINTS, NO_LABELS, [10, 10, 10, 50], "holds no pixel"),
        (NO_POINTS, NO_LABELS, [700, 10, 800, 50], "holds no pixel"),
        (NO_POINTS, NO_LABELS, [0, 0, np.nan, 5], "the box is"),
        (NO_POINTS, NO_LABELS, [0, 0, 5], "the box is"),
    ],
)
def test_impossible_prompts_are_refused_with_the_value(
    segmenter: _sam2.Sam2Segmenter, picture: Pixels, where: np.ndarray, labels: list[int], box: object, says: str
) -> None:
    segmenter.encode("picture", picture)
    with pytest.raises(Invalid, match=says):
        segmenter.segment(
            "picture", points=where, labels=np.array(labels, np.int64), box=None if box is None else np.array(box)
        )


def test_a_box_dragged_backwards_or_over_the_edge_is_the_box_it_covers(
    segmenter: _sam2.Sam2Segmenter, picture: Pixels
) -> None:
    segmenter.encode("picture", picture)
    masks = [
        segmenter.segment("picture", points=NO_POINTS, labels=NO_LABELS, box=np.array(box, dtype=np.float64))[0]
        for box in ([300, 200, 640, 480], [900, 999, 300, 200])
    ]
    assert np.array_equal(masks[0], masks[1])


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (37, 1, 3)])
def test_the_smallest_images_have_masks(segmenter: _sam2.Sam2Segmenter, shape: tuple[int, int, int]) -> None:
    segmenter.encode(f"small {shape}", np.full(shape, 90, np.uint8))
    mask, _ = segmenter.segment(f"small {shape}", points=points((0.5, 0.5)), labels=np.array([1]))
    assert mask.shape == shape[:2]


@pytest.mark.parametrize("bad", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)])
def test_what_is_no_rgb_image_is_refused(segmenter: _sam2.Sam2Segmenter, bad: np.ndarray) -> None:
    with pytest.raises(Invalid, match=r"'odd' is .* of shape"):
        segmenter.encode("odd", bad)


def test_an_image_must_be_encoded_first_and_a_key_means_one_image(
    segmenter: _sam2.Sam2Segmenter, picture: Pixels
) -> None:
    with pytest.raises(NotFound, match="'never' is not encoded"):
        segmenter.segment("never", points=points((1, 1)), labels=np.array([1]))
    segmenter.encode("picture", picture)
    assert segmenter.encoded("picture") and not segmenter.encoded("never")
    with pytest.raises(Invalid, match="640 × 480 pixels, and this image is 10 × 20"):
        segmenter.encode("picture", np.zeros((20, 10, 3), np.uint8))


def test_the_least_recently_used_features_go_first(segmenter: _sam2.Sam2Segmenter) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    segmenter.encode("one", image)
    found = segmenter._find("one")
    assert found is not None
    each = found.bytes
    small = _sam2.Sam2Segmenter("small", segmenter._module, device=torch.device("cpu"), memory_bytes=2 * each)
    for key in ("a", "b"):
        small.encode(key, image)
    small.segment("a", points=points((1, 1)), labels=np.array([1]))
    small.encode("c", image)
    assert [small.encoded(key) for key in "abc"] == [True, False, True]


def test_a_click_does_not_wait_for_a_neighbour_that_is_being_encoded(
    segmenter: _sam2.Sam2Segmenter, picture: Pixels
) -> None:
    segmenter.encode("picture", picture)
    with segmenter._encoding:  # as a background thread holds it for seconds on a CPU
        done = threading.Event()

        def click() -> None:
            segmenter.segment("picture", points=points((9, 9)), labels=np.array([1]))
            done.set()

        threading.Thread(target=click, daemon=True).start()
        assert done.wait(30)


def test_threads_get_the_masks_that_one_thread_gets(segmenter: _sam2.Sam2Segmenter, picture: Pixels) -> None:
    clicks = [points((40.0 * n + 10, 30.0 * n + 10)) for n in range(8)]
    segmenter.encode("picture", picture)
    wanted = [segmenter.segment("picture", points=one, labels=np.array([1]))[0] for one in clicks]
    got: dict[int, np.ndarray] = {}

    def work(n: int) -> None:
        segmenter.encode(f"thread {n}", np.roll(picture, n, axis=1))
        got[n] = segmenter.segment("picture", points=clicks[n], labels=np.array([1]))[0]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert all(np.array_equal(got[n], wanted[n]) for n in range(8))


def test_a_huge_image_is_scaled_before_it_becomes_floats(
    segmenter: _sam2.Sam2Segmenter, monkeypatch: pytest.MonkeyPatch, picture: Pixels
) -> None:
    segmenter.encode("whole", picture)
    large = np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1)
    monkeypatch.setattr(_sam2, "_REDUCE_PIXELS", 1000)
    assert _sam2._reduced(large, 120).shape == (240, 320, 3)
    segmenter.encode("large", large)
    mask, _ = segmenter.segment("large", points=points((900, 600)), labels=np.array([1]))
    assert mask.shape == (960, 1280)


def test_real_architectures_are_built_and_loaded_strictly_from_a_checkpoint(tmp_path: Path) -> None:
    module = _sam2.build(architecture("sam2.1-tiny").config)
    torch.save({"model": module.state_dict()}, tmp_path / "sam2.1_hiera_tiny.pt")
    opened = _sam2.open_sam2(
        architecture("sam2.1-tiny"), tmp_path / "sam2.1_hiera_tiny.pt", device="cpu", home=tmp_path / "home"
    )
    assert opened.name == "sam2.1-tiny"
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), opened._module.parameters(), strict=True))
    with pytest.raises(Invalid, match=r"does not fit sam2\.1-small"):
        _sam2.open_sam2(
            architecture("sam2.1-small"), tmp_path / "sam2.1_hiera_tiny.pt", device="cpu", home=tmp_path / "home"
        )


def test_without_weights_or_network_the_refusal_names_the_file_and_its_place(tmp_path: Path) -> None:
    settings = Settings.from_environment({"EVALNB_HOME": str(tmp_path), "EVALNB_OFFLINE": "1", "HOME": str(tmp_path)})
    with pytest.raises(Offline, match=r"sam2\.1_hiera_tiny\.pt.*put it at .*models/sam2\.1_hiera_tiny\.pt"):
        models.sam2(settings=settings)
    with pytest.raises(NotFound, match="'yolo11n' is no segmenter"):
        models.sam2("yolo11n", settings=settings)
    with pytest.raises(NotFound, match="no architecture 'sam3'"):
        models.sam2("sam3", settings=settings)


def test_asking_again_while_one_is_in_use_gives_the_same(tmp_path: Path) -> None:
    settings = Settings.from_environment({"EVALNB_HOME": str(tmp_path), "HOME": str(tmp_path)})
    one = models.sam2("pico", device="cpu", settings=settings)
    assert models.sam2("pico", device="cpu", settings=settings) is one


def test_the_next_click_with_the_mask_before_it_is_the_packages_own(
    segmenter: _sam2.Sam2Segmenter, picture: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    assert segmenter._module.multimask_max_pt_num == 0
    monkeypatch.setattr(segmenter._module, "multimask_max_pt_num", 1)
    theirs = SAM2ImagePredictor(segmenter._module)
    theirs._bb_feat_sizes = [(64, 64), (32, 32), (16, 16)]
    theirs.set_image(picture.copy())
    segmenter.encode("picture", picture)
    where, labels = points((200, 150), (400.5, 300.25)), np.array([1, 0])
    first = segmenter.candidates("picture", points=where[:1], labels=labels[:1])
    masks, ious, low = theirs.predict(where[:1], labels[:1], multimask_output=True)
    assert len(first) == 3
    assert np.allclose(first.scores, np.sort(ious)[::-1], atol=1e-6)
    for place, theirs_at in enumerate(np.argsort(-ious, kind="stable")):
        assert np.array_equal(first.mask(place), masks[theirs_at].astype(bool))
    best = ious.argmax()
    wanted, wanted_iou, _ = theirs.predict(where, labels, mask_input=low[best : best + 1], multimask_output=False)
    then = segmenter.candidates("picture", points=where, labels=labels, prior=first.logits[0])
    assert np.array_equal(then.mask(0), wanted[0].astype(bool))
    assert then.scores[0] == pytest.approx(float(wanted_iou[0]), abs=1e-5)
    without = segmenter.candidates("picture", points=where, labels=labels)
    assert not np.array_equal(then.logits[0], without.logits[0])
    rough = np.zeros(first.size, dtype=bool)
    rough[: rough.shape[0] // 2] = True
    lies = segmenter.candidates("picture", points=where, labels=labels, prior=rough)
    told = segmenter.candidates("picture", points=where, labels=labels, prior=prior_of(rough, first.logits[0].shape))
    assert np.array_equal(lies.logits, told.logits)
    with pytest.raises(Invalid, match=r"the prior has shape \(3, 3\)"):
        segmenter.candidates("picture", points=where, labels=labels, prior=np.zeros((3, 3), np.float32))


def test_encoding_says_how_far_it_is_and_ends_when_told(segmenter: _sam2.Sam2Segmenter, picture: Pixels) -> None:
    encodes_in_steps(segmenter, picture)
