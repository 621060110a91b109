"""The SAM 2 in the wheel: it segments, it is the file that its record describes, and it was trained as it is used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sam2.sam2_image_predictor import SAM2ImagePredictor

from evalnb import models
from evalnb.core import masks
from evalnb.demo import dataset
from evalnb.demo.scenes import scene
from evalnb.errors import Invalid, NotFound
from evalnb.models import _sam2
from evalnb.settings import Settings
from tools.pico import cached, evaluate, network, prompts, scenes, shapes, train, tune

HERE = Path(_sam2.__file__).parent
RECORD = json.loads((HERE / "pico.json").read_text())
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model(segmenter: _sam2.Sam2Segmenter) -> object:
    return segmenter._module


def test_a_click_on_an_object_of_a_scene_gives_its_mask(segmenter: _sam2.Sam2Segmenter) -> None:
    ious = []
    for number in range(3):
        drawn = scene(dataset.SEED, number)
        segmenter.encode(f"scene {number}", drawn.pixels)
        for one in drawn.objects:
            whole = masks.decode(one.mask)
            if whole.sum() < 500:
                continue
            at = np.array([evaluate.middle(whole)])
            mask, promised = segmenter.segment(f"scene {number}", points=at, labels=np.array([1]))
            ious.append((mask & whole).sum() / (mask | whole).sum())
            assert 0 <= promised <= 1
    # Of every object in the demo's first three scenes, hidden ones and the night's too; the record has hundreds.
    assert np.median(ious) > 0.7


def test_it_is_small_and_the_one_that_its_record_describes(tmp_path: Path) -> None:
    assert (HERE / "pico.safetensors").stat().st_size <= 8_000_000
    assert RECORD["parameters"] == sum(one.numel() for one in network.build().parameters())
    assert set(RECORD["families"]["held_out"]).isdisjoint(RECORD["families"]["trained"])
    for name in ("pico.safetensors", "pico.json"):
        shutil.copy(HERE / name, tmp_path / name)
    with (tmp_path / "pico.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x07")
    with pytest.raises(Invalid, match=r"pico\.safetensors is damaged.*install evalnb again"):
        _sam2.open_pico(device="cpu", folder=tmp_path)
    with pytest.raises(NotFound, match=r"pico\.safetensors is not in"):
        _sam2.open_pico(device="cpu", folder=tmp_path / "nowhere")


def test_the_wand_is_pico_until_real_weights_are_here_and_opens_late(tmp_path: Path) -> None:
    settings = Settings.from_environment({"EVALNB_HOME": str(tmp_path), "HOME": str(tmp_path)})
    wand = models.wand(settings)
    assert wand is not None and wand.name == "pico (demo)" and not wand.encoded("scene")
    drawn = scene(777, 0)
    wand.encode("scene", drawn.pixels)
    mask, _ = wand.segment("scene", points=np.array([[100.0, 100.0]]), labels=np.array([1]))
    assert wand.encoded("scene") and mask.shape == drawn.pixels.shape[:2]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "sam2.1-tiny.safetensors").touch()
    real = models.wand(settings)
    assert real is not None and real.name == "sam2.1-tiny"


def _painted(families: tuple[str, ...], *, frames: int, seed: int = 5) -> scenes.Scenes:
    generator = torch.Generator().manual_seed(seed)
    return scenes.paint(shapes.atlas(families, 8, generator, CPU), generator, batch=2, frames=frames, layers=5)


def test_training_decodes_as_the_packages_own_predictor_does(model: object) -> None:
    drawn = _painted(shapes.SEEN, frames=1)
    theirs = SAM2ImagePredictor(model)
    theirs._bb_feat_sizes = [(64, 64), (32, 32), (16, 16)]
    mean, std = (np.array(one) for one in (scenes.MEAN, scenes.STD))
    pixels = (drawn.images[0, 0].permute(1, 2, 0).numpy() * std + mean) * 255
    theirs.set_image(pixels.round().astype(np.uint8))
    at = np.array([[120.0, 90.0]])
    _, ious, logits = theirs.predict(point_coords=at, point_labels=np.array([1]), multimask_output=True)
    with torch.no_grad():
        maps = network.encode(model, drawn.images[:1, 0])
        points, labels = torch.tensor(at, dtype=torch.float32)[None], torch.ones(1, 1, dtype=torch.int32)
        ours = network.decode(model, network.picture(model, maps), maps.fine, points, labels, None)
    assert np.allclose(ours.ious[0, 1:], ious, atol=1e-3)
    assert np.allclose(ours.logits[0, 1:].clamp(-32, 32), logits, atol=0.05)


def test_training_follows_as_track_step_does(model: object) -> None:
    drawn = _painted(shapes.SEEN, frames=3)
    area = prompts.areas(drawn.owner[:, 0], drawn.parent)
    layers, _ = prompts.targets(area, 1, torch.Generator().manual_seed(0), area_min=100)
    wanted = drawn.masks(torch.arange(2), layers)
    outputs: dict[str, dict[int, dict[str, torch.Tensor]]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    memory = network.Memory()
    with torch.no_grad():
        for frame in range(3):
            _, feats, positions, sizes = model._prepare_backbone_features(  # type: ignore[attr-defined]
                model.forward_image(drawn.images[:, frame])  # type: ignore[attr-defined]
            )
            theirs = model.track_step(  # type: ignore[attr-defined]
                frame_idx=frame,
                is_init_cond_frame=frame == 0,
                current_vision_feats=feats,
                current_vision_pos_embeds=positions,
                feat_sizes=sizes,
                point_inputs=None,
                mask_inputs=wanted[:, :1].float() if frame == 0 else None,
                output_dict=outputs,
                num_frames=3,
            )
            outputs["non_cond_frame_outputs" if frame else "cond_frame_outputs"][frame] = theirs
            maps = network.encode(model, drawn.images[:, frame])
            features = network.remembering(model, frame, maps, memory, 3)
            if frame:
                ours = network.see(model, features, maps, None, None, None)
                assert torch.allclose(ours.mask, theirs["pred_masks"], atol=1e-3)
                assert torch.allclose(ours.score, theirs["object_score_logits"], atol=1e-3)
            else:
                ours = network.given(model, features, maps, wanted[:, :1])
            assert torch.allclose(ours.pointer, theirs["obj_ptr"], atol=1e-3)
            memory.remember(model, frame, maps, ours, prompted=frame == 0, clicked=False)


def test_a_cpu_generator_paints_the_same_scenes_again() -> None:
    one, again = (_painted(shapes.UNSEEN, frames=2) for _ in range(2))
    assert torch.equal(one.images, again.images) and torch.equal(one.owner, again.owner)
    # A part belongs to the layer that it lies on, and counts for it.
    whole = one.masks(torch.zeros(1, dtype=torch.long), one.parent[:1, 3])
    assert (whole | (one.owner[0] != 3)).all()


def test_training_stops_with_weights_and_their_record(tmp_path: Path) -> None:
    training = train.Training(CPU, seed=1, rate=1e-3)
    sizes = train.Sizes(pictures=1, each=1, rounds=1, tracked=4, chunk=1)
    train.run(training, sizes, seconds=0.01, total=1, out=tmp_path, state=tmp_path / "state")
    again = train.Training(CPU, seed=2, rate=1e-3)
    again.load(tmp_path / "state")
    assert again.step == training.step > 0 and again.seed == 1
    record = json.loads((tmp_path / "pico.json").read_text())
    assert record["steps"]["pictures"] == training.step and record["curve"][-1]["loss"] > 0
    assert (tmp_path / "pico.safetensors").stat().st_size == (HERE / "pico.safetensors").stat().st_size
    assert record["parameters"] == RECORD["parameters"]


def test_tuning_changes_what_decodes_and_nothing_that_encodes_or_remembers(tmp_path: Path) -> None:
    module = network.build()
    network.initialise(module)
    held = cached.filled(tmp_path, module, cached.Sizes(painted=1, demo=1, followed=4), seed=3)
    assert (held.painted.count, held.demo.count, held.followed.count) == (2, 2, 4)
    # A cache that is there is used as it is, and holds what the encoder says.
    again = cached.filled(tmp_path, module, cached.Sizes(painted=1, demo=1, followed=4), seed=3)
    assert np.array_equal(again.painted.arrays["coarse"], held.painted.arrays["coarse"])
    was = {name: one.clone() for name, one in module.state_dict().items()}
    tuning = tune.Tuning(module, seed=1, rate=1e-3)
    for kind in ("click", "box", "followed"):
        one = tune.followed(tuning, held.followed) if kind == "followed" else tune.batch(tuning, held.painted)
        assert all(0 <= value <= 1 for value in tune.learn(tuning, one, kind).values())
    tuning.update(progress=0.0)
    changed = {name for name, one in tuning.blended(0.4).state_dict().items() if not torch.equal(one, was[name])}
    assert {name.split(".")[0] for name in changed} == {"sam_prompt_encoder", "sam_mask_decoder"}
    assert not any(name.startswith(cached.SEES) for name in changed)
    record = tune.phases(tuning, held, RECORD, minutes=1)
    assert record["phases"][-1]["started_from"] == RECORD["sha256"] and "held_out" not in record
