"""``evalnb import`` and ``evalnb export``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalnb.cli._options import FILE, json_option, project_option
from evalnb.cli._terminal import print_json
from evalnb.core.format_names import FORMATS, TASKS

if TYPE_CHECKING:
    from evalnb.registry.ingest import ImportReport

_COPY = click.option("--copy", is_flag=True, help="Keep a copy of every image. Default: they stay where they are.")

_IMAGES = click.option("--images", type=FILE, help="The folder of the images, where they are not beside the labels.")


@click.group()
def import_() -> None:
    """Import a dataset from annotation files.

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
    _take("import_coco", name, project, as_json, images=images, annotations=annotations, copy=copy)


@import_.command()
@click.argument("name")
@click.option("--images", required=True, type=FILE, help="The folder of the images.")
@click.option("--annotations", required=True, type=FILE, help="The JSON file.")
@_COPY
@project_option
@json_option
def lvis(name: str, images: Path, annotations: Path, copy: bool, project: str, as_json: bool) -> None:
    """Import an LVIS file as the dataset NAME."""
    _take("import_coco", name, project, as_json, images=images, annotations=annotations, copy=copy, format="lvis")


@import_.command()
@click.argument("name")
@click.argument("data", type=FILE)
@click.option("--task", type=click.Choice(TASKS), help="What the labels are. Default: data.yaml and they say it.")
@_COPY
@project_option
@json_option
def yolo(name: str, data: Path, task: str | None, copy: bool, project: str, as_json: bool) -> None:
    """Import a YOLO data.yaml as the dataset NAME; its splits become tags."""
    _take("import_yolo", name, project, as_json, data=data, task=task, copy=copy)


@import_.command()
@click.argument("name")
@click.argument("folder", type=FILE)
@_IMAGES
@_COPY
@project_option
@json_option
def voc(name: str, folder: Path, images: Path | None, copy: bool, project: str, as_json: bool) -> None:
    """Import a folder of Pascal VOC as the dataset NAME; its image sets become tags."""
    _take("import_voc", name, project, as_json, folder=folder, images=images, copy=copy)


@import_.command()
@click.argument("name")
@click.argument("folder", type=FILE)
@_IMAGES
@_COPY
@project_option
@json_option
def labelme(name: str, folder: Path, images: Path | None, copy: bool, project: str, as_json: bool) -> None:
    """Import a folder of LabelMe's JSON files as the dataset NAME."""
    _take("import_labelme", name, project, as_json, folder=folder, images=images, copy=copy)


@import_.command()
@click.argument("name")
@click.argument("annotations", type=FILE)
@_IMAGES
@_COPY
@project_option
@json_option
def cvat(name: str, annotations: Path, images: Path | None, copy: bool, project: str, as_json: bool) -> None:
    """Import CVAT's XML 1.1, for images or for video, as the dataset NAME."""
    _take("import_cvat", name, project, as_json, annotations=annotations, images=images, copy=copy)


@import_.command()
@click.argument("name")
@click.argument("folder", type=FILE)
@_IMAGES
@_COPY
@project_option
@json_option
def datumaro(name: str, folder: Path, images: Path | None, copy: bool, project: str, as_json: bool) -> None:
    """Import a folder of Datumaro's JSON as the dataset NAME; its subsets become tags."""
    _take("import_datumaro", name, project, as_json, folder=folder, images=images, copy=copy)


@import_.command()
@click.argument("name")
@click.option("--images", required=True, type=FILE, help="The folder of the images.")
@click.option(
    "--masks", required=True, type=FILE, help="The folder of the PNG masks; labelmap.txt names their values."
)
@_COPY
@project_option
@json_option
def masks(name: str, images: Path, masks: Path, copy: bool, project: str, as_json: bool) -> None:
    """Import PNG masks as the dataset NAME."""
    _take("import_masks", name, project, as_json, images=images, masks=masks, copy=copy)


@import_.command()
@click.argument("name")
@click.option("--images", required=True, type=FILE, help="The folder that the file names start from.")
@click.option("--annotations", required=True, type=FILE, help="COCO's panoptic JSON.")
@click.option("--masks", type=FILE, help="The folder of the PNGs, where it has not the file's own name.")
@_COPY
@project_option
@json_option
def panoptic(
    name: str, images: Path, annotations: Path, masks: Path | None, copy: bool, project: str, as_json: bool
) -> None:
    """Import COCO's panoptic format as the dataset NAME, a mask for each segment."""
    _take("import_panoptic", name, project, as_json, images=images, annotations=annotations, masks=masks, copy=copy)


@import_.command("images")
@click.argument("name")
@click.argument("paths", metavar="IMAGES...", type=FILE, nargs=-1, required=True)
@_COPY
@project_option
@json_option
def pictures(name: str, paths: tuple[Path, ...], copy: bool, project: str, as_json: bool) -> None:
    """Import IMAGES, files or folders of them, without labels, as the dataset NAME."""
    _take("import_pictures", name, project, as_json, images=paths, copy=copy)


@import_.command()
@click.argument("name")
@click.argument("videos", type=FILE, nargs=-1, required=True)
@click.option("--every", type=int, default=1, show_default=True, help="Take every n-th frame.")
@click.option("--start", type=int, default=0, show_default=True, help="The first frame; they count from 0.")
@click.option("--stop", type=int, help="The frame to stop before. Default: the end.")
@click.option("--format", "kind", type=click.Choice(["jpeg", "png"]), default="jpeg", help="png keeps exact pixels.")
@project_option
@json_option
def video(
    name: str,
    videos: tuple[Path, ...],
    every: int,
    start: int,
    stop: int | None,
    kind: str,
    project: str,
    as_json: bool,
) -> None:
    """Import the frames of VIDEOS, files or folders of them, as the dataset NAME."""
    numbers = {"every": every, "start": start, "stop": stop}
    _take("import_video", name, project, as_json, videos=videos, **numbers, format=kind)


def _take(verb: str, name: str, project: str, as_json: bool, **arguments: Any) -> None:
    from evalnb import project as projects
    from evalnb.progress import TqdmProgress
    from evalnb.registry import ingest

    opened = projects.open(project=project)
    take = getattr(ingest, verb)
    _told(take(opened.store, opened.id, name, **arguments, progress=TqdmProgress()), as_json=as_json)


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
@click.argument("format", type=click.Choice(FORMATS))
@click.argument("out", type=FILE)
@click.option("--tag", multiple=True, help="Only images with this tag; may be repeated.")
@project_option
def export(dataset: str, format: str, out: Path, tag: tuple[str, ...], project: str) -> None:
    """Write DATASET in a format of annotations into the folder OUT.

    What the format cannot express is said.
    """
    from rich.console import Console

    from evalnb import project as projects

    part = projects.open(project=project).dataset(dataset)
    if tag:
        part = part.where(tag=tag)
    Console(highlight=False).print(part.export(format, out))
