"""The documentation names everything that a person can set, type or import."""

import re
from pathlib import Path

import click
import pytest

import evalnb
from evalnb.cli import main
from evalnb.dataset import Dataset
from evalnb.project import Project
from evalnb.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = {path: path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
EVERYTHING = "\n".join(DOCS.values())


def verbs() -> list[str]:
    context = click.Context(main)
    return main.list_commands(context)


@pytest.mark.parametrize("name", [f"EVALNB_{field.upper()}" for field in Settings.__dataclass_fields__])
def test_the_settings_page_names_every_setting(name: str) -> None:
    assert f"`{name}`" in DOCS[ROOT / "docs" / "settings.md"]


def test_the_settings_page_names_no_setting_that_is_not_there() -> None:
    known = {f"EVALNB_{field.upper()}" for field in Settings.__dataclass_fields__}
    rows = [
        line.split("|")[1].strip(" `")
        for line in DOCS[ROOT / "docs" / "settings.md"].splitlines()
        if "| `EVALNB_" in line
    ]
    assert set(rows) == known


@pytest.mark.parametrize("verb", verbs())
def test_the_command_line_page_names_every_verb(verb: str) -> None:
    assert (
        f"`evalnb {verb}" in DOCS[ROOT / "docs" / "cli.md"] or f"\nevalnb {verb} " in DOCS[ROOT / "docs" / "cli.md"]
    )


@pytest.mark.parametrize("verb", verbs())
def test_the_command_line_page_names_no_option_that_is_not_there(verb: str) -> None:
    context = click.Context(main)
    command = main.get_command(context, verb)
    assert command is not None
    group = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    known = {option for one in group for parameter in one.params for option in parameter.opts}
    for line in DOCS[ROOT / "docs" / "cli.md"].splitlines():
        if line.startswith(f"evalnb {verb} "):
            used = {word.strip("`,;.") for word in line.split() if word.startswith("--")}
            assert used <= known, line


@pytest.mark.parametrize("name", evalnb.__all__)
def test_the_documentation_names_every_public_name(name: str) -> None:
    assert f"ev.{name}" in EVERYTHING


@pytest.mark.parametrize("kind", [Project, Dataset])
def test_the_python_page_names_every_method_and_none_that_is_not_there(kind: type) -> None:
    page = DOCS[ROOT / "docs" / "python.md"]
    members = {name: value for one in kind.__mro__[:-1] for name, value in vars(one).items()}
    public = {name for name, value in members.items() if not name.startswith("_") and hasattr(value, "__doc__")}
    variable = kind.__name__.lower()
    named = set(re.findall(rf"`{variable}\.(\w+)", page))
    attributes = {"store", "name", "id", "imported", "record", "part"}
    assert named - attributes == public - attributes
