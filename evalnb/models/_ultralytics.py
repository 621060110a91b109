"""ultralytics, kept to what it is for: it phones nobody, installs nothing, downloads nothing, and writes only here.

Its import changes the process: it replaces ``PIL.Image.open`` and ``torch.save``, sets the print options of numpy and
torch, OpenCV's threads and environment variables, and writes a settings file. All of that is put back.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from evalnb.models._torch import need
from evalnb.models.architectures import Architecture
from evalnb.settings import environment

_lock = threading.RLock()

# Of SETTINGS; integrations with other people's servers, and analytics.
_OFF = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb", "vscode_msg", "openvino_msg")


def load(home: Path) -> ModuleType:
    """The ultralytics package, isolated. Its settings file lands in ``<home>/cache/ultralytics``.

    MissingExtra if it is not installed.
    """
    for name in ("torch", "ultralytics"):
        need(name, "running or training YOLO and RT-DETR")
    with _lock:
        if "ultralytics" not in sys.modules:
            _import(home)
        _quieten()
        return sys.modules["ultralytics"]


def _import(home: Path) -> None:
    import numpy as np
    import torch
    import torchvision  # noqa: F401 - ultralytics takes its NMS when it is loaded, and a slower one when not
    from PIL import Image

    config = home / "cache" / "ultralytics"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.mkdir(parents=True, exist_ok=True)
    off = {
        "YOLO_CONFIG_DIR": str(config),
        "YOLO_AUTOINSTALL": "false",
        "YOLO_OFFLINE": "true",
        "YOLO_VERBOSE": "false",
        "ULTRALYTICS_SAFE_LOAD": "true",
    }
    opened, saved, printing = Image.open, torch.save, np.get_printoptions()
    torch_printing = dict(vars(torch._tensor_str.PRINT_OPTS))
    with environment(off):
        # Inside: OpenCV writes into LD_LIBRARY_PATH when it is imported.
        import cv2

        threads = cv2.getNumThreads()
        importlib.import_module("ultralytics")
        for name in (
            "nn.tasks",
            "data.utils",
            "utils.checks",
            "utils.events",
            "utils.callbacks.platform",
            "engine.trainer",
        ):
            importlib.import_module(f"ultralytics.{name}")
    Image.open, torch.save = opened, saved
    cv2.setNumThreads(threads)
    np.set_printoptions(**printing)
    torch.set_printoptions(**torch_printing)
    logging.getLogger("ultralytics").setLevel(logging.ERROR)


def _quieten() -> None:
    """Switch off what may have been on already, when the person imported ultralytics before we did."""
    from ultralytics.data import utils as data_utils
    from ultralytics.utils import SETTINGS, checks, events

    for key in _OFF:
        # dict's own method: the class's writes the settings file, which may be the person's.
        dict.__setitem__(SETTINGS, key, False)
    dict.__setitem__(SETTINGS, "api_key", "")
    events.events.enabled = False
    checks.AUTOINSTALL = checks.ONLINE = False
    # It looks for a font on the network whenever a dataset is opened, for plots that are never drawn.
    data_utils.check_font = lambda font="": None


def build(home: Path, architecture: Architecture, classes: int) -> Any:
    """The untrained module of an architecture, from ultralytics' own yaml, for so many classes."""
    load(home)
    from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel

    kind = RTDETRDetectionModel if architecture.family == "rtdetr" else DetectionModel
    module = kind(architecture.config, nc=classes, verbose=False)
    module.task = "detect"
    return module


def widen(module: Any, architecture: Architecture, channels: int) -> None:
    """Give the branches that say the class so many channels, as ultralytics does where it starts from other weights.

    They are as wide as the number of classes asks for, between the head's own width and 100. A training that begins
    with weights of other classes keeps *their* width, so as to keep their layers. A width that no number of classes
    asks for changes nothing.
    """
    from torch import nn
    from ultralytics.nn.tasks import DetectionModel

    head, donor = (
        module.model[-1],
        DetectionModel(architecture.config, nc=max(1, min(channels, 100)), verbose=False).model[-1],
    )
    for name in ("cv3", "one2one_cv3"):
        mine, wide = getattr(head, name, None), getattr(donor, name, None)
        if mine is None or wide is None or wide[0][-1].in_channels != channels:
            continue
        for branch, old in zip(wide, mine, strict=True):
            branch[-1] = nn.Conv2d(channels, old[-1].out_channels, 1)
        setattr(head, name, wide)
