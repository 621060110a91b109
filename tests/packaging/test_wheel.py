"""The wheel, in an empty environment, away from the clone: it starts everything, and a notebook evaluates."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import TimeoutError

from evalnb.cli.supervision import processes
from evalnb.cli.supervision.runfile import RunDirectory
from tests.conftest import temporary_home

ROOT = Path(__file__).parents[2]
UV = ROOT / ".build" / "uv" / "bin" / "uv"

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]

# Three images, four truths, one of them missed and one ghost: AP is neither 0 nor 1, and the same everywhere.
PROBLEM = """
import evalnb as ev
box = lambda image, number, x: {"id": number, "image_id": image, "category_id": 1, "bbox": [x, 10, 40, 40],
                                "area": 1600, "iscrowd": 0}
truth = {"images": [{"id": i, "file_name": f"{i}.png", "width": 200, "height": 100} for i in (1, 2, 3)],
         "categories": [{"id": 1, "name": "cat"}],
         "annotations": [box(1, 1, 10), box(1, 2, 100), box(2, 3, 10), box(3, 4, 10)]}
found = [{"image_id": i, "category_id": 1, "bbox": [x, 10, 40, 40], "score": s}
         for i, x, s in ((1, 10, .9), (1, 100, .8), (2, 150, .7), (3, 10, .6))]
summary = ev.evaluate_coco(truth, found).summary()
print("AP", round(summary["AP"], 4), "AP50", round(summary["AP50"], 4), "AR100", round(summary["AR100"], 4))
"""
# By hand: precision 1 up to recall .5, then 3/4 up to recall .75, at all ten IoUs; of the 101 recall thresholds 51
# lie at 0 … 0.50 and 25 at 0.51 … 0.75: (51 + 25 × 0.75) / 101.
ANSWER = "AP 0.6906 AP50 0.6906 AR100 0.75"


def run(*words: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, its extras server and lab, and nothing of the clone; no torch."""
    folder = tmp_path_factory.mktemp("installed")
    # The lock without its hashes; the markers stay, since it is made for every platform.
    locked = re.findall(r"^([a-z0-9].*?)\s*\\?$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(locked))
    wanted = f"evalnb[server,lab] @ {wheel.as_uri()}"
    environment = folder / "env"
    if UV.exists():
        run(UV, "venv", "--quiet", "--python", sys.executable, environment, cwd=folder)
        python = environment / "bin" / "python"
        run(UV, "pip", "install", "--quiet", "--python", python, "-c", constraints, wanted, cwd=folder)
    else:
        run(sys.executable, "-m", "venv", environment, cwd=folder)
        run(environment / "bin" / "pip", "install", "--quiet", "-c", constraints, wanted, cwd=folder)
    return environment


def test_the_wheel_carries_all_that_a_clone_has_for_its_users(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    bundles = {
        f"evalnb/widgets/static/{one.parent.name}.js" for one in (ROOT / "widgets" / "src").glob("*/index.tsx")
    }
    assert bundles and bundles <= names
    migrations = {str(one.relative_to(ROOT)) for one in (ROOT / "evalnb/store/migrations/versions").glob("*.py")}
    assert migrations and migrations <= names
    tracked = run("git", "ls-files", "notebooks", cwd=ROOT).stdout.split()
    assert {f"evalnb/{name}" for name in tracked} <= names
    tops = {name.split("/")[0] for name in names}
    assert {one for one in tops if not one.endswith((".dist-info", ".data"))} == {"evalnb", "evalnb_server"}
    # The portal comes with what Node needs to run it, in a wheel of a clone where it was built.
    built = (ROOT / "portal" / ".next" / "standalone" / "portal" / "server.js").is_file()
    assert ("evalnb/portal/portal/server.js" in names) is built
    names = {name for name in names if not name.startswith("evalnb/portal/")}
    assert not [name for name in names if "__pycache__" in name or "node_modules" in name or name.endswith(".tsx")]


def test_a_wheel_without_the_browser_bundles_is_not_built(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "evalnb", clone / "evalnb", ignore=shutil.ignore_patterns("static", "__pycache__"))
    for folder in ("server", "widgets/src", "notebooks", "jupyter", "tools"):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, clone / folder)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, clone / file)
    refused = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "annotator.js" in refused.stderr and "make setup" in refused.stderr


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a person who has only the wheel, with a home of their own."""
    with temporary_home() as home:
        kept = {"PATH", "HOME", "LANG", "TMPDIR"}
        environment = {name: value for name, value in os.environ.items() if name in kept}
        environment |= {"EVALNB_HOME": str(home), "PATH": f"{installed / 'bin'}:{environment['PATH']}"}
        # JupyterLab's own files of this person, apart from the tester's.
        environment |= {"HOME": str(tmp_path)}
        try:
            yield environment
        finally:
            run(installed / "bin" / "evalnb", "down", "--force", cwd=tmp_path, environment=environment)


def test_the_wheel_starts_everything_and_a_notebook_evaluates(
    installed: Path, elsewhere: dict[str, str], browser: Any, tmp_path: Path
) -> None:
    evalnb = installed / "bin" / "evalnb"
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    cell = nbformat.v4.new_code_cell(PROBLEM.strip())
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, notebooks / "evaluate.ipynb")

    found = run(
        installed / "bin" / "python",
        "-c",
        "import evalnb; print(evalnb.__file__)",
        cwd=tmp_path,
        environment=elsewhere,
    )
    assert Path(found.stdout.strip()).is_relative_to(installed)
    run(evalnb, "up", "--detach", "--notebooks", notebooks, cwd=tmp_path, environment=elsewhere)
    status = json.loads(run(evalnb, "status", "--json", cwd=tmp_path, environment=elsewhere).stdout)
    states = {row["name"]: row["state"] for row in status["services"]}
    # Not every build of the wheel has a portal in it, and not every machine Node.
    assert states.pop("portal") in {"up", "absent"}
    assert states == dict.fromkeys(("front", "lab", "voila", "api", "worker", "postgres", "valkey"), "up")
    doctor = json.loads(run(evalnb, "doctor", "--json", cwd=tmp_path, environment=elsewhere).stdout)
    assert doctor["well"]
    assert {one["name"]: one["state"] for one in doctor["findings"]}["gpu"] == "warning"  # there is no torch

    home = Path(elsewhere["EVALNB_HOME"])
    addresses = RunDirectory(home).addresses()
    signing_in = f"{addresses['lab']}?{urlsplit(addresses['front']).query}"
    assert answer_in_the_browser(browser, signing_in, picture=tmp_path / "lab.png") == ANSWER

    record = RunDirectory(home).record()
    assert record is not None
    roots = [record.supervisor, *(entry.identity for entry in record.entries if entry.identity)]
    everything = processes.family(roots) | set(record.descendants)
    assert len(everything) > 6
    run(evalnb, "down", cwd=tmp_path, environment=elsewhere)
    assert processes.living(everything) == set()


def answer_in_the_browser(browser: Any, address: str, *, picture: Path) -> str:
    """Open JupyterLab where `evalnb up` says, run the notebook's cell as a person does, and read its output."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.locator(".jp-DirListing-item", has_text="evaluate.ipynb").dblclick(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=60_000)
    output = page.locator(".jp-OutputArea-output pre").first
    for _ in range(10):
        # A cell that is run before the kernel is there has JupyterLab ask which one; no other question may come.
        for question in page.locator(".jp-Dialog").all():
            assert "Select Kernel" in question.inner_text(), question.inner_text()
            question.locator(".jp-mod-accept").click()
        page.locator(".jp-Notebook .cm-content").first.click(timeout=60_000)
        page.keyboard.press("Shift+Enter")
        try:
            output.wait_for(timeout=15_000)
            break
        except TimeoutError:
            # JupyterLab says "idle" a moment before the notebook is joined to its kernel, and forgets a cell
            # that is run in that moment. A person presses the keys again.
            page.screenshot(path=picture)
    output.wait_for(timeout=1_000)
    said: str = output.inner_text().strip()
    assert page.locator("text=Would you like to get notified").count() == 0
    page.close()
    return said
