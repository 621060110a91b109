"""Class names of the pieces that may stand in one notebook page: each piece has its own."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIECES = {
    "annotator": sorted((ROOT / "widgets/src/annotator").rglob("*.css")),
    "evaluation": sorted((ROOT / "widgets/src/evaluation").rglob("*.css")),
    "job": sorted((ROOT / "widgets/src/job").rglob("*.css")),
    "card": [ROOT / "evalnb/runs/card.py", ROOT / "evalnb/reports/publish.py"],
}


def test_no_class_name_is_styled_by_two_pieces() -> None:
    styled: dict[str, str] = {}
    for piece, files in PIECES.items():
        assert files, piece
        for name in sorted({name for path in files for name in re.findall(r"\.(evalnb-[\w-]+)", path.read_text())}):
            assert styled.setdefault(name, piece) == piece, f".{name} is styled by {styled[name]} and by {piece}"
