"""What the verbs share on a terminal: the table of services, progress, JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from evalnb.cli.supervision.runfile import Entry

_MARKS = {"up": ("✓", "green"), "starting": ("…", "yellow"), "waiting": ("↻", "yellow"), "failed": ("✗", "red")}
_WIDEST = 400


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, default=str))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table, as wide as its words: what is folded cannot be copied."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=True)
    for row in rows:
        # As they are: a name may look like rich's markup.
        table.add_row(*map(Text, row))
    Console(highlight=False, width=max(Console(width=_WIDEST).measure(table).maximum, 1)).print(table)


def print_services(entries: Sequence[Entry], *, detailed: bool = False) -> None:
    """The table of what runs. ``detailed`` adds pid, uptime and memory."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from evalnb.cli.supervision import processes

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("service")
    if detailed:
        for title in ("state", "pid", "up for", "memory"):
            table.add_column(title, justify="left" if title == "state" else "right")
    table.add_column("address", no_wrap=True)
    for entry in entries:
        if entry.state == "absent":
            continue
        mark, style = _MARKS.get(entry.state, ("·", "dim"))
        row: list[Any] = [Text(mark, style=style), Text(entry.title)]
        if detailed:
            running = entry.identity is not None and entry.identity.process() is not None
            identity = entry.identity if running else None
            row += [
                Text(entry.state if identity or entry.state != "up" else "gone"),
                str(identity.pid) if identity else "",
                duration(time.time() - identity.born) if identity else "",
                size(processes.memory_bytes(identity)) if identity else "",
            ]
        row.append(Text(entry.address))
        table.add_row(*row)
    # An address that is cut or folded cannot be clicked: the table is as wide as it needs, and the terminal wraps.
    needed = Console(width=_WIDEST).measure(table).maximum
    Console(highlight=False, width=max(needed, 1)).print(table)
    for entry in entries:
        if entry.note:
            click.echo(entry.note if entry.state == "absent" else f"{entry.title}: {entry.note}")


def duration(seconds: float) -> str:
    """3 s, 12 min, 4 h 05 min, 2 d 3 h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(count_bytes: float) -> str:
    """512 KB, 71 MB, 2.1 GB."""
    if count_bytes < 1e6:
        return f"{count_bytes / 1e3:.0f} KB"
    return f"{count_bytes / 1e6:.0f} MB" if count_bytes < 1e9 else f"{count_bytes / 1e9:.1f} GB"
