"""Every kind of label has its page, every page is found, and what pages point to is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from evalnb.wire.shapes import Geometry

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "labels").glob("*.md"))
NAMES = {"rotated": "rotated-box"}


def test_every_kind_of_geometry_has_a_page() -> None:
    kinds = [one.model_fields["kind"].default for one in get_args(get_args(Geometry)[0])]
    assert len(kinds) == 8
    assert {NAMES.get(one, one) for one in kinds} <= {page.stem for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_linked_and_its_links_lead_somewhere(page: Path) -> None:
    for index in ("README.md", "annotate.md"):
        assert f"labels/{page.name}" in (DOCS / index).read_text(), f"{index} does not link {page.name}"
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)|src=\"([^\"]+)\"", text):
        target = page.parent / (link[0] or link[1])
        assert target.exists(), f"{page.name} points to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_command_that_a_page_names_is_one(page: Path) -> None:
    """What is found by its name (F2) is named as the command is."""
    keys = (DOCS.parent / "widgets" / "src" / "editor" / "keys.ts").read_text()
    named = re.findall(r"(?<!\*)\*((?:Fit|Convert|Cut|The object)[^*]+)\*(?!\*)", page.read_text())
    for name in named:
        assert f'about: "{name}"' in keys, name
