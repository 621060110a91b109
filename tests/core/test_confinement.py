"""A confined process does what reading needs, and ends at anything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import evalnb

_ROOT = str(Path(evalnb.__file__).parents[1])
_STRICT = "memory_bytes=1 << 30, open_files=32, cpu_s=60, written_bytes=0"
_THREADED = "memory_bytes=4 << 30, open_files=64, threads=True"


def _run(limits: str, then: str) -> subprocess.CompletedProcess[str]:
    source = f"""
import os, resource, socket, subprocess, sys, tempfile, threading
sys.path.insert(0, {_ROOT!r})
from evalnb.core.confinement import confine
held = tempfile.TemporaryFile()
confine({limits})
{then}
print("still here")
"""
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("limits", [_STRICT, _THREADED])
def test_reading_goes_on(limits: str) -> None:
    done = _run(limits, f"open({__file__!r}, 'rb').read(); bytes(10 << 20)")
    assert done.stdout == "still here\n", done.stderr


def test_threads_where_they_are_allowed() -> None:
    done = _run(_THREADED, "one = threading.Thread(target=int); one.start(); one.join()")
    assert done.stdout == "still here\n", done.stderr


BREAKING_OUT = [
    "subprocess.run(['true'])",
    "os.system('true')",
    "os.execv('/bin/true', ['true'])",
    "os.fork()",
    "socket.create_connection(('127.0.0.1', 9))",
]


@pytest.mark.parametrize("then", BREAKING_OUT)
@pytest.mark.parametrize("limits", [_STRICT, _THREADED])
def test_breaking_out_ends_it(limits: str, then: str) -> None:
    done = _run(limits, then)
    assert (done.returncode, done.stdout) == (77, "")


def test_writing_by_name_ends_a_strict_one(tmp_path: Path) -> None:
    done = _run(_STRICT, f"open({str(tmp_path / 'x')!r}, 'wb')")
    assert done.returncode == 77
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("then", "error"),
    [
        ("bytes(2 << 30)", "MemoryError"),
        ("held.write(b'x'); held.flush()", "File"),
        ("[os.dup(0) for _ in range(99)]", ""),
    ],
)
def test_limits_hold(then: str, error: str) -> None:
    done = _run(_STRICT, then)
    assert "still here" not in done.stdout
    assert error in done.stderr or done.returncode < 0


def test_there_is_no_network() -> None:
    done = _run(_THREADED, "print(sorted(one for _, one in socket.if_nameindex()))")
    if "PermissionError" in done.stderr or ("lo'" in done.stdout and "eth" in done.stdout):
        pytest.skip("this system grants no network namespace")
    assert done.stdout.startswith("['lo']"), done.stdout + done.stderr
