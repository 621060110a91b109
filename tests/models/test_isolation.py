"""ultralytics, kept in: no network, no files of its own, no change to the process it is loaded into."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from evalnb.settings import Settings

SCRIPT = """
import json, os, pathlib, socket, sys, threading
home = pathlib.Path(sys.argv[1])
dialled = []

def refuse(*arguments, **named):
    dialled.append(repr(arguments))
    raise OSError("no network in this test")

socket.getaddrinfo = refuse
socket.socket.connect = refuse
import numpy as np
import torch
torch.set_num_threads(1)
from PIL import Image
before = dict(os.environ), np.get_printoptions(), Image.open, torch.save, torch.__config__.parallel_info()

from evalnb import models
from evalnb.models.training import train
detector = models.detector("yolo11n", None, class_names=["person"], device="cpu", home=home / "home")
detector.detect([np.zeros((64, 64, 3), np.uint8)], confidence=0.5, max_detections=5)
after = dict(os.environ), np.get_printoptions(), Image.open, torch.save, torch.__config__.parallel_info()
# torch's own, whoever imports it.
for one in (before[0], after[0]):
    one.pop("TORCHINDUCTOR_CACHE_DIR", None)
unchanged = [a == b for a, b in zip(before, after)]

rng = np.random.default_rng(0)
for part in ("train", "val"):
    for kind in ("images", "labels"):
        (home / "data" / kind / part).mkdir(parents=True)
    for n in range(4):
        noise = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(home / "data/images" / part / f"{n}.png")
        (home / "data/labels" / part / f"{n}.txt").write_text("0 0.5 0.5 0.4 0.4\\n")
script = f"open({str(home / 'RAN')!r}, 'w')"
places = "train: images/train\\nval: images/val\\nnames: [p\\u00e9rson]"
(home / "data/data.yaml").write_text(f"{places}\\ndownload: {script}\\n")
trained = train("yolo11n", home / "data/data.yaml", home / "out", epochs=1, image_size=64, batch=4, device="cpu")
print(json.dumps({
    "dialled": dialled,
    "unchanged": unchanged,
    "threads": [one.name for one in threading.enumerate() if not one.daemon],
    "names": list(trained.class_names),
    "loggers": [m for m in ("wandb", "mlflow", "clearml", "comet_ml", "ray", "tensorboard") if m in sys.modules],
}))
"""


def test_loading_predicting_and_training_touch_neither_network_nor_person(tmp_path: Path) -> None:
    person = tmp_path / "person"
    person.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    environment = Settings.from_environment({"EVALNB_HOME": str(tmp_path / "home")}).child_environment(
        HOME=str(person), ULTRALYTICS_API_KEY="ul_" + "0" * 40, WANDB_API_KEY="x"
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=work, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["dialled"] == []
    assert said["unchanged"] == [True] * 5
    assert said["threads"] == ["MainThread"]
    assert said["names"] == ["pérson"]
    assert said["loggers"] == []
    assert not list(work.iterdir())
    assert not (tmp_path / "RAN").exists()
    # matplotlib and torch may keep caches; ultralytics has nothing there.
    assert not [one for one in person.rglob("*") if "ltralytics" in str(one) or "yolo" in str(one).lower()]
    # Its own output would be taken for the job's.
    assert len(done.stdout.splitlines()) == 1
