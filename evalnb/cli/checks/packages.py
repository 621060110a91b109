"""Python, its packages, and the widgets' browser half."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import evalnb
from evalnb.cli.checks._finding import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_PYTHON = (3, 11)
_NODE = 20
_EXTRAS = {
    "models": "pip install -U 'evalnb[models]'",
    "sam2": "pip install --no-build-isolation sam2, after the extra models",
    "server": "pip install -U 'evalnb[server]'",
    "lab": "pip install -U 'evalnb[lab]'",
    "video": "pip install -U 'evalnb[video]'",
}


def python() -> Finding:
    """The interpreter."""
    says = (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, evalnb {evalnb.__version__}"
    )
    if sys.version_info < _PYTHON:
        return Finding("python", "bad", says, "evalnb needs Python 3.11 or later: make a new environment with it")
    return Finding("python", "ok", says)


def installed() -> Iterator[Finding]:
    """Whether what evalnb requires is there, and new enough; then each extra."""
    from packaging.requirements import Requirement

    required = [Requirement(line) for line in metadata.requires("evalnb") or []]

    def wanted(extra: str) -> list[Requirement]:
        base = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
        if not extra:
            return base
        return [one for one in required if one not in base and one.marker and one.marker.evaluate({"extra": extra})]

    here, problems = _look(wanted(""))
    if problems:
        yield Finding("packages", "bad", "; ".join(problems), "pip install -U evalnb")
    else:
        yield Finding("packages", "ok", f"all {here} that evalnb needs")
    for extra, install in _EXTRAS.items():
        here, problems = _look(wanted(extra))
        if problems:
            yield Finding(f"extra {extra}", "warning", "; ".join(problems), install)
        else:
            yield Finding(f"extra {extra}", "ok", f"all {here}")


def _look(requirements: list[Requirement]) -> tuple[int, list[str]]:
    problems = []
    for one in requirements:
        try:
            found = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            problems.append(f"{one.name} is not installed")
            continue
        if not one.specifier.contains(found, prereleases=True):
            problems.append(f"{one.name} is {found}, and {one.specifier} is needed")
    return len(requirements), problems


def bundles() -> Iterator[Finding]:
    """The widgets' browser half and, in a clone, the Node that builds it."""
    package = Path(evalnb.__file__).parent
    in_clone = (package.parent / "widgets" / "package.json").exists()
    if in_clone:
        yield _node()
    if (package / "widgets" / "static" / "annotator.js").exists():
        yield Finding("widgets", "ok", "the browser half is built")
    else:
        remedy = "run `make setup`" if in_clone else "install evalnb anew: its wheel carries it"
        yield Finding("widgets", "bad", "the widgets' browser half is not built", remedy)


def _node() -> Finding:
    remedy = f"only building the widgets needs it: install Node {_NODE} or later"
    program = shutil.which("node")
    if program is None:
        return Finding("node", "warning", "there is no Node", remedy)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    major = said.strip().lstrip("v").split(".")[0]
    if not major.isdigit() or int(major) < _NODE:
        return Finding("node", "warning", f"Node says {said.strip()!r}", remedy)
    return Finding("node", "ok", f"Node {said.strip()}")
