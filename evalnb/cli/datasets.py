"""``evalnb import`` and ``evalnb export``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalnb.cli._options import FILE, json_option, project_option
from evalnb.cli._terminal import print_json

if TYPE_CHECKING:
    from evalnb.registry.ingest import ImportReport

_COPY = click.option("--copy", is_flag=True, help="Keep a copy of every image. Default: they stay where they are.")


@click.group()
def import_() -> None:
    """Import a dataset from COCO or YOLO files.

    Interrupted, the same command goes on; repeated, it changes nothing.
    """


@import_.command()
@click.argument("name")
@click.option("--images", required=True, type=FILE, help="The folder of the images.")
@click.option("--annotations", required=True, type=FILE, help="The JSON file.")
@_COPY
@project_option
@json_option
def coco(name: str, images: Path, annotations: Path, copy: bool, project: str, as_json: bool) -> None:
    """Import a COCO file as the dataset NAME."""
    from evalnb import project as projects
    from evalnb.progress import TqdmProgress
    from evalnb.registry import ingest

    opened = projects.open(project=project)
    report = ingest.import_coco(
        opened.store, opened.id, name, images=images, annotations=annotations, copy=copy, progress=TqdmProgress()
    )
    _told(report, as_json=as_json)


@import_.command()
@click.argument("name")
@click.argument("data", type=FILE)
@_COPY
@project_option
@json_option
def yolo(name: str, data: Path, copy: bool, project: str, as_json: bool) -> None:
    """Import a YOLO data.yaml as the dataset NAME; its splits become tags."""
    from evalnb import project as projects
    from evalnb.progress import TqdmProgress
    from evalnb.registry import ingest

    opened = projects.open(project=project)
    report = ingest.import_yolo(opened.store, opened.id, name, data=data, copy=copy, progress=TqdmProgress())
    _told(report, as_json=as_json)


def _told(report: ImportReport, *, as_json: bool) -> None:
    if not as_json:
        from rich.console import Console

        Console(highlight=False).print(report)
        return
    said = asdict(report)
    said["problems"] = [str(problem) for problem in report.problems]
    said["problem_counts"] = [
        {"what": what, "reason": reason, "count": count} for (what, reason), count in report.problem_counts.items()
    ]
    print_json(said)


@click.command()
@click.argument("dataset")
@click.argument("format", type=click.Choice(["coco", "yolo"]))
@click.argument("out", type=FILE)
@click.option("--tag", multiple=True, help="Only images with this tag; may be repeated.")
@project_option
def export(dataset: str, format: str, out: Path, tag: tuple[str, ...], project: str) -> None:
    """Write DATASET as coco or yolo into the folder OUT.

    What the format cannot express is said.
    """
    from rich.console import Console

    from evalnb import project as projects

    part = projects.open(project=project).dataset(dataset)
    if tag:
        part = part.where(tag=tag)
    Console(highlight=False).print(part.export(format, out))
