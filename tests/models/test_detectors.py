"""Detectors: ultralytics' own numbers, whatever the batch; refusals that name the value."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from evalnb import imagery, models
from evalnb.errors import Invalid, MissingExtra, NotFound, Unavailable, Unsafe
from evalnb.settings import Settings
from tests.detectors import make_weights

CLASSES = tuple(f"class {n}" for n in range(5))


@pytest.fixture(scope="module", params=["yolo11n", "yolo12n", "rtdetr-l"])
def made(request: pytest.FixtureRequest, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    name: str = request.param
    path = tmp_path_factory.mktemp("weights") / f"{name}.safetensors"
    return name, make_weights(path, cache, CLASSES, architecture=name, image_size=160)


@pytest.mark.parametrize("confidence", [0.001, 0.4])
def test_numbers_equal_ultralytics_own_predictions_of_the_photographs(
    made: tuple[str, Path], confidence: float, cache: Path, photographs: list[Path]
) -> None:
    name, weights = made
    detector = models.detector(name, weights, device="cpu", home=cache)
    pixels = [imagery.decode(one.read_bytes()) for one in photographs]
    found = detector.detect(pixels, confidence=confidence, max_detections=50)

    from safetensors.torch import load_file
    from ultralytics import RTDETR, YOLO

    theirs = (RTDETR if name.startswith("rtdetr") else YOLO)(f"{name}.yaml")
    module = type(theirs.model)(f"{name}.yaml", nc=len(CLASSES), verbose=False)
    module.load_state_dict(load_file(weights))
    module.args, module.task, module.names = {}, "detect", dict(enumerate(CLASSES))
    theirs.model = module
    total = 0
    for image, ours in zip(pixels, found, strict=True):
        (result,) = theirs.predict(
            np.ascontiguousarray(image[..., ::-1]),
            imgsz=160,
            conf=confidence,
            iou=0.7,
            max_det=50,
            verbose=False,
            save=False,
            device="cpu",
        )
        corners = result.boxes.xyxy.numpy().astype(np.float64)
        order = np.argsort(-result.boxes.conf.numpy(), kind="stable")
        assert np.array_equal(ours.box[:, :2], corners[order][:, :2])
        assert np.array_equal(ours.box[:, :2] + ours.box[:, 2:], corners[order][:, 2:])
        assert np.array_equal(ours.score, result.boxes.conf.numpy().astype(np.float64)[order])
        assert np.array_equal(ours.class_index, result.boxes.cls.numpy().astype(np.int64)[order])
        total += len(order)
    assert total > 0 or confidence == 0.4
    assert confidence == 0.4 or len({float(score) for one in found for score in one.score}) > 10


def test_an_images_numbers_do_not_depend_on_its_neighbours(
    made: tuple[str, Path], cache: Path, photographs: list[Path]
) -> None:
    detector = models.detector(*made, device="cpu", home=cache)
    pixels = [imagery.decode(one.read_bytes()) for one in photographs]
    alone = [detector.detect([one], confidence=0.001, max_detections=30)[0] for one in pixels]
    small = pixels[0][:100, :60]
    mixed = detector.detect([small, pixels[1], pixels[0], small], confidence=0.001, max_detections=30)
    assert np.array_equal(mixed[1].box, alone[1].box) and np.array_equal(mixed[2].box, alone[0].box)
    assert np.array_equal(mixed[0].score, mixed[3].score)


def test_no_image_gives_nothing_and_a_bad_one_is_named(made: tuple[str, Path], cache: Path) -> None:
    detector = models.detector(*made, device="cpu", home=cache)
    assert len(detector.detect([], confidence=0.1, max_detections=5)) == 0
    good = np.zeros((20, 30, 3), np.uint8)
    assert len(detector.detect([good[:1, :1]], confidence=0.9999, max_detections=5)[0].score) == 0
    for bad in (good[..., 0], good.astype(np.float32), good[:0], np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(Invalid, match=r"image 1 is .* of shape"):
            detector.detect([good, bad], confidence=0.1, max_detections=5)
    with pytest.raises(Invalid, match=r"confidence is 1\.5"):
        detector.detect([good], confidence=1.5, max_detections=5)
    with pytest.raises(Invalid, match="max_detections is 0"):
        detector.detect([good], confidence=0.5, max_detections=0)


def test_read_only_pixels_are_taken_as_they_come(made: tuple[str, Path], cache: Path) -> None:
    detector = models.detector(*made, device="cpu", home=cache)
    pixels = np.full((40, 40, 3), 100, np.uint8)
    pixels.flags.writeable = False
    assert detector.detect([pixels], confidence=0.001, max_detections=5)


def test_weights_of_another_architecture_or_class_count_are_refused(cache: Path, tmp_path: Path) -> None:
    weights = make_weights(tmp_path / "w.safetensors", cache, ("a", "b"))
    with pytest.raises(Invalid, match=r"does not fit yolo12n .*they are of 'yolo11n'"):
        models.detector("yolo12n", weights, home=cache)
    with pytest.raises(Invalid, match=r"does not fit yolo11n .*is \(2, .*not \(3, "):
        models.detector("yolo11n", weights, class_names=("a", "b", "c"), home=cache)
    with pytest.raises(NotFound, match="no weights at"):
        models.detector("yolo11n", tmp_path / "none.pt", home=cache)
    with pytest.raises(Unsafe):
        (tmp_path / "x.onnx").write_bytes(b"onnx")
        models.detector("yolo11n", tmp_path / "x.onnx", home=cache)
    with pytest.raises(Invalid, match="no classes"):
        models.detector("yolo11n", None, home=cache)


def test_unknown_architectures_suggest_near_ones(cache: Path) -> None:
    with pytest.raises(NotFound, match=r"'yolo11z'; use one of .*'yolo11"):
        models.detector("yolo11z", None, home=cache)
    with pytest.raises(NotFound, match=r"'sam2\.1-tiny' is no detector"):
        models.detector("sam2.1-tiny", None, home=cache)


def test_a_device_that_is_not_there_is_refused(cache: Path) -> None:
    for device in ("cuda:7", "mps", "abacus"):
        with pytest.raises(Unavailable, match=f"{device}.*EVALNB_DEVICE"):
            models.detector("yolo11n", None, class_names=("a",), device=device, home=cache)


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ("torch", r"YOLO and RT-DETR needs the package 'torch'; run: pip install 'evalnb\[models\]'"),
        ("ultralytics", r"needs the package 'ultralytics'; run: pip install 'evalnb\[models\]'"),
        ("sam2", r"SAM 2 needs the package 'sam2'; run: .*--no-build-isolation 'evalnb\[sam2\]'"),
    ],
)
def test_a_missing_package_says_what_to_install(
    package: str, says: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # what Python holds a package to be that cannot be imported
    with pytest.raises(MissingExtra, match=says):
        if package == "sam2":
            models.sam2("pico", settings=Settings.from_environment({"HOME": str(tmp_path)}))
        else:
            models.detector("yolo11n", None, class_names=("a",), home=cache)


def test_the_head_stays_exact_under_half_precision(cache: Path, tmp_path: Path) -> None:
    import torch

    from evalnb.models import _ultralytics, files
    from evalnb.models.architectures import architecture
    from evalnb.models.yolo import _keep_head_exact, load_state

    weights = make_weights(tmp_path / "w.safetensors", cache, ("a", "b"))
    module = _ultralytics.build(cache, architecture("yolo11n"), 2)
    load_state(module, files.read_header(weights), architecture("yolo11n"))
    picture = torch.rand(1, 3, 64, 64)

    def boxes_and_scores() -> torch.Tensor:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            return module(picture)[0]

    rounded = boxes_and_scores()
    _keep_head_exact(module)
    exact = boxes_and_scores()
    assert exact.dtype == torch.float32
    # What half precision cannot hold is there: most scores lie between two of its numbers.
    scores = exact[0, 4:]
    assert (scores != scores.bfloat16().float()).float().mean() > 0.9
    assert torch.allclose(rounded.float(), exact, rtol=0.1, atol=1)
