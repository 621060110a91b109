"""The rules of the house that no other tool holds. `make check` runs this; it prints what is broken and where."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sorted([*ROOT.glob("evalnb/**/*.py"), *ROOT.glob("server/**/*.py")])


def _found(pattern: str, files: list[Path], *, but: tuple[str, ...]) -> Iterator[str]:
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(but):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(pattern, line) and not line.lstrip().startswith("#"):
                yield f"{name}:{number}: {line.strip()}"


def queries_live_in_the_store() -> Iterator[str]:
    """``select(`` and its kin stand only under evalnb/store."""
    yield from _found(r"(?<![\w.])(select|insert|update|delete)\(\s*[A-Z]\w*Row", PYTHON, but=("evalnb/store/",))


def transactions_end_in_one_place() -> Iterator[str]:
    """Nobody calls commit: ``Database.transaction`` does it when its block ends."""
    yield from _found(r"\.commit\(", PYTHON, but=("evalnb/store/database.py", "evalnb/store/migrations/"))


def the_environment_is_read_in_one_place() -> Iterator[str]:
    """os.environ's EVALNB_ names are read by settings.py alone."""
    yield from _found(r"environ\S*EVALNB_|getenv\(.EVALNB_", PYTHON, but=("evalnb/settings.py",))


def nothing_is_left_unfinished() -> Iterator[str]:
    """No markers of unfinished work in what ships."""
    yield from _found(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError", PYTHON, but=())


def generated_types_are_current() -> Iterator[str]:
    """The TypeScript types are those of the wire shapes."""
    command = [sys.executable, str(ROOT / "tools/generate_types.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield (done.stdout + done.stderr).strip()


def files_stay_readable() -> Iterator[str]:
    """A Python file of more than 500 lines, or a TypeScript file of more than 350, has outgrown its room."""
    scripts = [*ROOT.glob("widgets/src/**/*.ts"), *ROOT.glob("widgets/src/**/*.tsx")]
    for paths, most in ((PYTHON, 500), (scripts, 350)):
        for path in paths:
            length = len(path.read_text().splitlines())
            if length > most and not {".gen", ".test"} & set(path.suffixes):
                yield f"{path.relative_to(ROOT)}: {length} lines (most {most})"
    length = len((ROOT / "evalnb/project.py").read_text().splitlines())
    if length > 300:
        yield f"evalnb/project.py: {length} lines (most 300: move the verb to its room)"


def main() -> int:
    """Run every rule; 1 when one is broken."""
    broken = 0
    for rule in (
        queries_live_in_the_store,
        transactions_end_in_one_place,
        the_environment_is_read_in_one_place,
        nothing_is_left_unfinished,
        generated_types_are_current,
        files_stay_readable,
    ):
        places = list(rule())
        print(f"{'✗' if places else '✓'} {rule.__name__.replace('_', ' ')}")
        for place in places:
            print(f"    {place}")
        broken += bool(places)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
