"""The home, the disk, the GPU, and what lies there ready."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from evalnb.cli.checks._finding import Finding
from evalnb.settings import Settings

_NEEDED_BYTES = 1_000_000_000
_WISE_BYTES = 10_000_000_000

# In a process of its own: importing torch takes seconds, and a broken driver can take the process with it.
_LOOK_FOR_A_GPU = """
import json, torch
known = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
print(json.dumps({
    "torch": torch.__version__,
    "cuda": [f"{one.name}, {one.total_memory / 1e9:.0f} GB" for one in known],
    "mps": bool(torch.backends.mps.is_available()),
}))
"""


def home(path: Path) -> Iterator[Finding]:
    """EVALNB_HOME: there, writable, and private."""
    if not path.exists():
        parent = next(one for one in path.parents if one.exists())
        if os.access(parent, os.W_OK):
            yield Finding("home", "ok", f"{path} is not there yet; the first start makes it")
        else:
            yield Finding("home", "bad", f"{path} cannot be made", "set EVALNB_HOME to a directory of your own")
        return
    made = path.stat()
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        yield Finding("home", "bad", f"{path} cannot be written to", "set EVALNB_HOME to a directory of your own")
    elif made.st_uid != os.geteuid():
        yield Finding(
            "home", "warning", f"{path} belongs to user {made.st_uid}", "work as that user, or set EVALNB_HOME"
        )
    elif stat.S_IMODE(made.st_mode) & 0o077:
        yield Finding("home", "warning", f"others may look into {path}", f"chmod 700 {path}")
    else:
        yield Finding("home", "ok", f"{path}, yours alone")


def disk(path: Path) -> Finding:
    """The room for the home."""
    there = next(one for one in (path, *path.parents) if one.exists())
    free = shutil.disk_usage(there).free
    says = f"{free / 1e9:.1f} GB free for {path}"
    if free < _NEEDED_BYTES:
        return Finding("disk", "bad", says, "free some space, or set EVALNB_HOME to a larger disk")
    if free < _WISE_BYTES:
        return Finding("disk", "warning", says, "images and weights may need more: free some, or set EVALNB_HOME")
    return Finding("disk", "ok", says)


def weights(settings: Settings) -> Finding:
    """The weights that are in EVALNB_HOME/models."""
    folder = settings.home / "models"
    kinds = {".pt", ".pth", ".safetensors", ".onnx"}
    found = sorted(one.name for one in folder.glob("*") if one.suffix in kinds) if folder.is_dir() else []
    if found:
        return Finding(
            "weights", "ok", f"{len(found)} in {folder}: {', '.join(found[:5])}{' …' if found[5:] else ''}"
        )
    if settings.offline:
        return Finding(
            "weights", "warning", f"none in {folder}, and EVALNB_OFFLINE is set", f"copy some into {folder}"
        )
    return Finding("weights", "ok", f"none in {folder} yet; each is downloaded when it is first used")


def chromium() -> Finding:
    """The browser of the tests. Nobody else needs it."""
    found = next((name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)), None)
    return Finding("chromium", "ok", f"{found} for the tests" if found else "not here; only the tests would use it")


@contextmanager
def gpu(settings: Settings) -> Iterator[Callable[[], Finding]]:
    """Begin to look for a GPU; call what this gives to have the answer."""
    if find_spec("torch") is None:
        remedy = "pip install 'evalnb[models]' to run and train models"
        yield lambda: Finding("gpu", "warning", "torch is not installed", remedy)
        return
    asked = subprocess.Popen(
        [sys.executable, "-c", _LOOK_FOR_A_GPU], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield lambda: _answer(asked, settings)
    finally:
        if asked.poll() is None:
            asked.kill()
        asked.wait()


def _answer(asked: subprocess.Popen[str], settings: Settings) -> Finding:
    try:
        said, complaint = asked.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        return Finding(
            "gpu", "bad", "torch did not load within two minutes", "see with `nvidia-smi` whether the driver hangs"
        )
    if asked.returncode != 0:
        last = complaint.strip().splitlines()[-1:] or [f"exit code {asked.returncode}"]
        return Finding(
            "gpu", "bad", f"torch does not load: {last[0]}", "install torch anew, with the torchvision of its release"
        )
    about = json.loads(said)
    wanted = settings.device or ""
    have = [*(["cuda"] if about["cuda"] else []), *(["mps"] if about["mps"] else []), "cpu"]
    if wanted and wanted.split(":")[0] not in have:
        return Finding(
            "gpu", "bad", f"EVALNB_DEVICE is {wanted}, and torch has {', '.join(have)}", "unset it, or correct it"
        )
    if about["cuda"]:
        return Finding("gpu", "ok", f"{'; '.join(about['cuda'])} (torch {about['torch']})")
    if about["mps"]:
        return Finding("gpu", "ok", f"Apple's (torch {about['torch']})")
    return Finding(
        "gpu",
        "warning",
        f"none that torch {about['torch']} can use: models run on the CPU",
        "evalnb works; a GPU is faster",
    )
