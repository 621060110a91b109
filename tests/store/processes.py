"""Other Python processes, as kernels and workers are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil


def script(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A new interpreter that runs ``code``; it finds ``arguments`` in ``sys.argv``."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def said(process: subprocess.Popen[str], *, returncode: int = 0) -> str:
    """What the process printed, once it has ended as expected."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == returncode, err
    return out.strip()


def kill_server(pid: int) -> None:
    """SIGKILL a server and all its children, as the kernel's out-of-memory killer may."""
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    for one in family:
        one.kill()


def postmaster_pid(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
