"""The README's ten lines of Python, as they stand but for the number of epochs, with a real worker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalnb.demo.dataset import write
from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import open_store
from tests.detectors import make_weights

ROOT = Path(__file__).parents[2]


def ten_lines() -> str:
    (block,) = re.findall(
        r"## Ten lines of Python\n+```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    return block


def test_there_are_ten() -> None:
    lines = [line for line in ten_lines().splitlines() if line and not line.startswith("import ")]
    assert len(lines) <= 10


@pytest.mark.timeout(600)
def test_the_ten_lines_run(own_home: Path, tmp_path: Path) -> None:
    settings = Settings.from_environment({"HOME": str(tmp_path), "EVALNB_HOME": str(own_home), "EVALNB_OFFLINE": "1"})
    environment = {**os.environ, **settings.child_environment()}
    written = write(tmp_path, images=20)
    written.images.rename(tmp_path / "imgs")
    # Where the published weights would lie after the first download.
    (own_home / "models").mkdir()
    make_weights(own_home / "models" / "yolo11n.safetensors", own_home, [f"class {n}" for n in range(80)])
    lines = ten_lines()
    assert "epochs=50" in lines
    (tmp_path / "ten.py").write_text(lines.replace("epochs=50", "epochs=1, image_size=64"))
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "evalnb_server.worker"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            done = subprocess.run(
                [sys.executable, "ten.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
        finally:
            worker.terminate()
            worker.wait(30)
    assert done.returncode == 0, f"{done.stderr}\n{(tmp_path / 'worker.log').read_text()}"

    store = open_store(settings)
    project = Project(store)
    assert project.runs()["images"].tolist() == [4]
    (report,) = project.reports()
    assert report.title == "Detector v1"
    store.close()
