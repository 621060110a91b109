"""Train a detector with ultralytics' own trainer, in this process, telling how far it is.

A job runs it in a process of its own. Nothing is downloaded, drawn or reported anywhere but to ``on_event``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from evalnb.errors import Cancelled, Invalid, NotFound, Unavailable
from evalnb.models import _torch, _ultralytics, files
from evalnb.models.architectures import Architecture, detector_architecture
from evalnb.models.yolo import load_state
from evalnb.settings import Settings

CHECKPOINT = "last.pt"
"""Written into the run's folder after every epoch; ``resume`` goes on from it."""
_BEST = "best.json"
_EVENT_EVERY_S = 0.5
_SEED = 0
_NOMINAL_BATCH = 64
_FEW_STEPS = 1000

_OPTIMISER = {"optimizer", "lr0", "lrf", "momentum", "weight_decay", "cos_lr", "nbs", "patience", "freeze"}
_WARMUP = {"warmup_epochs", "warmup_momentum", "warmup_bias_lr"}
_GAINS = {"box", "cls", "cls_pw", "dfl"}
_COLOURS = {"hsv_h", "hsv_s", "hsv_v", "bgr"}
_SHAPES = {"degrees", "translate", "scale", "shear", "perspective", "flipud", "fliplr", "multi_scale"}
_MIXES = {"mosaic", "close_mosaic", "mixup", "cutmix"}
HYPERPARAMETERS = frozenset(_OPTIMISER | _WARMUP | _GAINS | _COLOURS | _SHAPES | _MIXES)
"""What ``train`` passes on to ultralytics; docs.ultralytics.com/usage/cfg says what each does."""

OnEvent = Callable[[dict[str, Any]], None]


def check_hyperparameters(given: Mapping[str, Any] | None) -> None:
    """Invalid for one that there is not."""
    strange = sorted(set(given or {}) - HYPERPARAMETERS)
    if strange:
        raise Invalid(
            f"there is no hyperparameter {strange[0]!r}", remedy=f"use {', '.join(sorted(HYPERPARAMETERS))}"
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """What training made."""

    weights: Path
    """Safetensors of the best epoch, with class names and image size."""
    class_names: tuple[str, ...]
    metrics: Mapping[str, Any]
    """mAP50-95, mAP50, precision, recall of the best epoch on the validation part, and epochs done."""


def train(
    architecture: str,
    data_yaml: Path,
    out: Path,
    *,
    epochs: int,
    image_size: int = 640,
    batch: int = 16,
    device: str | None = None,
    start: Path | None = None,
    resume: Path | None = None,
    on_event: OnEvent = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
    workers: int | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> Trained:
    """Train ``architecture`` on a YOLO dataset; the best epoch's weights and metrics.

    ``out`` is the run's own folder: ``out/last.pt`` is written after every epoch and ``resume`` goes on from it;
    ``out/weights.safetensors`` is the result. ``start`` gives weights to begin with (their class names may differ:
    the outputs of shared names are kept); without them training begins from nothing, and an event says so.

    ``on_event`` gets dicts: {"kind": "epoch", "epoch", "epochs", "losses", "mAP50", "mAP50-95", "precision",
    "recall", "eta_s"} after each epoch; {"kind": "batch", "epoch", "epochs", "batch", "batches", "losses", "eta_s"}
    at most twice a second; and {"kind": "log", "message"}. ``cancelled`` is asked at every batch.

    ``hyperparameters`` are ultralytics' own (``HYPERPARAMETERS`` lists those that may be set).

    Cancelled (the remedy names the checkpoint), NotFound or Invalid for the dataset or weights, MissingExtra without
    ultralytics, Unavailable when the device has too little memory or is not there.
    """
    known = detector_architecture(architecture)
    for name, value, least in (("epochs", epochs, 1), ("image_size", image_size, 32), ("batch", batch, 1)):
        if value < least:
            raise Invalid(f"{name} is {value}", remedy=f"give at least {least}")
    check_hyperparameters(hyperparameters)
    settings = settings or Settings.from_environment()
    _ultralytics.load(settings.home)
    chosen = _torch.choose(device or settings.device)
    out.mkdir(parents=True, exist_ok=True)
    data = _own_yaml(data_yaml, out / "data.yaml")
    names = tuple(data["names"])
    if resume is not None and not resume.is_file():
        raise NotFound(f"there is no checkpoint {resume} to go on from", remedy="start anew, without resume=")
    begin = files.open_weights(start, into=out) if start and not resume else None
    if begin is None and resume is None:
        on_event({"kind": "log", "message": f"{known.name} begins from nothing: there are no weights to start with"})
    told = _Told(on_event, cancelled, out)
    if resume is not None:
        _bring_best(resume, out)
    overrides = {
        "model": known.config,
        "data": str(out / "data.yaml"),
        "epochs": epochs,
        "imgsz": image_size,
        "batch": batch,
        "device": str(chosen),
        # Worker processes cost more than they give on a CPU, which the model needs itself.
        "workers": workers if workers is not None else (0 if chosen.type == "cpu" else 4),
        # Named outright: a checkpoint remembers the folder that it was written in.
        "save_dir": str(out / "run"),
        "exist_ok": True,
        "resume": str(resume) if resume else False,
        "amp": "bf16" if chosen.type == "cuda" and _has_bf16() else False,
        "deterministic": known.family != "rtdetr",  # its grid sampling has no deterministic gradient
        "seed": _SEED,
        "nbs": _nominal_batch(data, batch, epochs),
        "plots": False,
        "verbose": False,
        "val": True,
        **(hyperparameters or {}),
    }
    with _safe_loading():
        trainer = _trainer(known, told, begin, overrides)
        went_on = _run(trainer, chosen)
    if not went_on:
        on_event({"kind": "log", "message": "the checkpoint is of the last epoch: its best weights are the result"})
    metrics = _metrics(trainer.metrics) if went_on else _kept_metrics(out)
    weights = _result(trainer, files.Weights(out, known.name, names, image_size), resume)
    done = min(trainer.epoch + 1, trainer.epochs) if went_on else epochs
    return Trained(weights, names, {**metrics, "epochs": done})


class _Told:
    """Turns ultralytics' callbacks into events, and a wish to stop into Cancelled."""

    def __init__(self, on_event: OnEvent, cancelled: Callable[[], bool], out: Path) -> None:
        self.on_event, self.cancelled, self.out = on_event, cancelled, out
        self._last_s = self._began_s = time.monotonic()
        self._batch = self._batches_done = 0
        self.ended = False
        """Set before ultralytics measures its best epoch once more, which is no epoch of its own."""

    def heard(self, event: str, trainer: Any) -> None:
        """One of ultralytics' callbacks, by name."""
        if event == "on_train_start":
            self._began_s = time.monotonic()
        elif event == "on_train_epoch_start":
            self._batch = 0
        elif event == "on_train_batch_end":
            self._batch += 1
            self._batches_done += 1
            self.stop_if_asked()
            if time.monotonic() - self._last_s >= _EVENT_EVERY_S:
                self._last_s = time.monotonic()
                self.on_event({"kind": "batch", **self._where(trainer)})
        elif event == "on_fit_epoch_end" and not self.ended:
            self.on_event({"kind": "epoch", **self._where(trainer), **_metrics(trainer.metrics)})
        elif event == "on_model_save":
            # Beside the result, where `resume` looks.
            _write(self.out / CHECKPOINT, Path(trainer.last).read_bytes())
            if trainer.fitness == trainer.best_fitness:
                _write(self.out / _BEST, json.dumps(_metrics(trainer.metrics)).encode())

    def stop_if_asked(self) -> None:
        """Cancelled if somebody wants the training to end."""
        if self.cancelled():
            last = self.out / CHECKPOINT
            raise Cancelled(
                "the training was stopped",
                remedy=f"pass resume={str(last)!r} to go on" if last.is_file() else "start it again",
            )

    def _where(self, trainer: Any) -> dict[str, Any]:
        batches = len(trainer.train_loader)
        done = self._batches_done / batches
        epochs_left = trainer.epochs - trainer.start_epoch - done
        eta_s = (time.monotonic() - self._began_s) / max(done, 1e-9) * max(epochs_left, 0)
        losses = {name: round(float(value), 5) for name, value in (trainer.tloss or {}).items()}
        return {
            "epoch": trainer.epoch + 1,
            "epochs": trainer.epochs,
            "batch": self._batch,
            "batches": batches,
            "losses": losses,
            "eta_s": round(eta_s, 1),
        }


def _trainer(architecture: Architecture, told: _Told, begin: files.Weights | None, overrides: dict[str, Any]) -> Any:
    from ultralytics.models.rtdetr.train import RTDETRTrainer
    from ultralytics.models.yolo.detect.train import DetectionTrainer
    from ultralytics.utils.callbacks import get_default_callbacks

    parent: Any = RTDETRTrainer if architecture.family == "rtdetr" else DetectionTrainer

    class Trainer(parent):  # type: ignore[misc]
        def run_callbacks(self, event: str) -> None:
            """Tell us alone: ultralytics adds its own and other companies' reporters to the list."""
            told.heard(event, self)

        def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
            if weights is None and begin is not None:
                weights = _module(architecture, begin)
            return super().get_model(cfg=cfg, weights=weights, verbose=False)

        def final_eval(self) -> None:
            told.ended = True
            super().final_eval()

        def save_metrics(self, metrics: Any) -> None:
            """Keep no CSV: the events say it."""

        def read_results_csv(self) -> dict[str, Any]:
            return {}

    callbacks = get_default_callbacks()
    callbacks["on_val_batch_start"].append(lambda validator: told.stop_if_asked())
    try:
        return Trainer(overrides=overrides, _callbacks=callbacks)
    except FileNotFoundError as error:
        raise Invalid(
            f"the checkpoint {overrides['resume']} cannot be gone on from ({error})",
            remedy="start anew, without resume=",
        ) from error
    except RuntimeError as error:
        raise Invalid(
            f"the dataset cannot be trained on ({error})", remedy="check its data.yaml and folders"
        ) from error


def _run(trainer: Any, device: Any) -> bool:
    """Train; False if the checkpoint to go on from is of the last epoch already."""
    import cv2

    # Its threads and the loader's forked processes lock each other up.
    cv2.setNumThreads(0)
    try:
        trainer.train()
    except AssertionError as error:
        if "nothing to resume" not in str(error):
            raise
        return False
    except RuntimeError as error:
        if "out of memory" in str(error).lower():
            raise Unavailable(
                f"{device} has too little memory for batch={trainer.batch_size} at {trainer.args.imgsz} pixels",
                remedy=f"halve it: batch={max(1, trainer.batch_size // 2)}, or use a smaller image_size",
            ) from error
        raise
    return True


@contextmanager
def _safe_loading() -> Iterator[None]:
    """Checkpoints are read back (to resume, to recover from NaN): only as tensors and known modules."""
    from ultralytics.nn import tasks

    before, tasks.SAFE_LOAD = tasks.SAFE_LOAD, True
    try:
        yield
    finally:
        tasks.SAFE_LOAD = before


def _result(trainer: Any, what: files.Weights, resume: Path | None) -> Path:
    """Write the best epoch's weights into the folder ``what.path``, described as ``what`` says."""
    out = what.path
    found = [one for one in (trainer.best, trainer.last, resume) if one is not None and one.is_file()]
    if not found:
        raise Invalid("the training diverged and left no weights", remedy="use a smaller batch, or more images")
    for place, checkpoint in enumerate(found):
        try:
            raw = files.convert(checkpoint, out / "weights.new")
            break
        except Invalid:
            # A kill can leave the best one half stripped; the last one then stands in.
            if place == len(found) - 1:
                raise
    files.describe(replace(what, path=raw.path), out / "weights.safetensors")
    raw.path.unlink()
    return out / "weights.safetensors"


def _bring_best(resume: Path, out: Path) -> None:
    """Copy what was best so far beside the new run, when it goes on in another folder."""
    for name in (_BEST, "run/weights/best.pt"):
        source, target = resume.parent / name, out / name
        if source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, source.read_bytes())


def _kept_metrics(out: Path) -> dict[str, float]:
    path = out / _BEST
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else _metrics(None)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, whenever the process is killed."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _metrics(found: Any) -> dict[str, float]:
    named = {"mAP50-95": "mAP50-95(B)", "mAP50": "mAP50(B)", "precision": "precision(B)", "recall": "recall(B)"}
    return {name: round(float((found or {}).get(f"metrics/{theirs}", 0.0)), 5) for name, theirs in named.items()}


def _module(architecture: Architecture, begin: files.Weights) -> Any:
    """The module of the weights to begin with, with as many outputs as they have."""
    names = begin.class_names
    if not names:
        raise Invalid(
            f"{begin.path.name} does not name its classes", remedy="register it first, with class_names=[…]"
        )
    module = _ultralytics.build(Settings.from_environment().home, architecture, len(names))
    load_state(module, begin, architecture)
    module.names = dict(enumerate(names))
    return module


def _own_yaml(source: Path, copy: Path) -> dict[str, Any]:
    """A data.yaml of what training needs alone: theirs may name a script to download with, and would run it."""
    try:
        said = yaml.safe_load(source.read_text(encoding="utf-8"))
        names = said["names"]
        listed = (
            [str(names[key]) for key in sorted(names)] if isinstance(names, dict) else [str(one) for one in names]
        )
        root = Path(said.get("path") or source.parent)
        root = root if root.is_absolute() else source.parent / root
        parts = {part: said[part] for part in ("train", "val")}
    except OSError as error:
        raise NotFound(
            f"{source} cannot be read ({error.strerror})", remedy="give the path of a data.yaml"
        ) from error
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{source} is no YOLO dataset ({type(error).__name__}: {error})",
            remedy="it needs path, train, val and names; dataset.export('yolo', …) writes one",
        ) from error
    for part, place in parts.items():
        for one in place if isinstance(place, list) else [place]:
            if not (root / str(one)).exists():
                raise NotFound(f"the {part} images {root / str(one)} are not there", remedy=f"correct {source}")
    own = {"path": str(root.resolve()), **parts, "names": dict(enumerate(listed))}
    copy.write_text(yaml.safe_dump(own, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return {**own, "names": listed}


def _nominal_batch(data: Mapping[str, Any], batch: int, epochs: int) -> int:
    """How many images make one step of the optimizer.

    ultralytics gathers 64. On a few hundred images that leaves a handful of steps, after which nothing is learnt and
    the running means of the normalisation are still those of the beginning: then every batch makes a step.
    """
    places = data["train"] if isinstance(data["train"], list) else [data["train"]]
    count = sum(_images(Path(data["path"]) / str(one)) for one in places)
    return _NOMINAL_BATCH if count * epochs >= _NOMINAL_BATCH * _FEW_STEPS else min(batch, _NOMINAL_BATCH)


def _images(place: Path) -> int:
    if place.is_file():
        return sum(1 for line in place.read_text(encoding="utf-8").splitlines() if line.strip())
    return sum(1 for one in place.rglob("*") if one.is_file())


def _has_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported())
