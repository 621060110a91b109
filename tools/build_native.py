"""Compile evalnb's native library with the machine's own C compiler ($CC, else cc): python tools/build_native.py.

`make setup` and the wheel's build run this. Nothing is linked but libm.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "evalnb" / "core" / "native"
# No contraction to fused multiply-add, no reordering: the numbers must be those of COCO's own tool on every machine.
FLAGS = [
    "-std=c11",
    "-O3",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Werror",
]


def build(out: Path = SOURCES / "libevalnb.so", extra: tuple[str, ...] = ()) -> Path:
    """The library at ``out``, replaced in one stroke; RuntimeError with the compiler's words where it fails."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if not shutil.which(compiler[0]):
        raise RuntimeError(f"there is no C compiler {compiler[0]!r}: install one (Debian: gcc), or set CC")
    sources = sorted(str(path) for path in SOURCES.glob("*.c"))
    fresh = out.with_suffix(f".{os.getpid()}.new")
    done = subprocess.run(
        [*compiler, *FLAGS, *extra, *sources, "-o", str(fresh), "-lm"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(compiler)} could not build evalnb's native library:\n{done.stderr}")
    fresh.replace(out)
    return out


if __name__ == "__main__":
    try:
        print(build().relative_to(ROOT))
    except RuntimeError as error:
        sys.exit(str(error))
