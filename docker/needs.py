"""Print what evalnb needs with some of its extras, pinned as the lock pins it: ``python needs.py EXTRA…``.

pyproject.toml is half settings of tools, and the layer with torch in it must not be made anew for one of those. So an
image's dependencies are read here, in a stage of its own, and the layer is made from what this prints. With pins,
``uv pip install --require-hashes --constraint requirements.lock`` refuses what the lock does not name.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?P<extras>\[[^\]]*\])?[^;]*(?P<marker>;.*)?")
_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)\s*(?P<marker>;[^\\]*)?")


def needs(project: str, lock: str, extras: list[str]) -> list[str]:
    """Sorted lines such as ``uvicorn[standard]==0.54.0``; ValueError where an extra or a pin is missing."""
    table = tomllib.loads(project)["project"]
    known = table["optional-dependencies"]
    if strange := sorted(set(extras) - set(known)):
        raise ValueError(f"pyproject.toml has no extra {strange[0]!r}; it has {', '.join(sorted(known))}")
    # One package may have a pin for each of several versions of Python.
    pins: dict[str, list[re.Match[str]]] = {}
    for line in lock.splitlines():
        if pin := _PIN.match(line):
            pins.setdefault(_normal(pin["name"]), []).append(pin)
    lines = set()
    for one in sum((known[extra] for extra in extras), table["dependencies"]):
        wanted = _REQUIREMENT.fullmatch(one.strip())
        if wanted is None or _normal(wanted["name"]) not in pins:
            raise ValueError(f"requirements.lock has no pin for {one!r}: run `make lock`")
        for pin in pins[_normal(wanted["name"])]:
            markers = [part.strip("; ") for part in (wanted["marker"], pin["marker"]) if part]
            both = " and ".join(f"({part})" for part in dict.fromkeys(markers))
            lines.add(f"{pin['name']}{wanted['extras'] or ''}=={pin['version']}" + (f" ; {both}" if both else ""))
    return sorted(lines)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    try:
        project, lock = (Path(name).read_text() for name in ("pyproject.toml", "requirements.lock"))
        sys.stdout.write("".join(f"{line}\n" for line in needs(project, lock, sys.argv[1:])))
    except ValueError as error:
        sys.exit(str(error))
