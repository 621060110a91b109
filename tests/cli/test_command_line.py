"""The command line itself: quick to start, and refusals that a person can read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evalnb.cli import main
from evalnb.settings import Settings

HEAVY = {"torch", "celery", "fastapi", "pandas", "matplotlib", "sqlalchemy", "numpy", "ipywidgets", "rich", "psutil"}


def evalnb(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evalnb", *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", [["--help"], ["up", "--help"], ["evaluate", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\nfrom evalnb.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout
    assert HEAVY & set(done.stderr.split()) == set()


def test_help_names_every_verb_with_one_line() -> None:
    told = evalnb("--help").stdout
    for verb in main.list_commands(None):  # type: ignore[arg-type]
        (line,) = [line for line in told.splitlines() if line.strip().startswith(f"{verb} ")]
        assert len(line.split()) > 3, f"{verb} says nothing about itself"


def test_a_refusal_is_two_lines_and_exit_code_1() -> None:
    refused = evalnb("status", EVALNB_PORT="many")
    assert refused.returncode == 1
    assert refused.stderr == "✗ EVALNB_PORT is 'many'\n  set it to a number from 1 to 65535, or unset it\n"


def test_debug_shows_where_a_refusal_comes_from() -> None:
    refused = evalnb("--debug", "status", EVALNB_PORT="0")
    assert refused.returncode == 1
    assert "Traceback" in refused.stderr and "in _port" in refused.stderr


def test_an_unknown_verb_is_refused_with_the_way_to_help() -> None:
    refused = evalnb("evalute")
    assert refused.returncode == 2
    assert "No such command 'evalute'" in refused.stderr and "--help" in refused.stderr


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    truth: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "1.png", "width": 100, "height": 100}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40], "area": 1600, "iscrowd": 0}
        ],
    }
    found = [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40], "score": 0.9}]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps(found))
    return tmp_path / "truth.json", tmp_path / "found.json"


def test_two_files_are_evaluated_with_nothing_started(files: tuple[Path, Path], tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = evalnb("evaluate", *files, EVALNB_HOME=str(home))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert len([line for line in lines if "@[ IoU=" in line]) == 12
    assert any("only 1 image" in line for line in lines[13:])  # nobody is sure of a number of one image
    assert "(AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 1.000" in lines[1]
    assert not home.exists()


def test_two_files_are_evaluated_to_json(files: tuple[Path, Path]) -> None:
    said = json.loads(evalnb("evaluate", *files, "--json").stdout)
    assert said["kind"] == "bbox" and said["id"] is None
    assert said["AP"] == pytest.approx(1) and said["ARm"] == 1 and said["APl"] == -1


def test_a_missing_file_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    refused = evalnb("evaluate", files[0], tmp_path / "nothing.json")
    assert refused.returncode == 1
    assert refused.stderr.startswith("✗ ") and "nothing.json" in refused.stderr and "Traceback" not in refused.stderr


def test_neither_a_number_nor_two_files_says_what_to_write() -> None:
    refused = evalnb("evaluate", "truth.json")
    assert refused.returncode == 1
    assert "`evalnb evaluate 3`" in refused.stderr


def test_migrate_names_the_revision_and_hides_the_password(settings: Settings) -> None:
    done = CliRunner().invoke(main, ["migrate"], env=settings.to_environment())
    assert done.exit_code == 0, done.output
    assert "is at revision 0" in done.output


def test_doctor_finds_this_machine_well(settings: Settings) -> None:
    done = evalnb("doctor", "--json", **settings.to_environment())
    said = json.loads(done.stdout)
    states = {one["name"]: one["state"] for one in said["findings"]}
    assert states["python"] == states["packages"] == states["postgres"] == states["migrations"] == "ok"
    assert states["broker"] == "ok"
    assert done.returncode == (0 if said["well"] else 1)
    assert all(one["remedy"] for one in said["findings"] if one["state"] != "ok")


def test_doctor_says_what_to_mend_and_exits_with_1(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = {
        **settings.to_environment(),
        "EVALNB_HOME": str(tmp_path / "file"),
        "EVALNB_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "EVALNB_BROKER_URL": "redis://127.0.0.1:1/0",
        "EVALNB_DEVICE": "cuda:7",
        "EVALNB_HOST": "0.0.0.0",
    }
    done = evalnb("doctor", **environment)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    for name in ("home", "postgres", "broker", "gpu"):
        (place,) = [number for number, line in enumerate(lines) if line.startswith(f"✗ {name} ")]
        assert lines[place + 1].strip().startswith("→ "), name
    assert any(line.startswith("! address") for line in lines)
