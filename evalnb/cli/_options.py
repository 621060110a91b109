"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Verb = TypeVar("_Verb", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
"""A path. Whether it is there, and readable, is said by the verb itself, with what to do about it."""


def project_option(verb: _Verb) -> _Verb:
    """--project, the name that ``ev.open(project=…)`` takes."""
    return click.option("--project", default="default", show_default=True, help="The project's name.")(verb)


def json_option(verb: _Verb) -> _Verb:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")(verb)
