"""The group of verbs, and how a refusal looks in a terminal."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from typing import Any

import click

from evalnb.errors import EvalnbError

# verb: module. The function in it has the verb's name, with an underscore behind where Python has taken the name.
_VERBS = {
    "up": "up",
    "down": "up",
    "status": "up",
    "doctor": "doctor",
    "demo": "demo",
    "import": "datasets",
    "export": "datasets",
    "predict": "runs",
    "evaluate": "evaluate",
    "train": "runs",
    "report": "runs",
    "user": "accounts",
    "token": "accounts",
    "migrate": "migrate",
    "serve": "serve",
}


class _Verbs(click.Group):
    """Imports a verb's module only when the verb is used or described, and prints refusals in two lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a person's day, not of the alphabet."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, or None."""
        if cmd_name not in _VERBS:
            return None
        module = import_module(f"evalnb.cli.{_VERBS[cmd_name]}")
        found: click.Command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb. An EvalnbError is for a person: what happened, what to do; exit code 1."""
        try:
            return super().invoke(ctx)
        except EvalnbError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            click.secho(f"✗ {error.happened}", fg="red", err=True)
            click.echo(f"  {error.remedy}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            sys.exit(130)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="evalnb")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def main(debug: bool) -> None:
    """Look at a dataset, annotate it, run models over it, evaluate, compare and publish."""
