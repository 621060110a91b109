"""SAM 2 by OpenVINO: torch's masks whatever is asked, refused where they are not, and torch where it cannot."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evalnb import models
from evalnb.core.ports import Pixels
from evalnb.core.progress import NullProgress
from evalnb.demo import dataset
from evalnb.demo.scenes import scene
from evalnb.errors import Invalid, MissingExtra, Unavailable
from evalnb.models import _openvino, _sam2
from evalnb.models._features import Features
from evalnb.settings import Settings
from tests.models.stepping import encodes_in_steps

CLICK, INSIDE, NONE = np.array([[250.0, 190.0]]), np.array([1]), np.empty(0, np.int64)
BOX = np.array([120.0, 80.0, 330.0, 290.0])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openvino")


@pytest.fixture(scope="module")
def exact(home: Path) -> _sam2.Sam2Segmenter:
    return _sam2.open_pico(device="cpu", home=home, backend="openvino-f32")


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    return [scene(dataset.SEED, number).pixels for number in range(3)]


def close(got: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max())


def test_features_and_logits_are_torchs_but_for_the_last_digits(
    exact: _sam2.Sam2Segmenter, segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]
) -> None:
    assert (exact.backend, segmenter.backend) == ("openvino-f32", "torch")
    several, marks = np.array([[250.0, 190.0], [60.0, 40.0], [400.5, 300.25]]), np.array([1, 0, 1])
    for number, pixels in enumerate(pictures):
        key = f"scene {number}"
        for one in (exact, segmenter):
            one.encode(key, pixels)
        for got, wanted in zip(exact._features(key).maps, segmenter._features(key).maps, strict=True):
            assert got.shape == wanted.shape and close(got.numpy(), wanted.numpy())
        first = segmenter.candidates(key, points=CLICK, labels=INSIDE)
        for asked in (
            {"points": CLICK, "labels": INSIDE},
            {"points": several, "labels": marks},
            {"points": np.empty((0, 2)), "labels": NONE, "box": BOX},
            {"points": several[:1], "labels": marks[1:2], "box": BOX},
            {"points": several[:2], "labels": marks[:2], "prior": first.logits[0]},
        ):
            got, wanted = exact.candidates(key, **asked), segmenter.candidates(key, **asked)
            assert len(got) == len(wanted) and np.allclose(got.scores, wanted.scores, atol=1e-4)
            assert close(got.logits, wanted.logits)


def test_many_objects_of_several_images_with_rough_masks_are_torchs(
    exact: _sam2.Sam2Segmenter, segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]
) -> None:
    rough = np.zeros(pictures[0].shape[:2], bool)
    rough[120:260, 150:300] = True
    # Of each image a mask with a box, without, and boxes: two forms, and both images in one pass of each.
    boxes = [[BOX + np.array([n, n, -n, -n]) for n in range(0, 60, 20)] for _ in pictures]
    for asked in ({"boxes": boxes}, {"mask": [[rough, rough[::-1]]] * 3}):
        got, wanted = (one.segment(pictures, **asked) for one in (exact, segmenter))
        for mine, theirs in zip(got, wanted, strict=True):
            assert _openvino.agreement(list(mine.arrays()), list(theirs.arrays())) > 0.999
            assert np.allclose(mine.scores, theirs.scores, atol=1e-4)


def test_a_sweep_finds_what_torchs_finds(
    exact: _sam2.Sam2Segmenter, segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]
) -> None:
    got, wanted = (one.everything(pictures[0]) for one in (exact, segmenter))
    assert len(got.masks) > 2
    assert abs(len(got.masks) - len(wanted.masks)) <= 1  # one may stand on a limit
    best = [max(_openvino.agreement([one], [other]) for other in got.arrays()) for one in wanted.arrays()]
    assert np.median(best) > 0.999


def test_encoding_says_how_far_it_is_and_ends_when_told(exact: _sam2.Sam2Segmenter, pictures: list[Pixels]) -> None:
    encodes_in_steps(exact, pictures[0])


def test_float32_shares_torchs_features_on_disk_and_bfloat16_does_not(tmp_path: Path, pictures: list[Pixels]) -> None:
    plain = _sam2.open_pico(device="cpu", home=tmp_path)
    plain.encode("one", pictures[0])
    exact = _sam2.open_pico(device="cpu", home=tmp_path, backend="openvino-f32")
    assert exact.encoded("one")
    fast = _sam2.open_pico(device="cpu", home=tmp_path, backend="openvino")
    assert fast.encoded("one") == (fast.backend == "openvino-f32")
    if fast.backend == "openvino":
        fast.encode("one", pictures[0])
        both = [next(tmp_path.glob(f"cache/sam2/*{end}/*.features")) for end in ("[!6]", "-bf16")]
        assert both[0].read_bytes() != both[1].read_bytes()
    masks = [list(_openvino._asked(one, NullProgress())) for one in (plain, fast)]
    assert _openvino.agreement(*masks) >= _openvino.AGREE_MIN["bf16"]


def test_real_architectures_have_torchs_features(home: Path) -> None:
    torch.manual_seed(0)
    module = _sam2.build("configs/sam2.1/sam2.1_hiera_t.yaml").eval()
    image = torch.randn(1, 3, 1024, 1024)
    engine = _openvino.OpenVino(module, precise=True)
    maps = engine.encode(image, None)
    with torch.no_grad():
        *fine, coarse = module.forward_image(image)["backbone_fpn"]
        wanted = (*fine, coarse + module.no_mem_embed.reshape(1, -1, 1, 1))
        for got, one in zip(maps, wanted, strict=True):
            assert got.shape == one.shape and close(got.numpy(), one.numpy())
        points = torch.tensor([[[300.0, 400.0]]]), torch.ones((1, 1), dtype=torch.int32)
        sparse, dense = module.sam_prompt_encoder(points=points, boxes=None, masks=None)
        theirs = module.sam_mask_decoder.predict_masks(
            image_embeddings=wanted[2],
            image_pe=module.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            repeat_image=False,
            high_res_features=list(wanted[:2]),
        )
        ours = engine.masks([Features((1024, 1024), wanted)], sparse, None)
    for got, one in zip(ours, theirs, strict=False):
        assert got.shape == one.shape and close(got.numpy(), one.numpy())


def verdicts(home: Path) -> list[Path]:
    return sorted((home / "cache" / "openvino").glob("*"))


def test_what_was_measured_is_not_measured_again_unless_its_file_is_not_ours(
    home: Path, exact: _sam2.Sam2Segmenter
) -> None:
    (file,) = verdicts(home)
    said = json.loads(file.read_text())
    assert said["iou"] > 0.999 and said["of"]["precision"] == "f32"
    verdict = _openvino.Verdict(**said["of"])
    assert verdict.read(home) == said["iou"]
    # A number that no measurement gives stays, and counts: nothing is measured again.
    verdict.write(home, 0.99125)
    assert _sam2.open_pico(device="cpu", home=home, backend="openvino-f32").backend == "openvino-f32"
    assert verdict.read(home) == 0.99125
    verdict.write(home, 0.5)
    with pytest.raises(Unavailable, match=r"mean IoU of 0\.500"):
        _sam2.open_pico(device="cpu", home=home, backend="openvino-f32")
    foreign = json.dumps(said | {"of": said["of"] | {"weights": "others"}})
    for broken in ("", "[1]", '{"of": 1, "iou": 1.0}', foreign, json.dumps(said | {"iou": "high"}), '{"iou": 0.2'):
        file.write_text(broken)
        assert verdict.read(home) is None, broken
    _sam2.open_pico(device="cpu", home=home, backend="openvino-f32")
    assert json.loads(file.read_text()) == said
    assert verdicts(home) == [file]


VERDICT = _openvino.Verdict("weights", "f32", "2026", "a processor", 1)


def _race(home: Path, own: float) -> list[float | None]:
    seen = []
    for _ in range(200):
        VERDICT.write(home, own)
        seen.append(VERDICT.read(home))
    return seen


def test_processes_that_start_at_once_read_whole_verdicts(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool:
        seen = pool.starmap(_race, [(tmp_path, own) for own in (0.25, 0.5, 0.75)])
    assert {one for own in seen for one in own} <= {0.25, 0.5, 0.75}
    assert [file.suffix for file in verdicts(tmp_path)] == [".json"]


class Mirrored:
    """A segmenter that sees every picture the wrong way round: its masks are as good as none."""

    name = "mirrored"

    def __init__(self, beneath: _sam2.Sam2Segmenter) -> None:
        self._beneath = beneath

    def encode(self, key: str, image: Pixels) -> None:
        self._beneath.encode(f"mirrored {key}", np.ascontiguousarray(image[:, ::-1]))

    def segment(self, key: str, **prompt: Any) -> Any:
        return self._beneath.segment(f"mirrored {key}", **prompt)


def test_a_precision_that_does_not_agree_is_refused(segmenter: _sam2.Sam2Segmenter) -> None:
    def chosen(backend: _openvino.Backend) -> _openvino.OpenVino | None:
        return _openvino.choose(
            segmenter._module,
            lambda engine: segmenter if engine is None else Mirrored(segmenter),  # type: ignore[arg-type,return-value]
            backend=backend, device=torch.device("cpu"), digest="", home=None,
        )  # fmt: skip

    with pytest.warns(UserWarning, match=r"SAM 2 runs on torch.*mean IoU of 0\.\d"):
        assert chosen("auto") is None
    with pytest.raises(Unavailable, match=r"OpenVINO cannot run this SAM 2.*mean IoU.*backend='torch'"):
        chosen("openvino")


def test_where_openvino_fails_torch_goes_on_and_says_why(
    monkeypatch: pytest.MonkeyPatch, segmenter: _sam2.Sam2Segmenter, pictures: list[Pixels]
) -> None:
    neck = segmenter._module.image_encoder.neck

    def chosen(backend: _openvino.Backend) -> _openvino.OpenVino | None:
        return _openvino.choose(
            segmenter._module, lambda _: segmenter, backend=backend, device=torch.device("cpu"), digest="", home=None
        )

    monkeypatch.setattr(neck, "fpn_top_down_levels", [0, 1, 2, 3])
    with pytest.warns(UserWarning, match=r"SAM 2 runs on torch, which is slower.*neck of another form"):
        assert chosen("auto") is None
    with pytest.raises(Unavailable, match="neck of another form"):
        chosen("openvino")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chosen("auto") is None
    with pytest.raises(MissingExtra, match=r"pip install 'evalnb\[models\]'"):
        chosen("openvino")


def test_the_setting_and_the_argument_choose(home: Path) -> None:
    def settings(**more: str) -> Settings:
        return Settings.from_environment({"EVALNB_HOME": str(home), "HOME": str(home), **more})

    assert models.sam2("pico", device="cpu", settings=settings()).backend == "openvino-f32"
    torched = settings(EVALNB_SAM2_BACKEND="torch")
    assert models.sam2("pico", device="cpu", settings=torched).backend == "torch"
    assert models.sam2("pico", device="cpu", backend="openvino-f32", settings=torched).backend == "openvino-f32"
    assert Settings.from_environment(torched.to_environment() | {"HOME": str(home)}) == torched
    with pytest.raises(Invalid, match=r"no SAM 2 backend 'tensorrt'.*'auto', 'torch', 'openvino'"):
        models.sam2("pico", backend="tensorrt", settings=settings())
    with pytest.raises(Invalid, match="on a CPU, not on meta"):
        _openvino.choose(None, lambda _: None, backend="openvino", device=torch.device("meta"), digest="", home=None)  # type: ignore[arg-type,return-value]


def test_nothing_is_reported_to_anybody(tmp_path: Path) -> None:
    # The reporter writes its identity under the home before it sends.
    code = (
        "import sys; from evalnb.models._ov_ops import openvino; openvino().Core(); "
        "print([name for name in sys.modules if name.split('.')[0] == 'openvino_telemetry'])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]" and list(tmp_path.iterdir()) == []
