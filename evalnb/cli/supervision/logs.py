"""The logs under EVALNB_HOME/logs: one file for each service, the last few starts kept."""

from pathlib import Path

_KEPT = 5


def rotate(log: Path) -> None:
    """Make room for a new ``log``: ``lab.log`` becomes ``lab.1.log``, and so on; the oldest is dropped."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in range(_KEPT - 1, -1, -1):
        old = _numbered(log, number)
        if old.exists():
            old.replace(_numbered(log, number + 1))


def _numbered(log: Path, number: int) -> Path:
    return log if number == 0 else log.with_name(f"{log.stem}.{number}{log.suffix}")


def tail(log: Path, *, lines: int = 12) -> list[str]:
    """The last lines of a log that may be large or not there."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16_384))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []
