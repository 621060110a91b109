"""``evalnb doctor``."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from evalnb.cli._terminal import print_json
from evalnb.settings import Settings

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")
def doctor(as_json: bool) -> None:
    """Check this machine and say what to mend.

    Exit code 1 where something must be (✗).
    """
    from evalnb.cli.checks import examine

    findings = []
    for finding in examine(Settings.from_environment()):
        findings.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.state]
            click.echo(f"{click.style(mark, fg=colour)} {finding.name:<13} {finding.says}")
            if finding.remedy:
                click.echo(f"  {'':<13} → {finding.remedy}")
    bad = [finding for finding in findings if finding.state == "bad"]
    if as_json:
        print_json({"well": not bad, "findings": [asdict(finding) for finding in findings]})
    if bad:
        sys.exit(1)
