"""``evalnb evaluate``: numbers of a run, or of two files with nothing started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalnb.cli._options import FILE, json_option, project_option
from evalnb.errors import EvalnbError, Invalid, NotFound

if TYPE_CHECKING:
    from evalnb.core.ports import Pixels
    from evalnb.runs.evaluation import Evaluation


KINDS = ("bbox", "segm", "keypoints", "obb", "boundary")


@click.command()
@click.argument("truth")
@click.argument("detections", required=False, type=FILE)
@click.option("--kind", default="bbox", show_default=True, type=click.Choice(KINDS))
@click.option("--strict", is_flag=True, help="Refuse files with rows that cannot be used. Default: leave those out.")
@click.option("--per-class", is_flag=True, help="A table of the classes, too.")
@click.option("--by", type=click.Choice(["tag"]), help="A table of the images' tags, too.")
@click.option("--compare", metavar="OTHER", help="Differences to another result file, or to a kept evaluation.")
@click.option(
    "--replicates",
    default=1000,
    show_default=True,
    type=click.IntRange(0),
    help="Of the intervals; 0 leaves them out.",
)
@click.option("--html", type=FILE, metavar="OUT", help="Write a page that needs nothing else to be looked at.")
@click.option("--images", type=FILE, metavar="DIR", help="The images' folder: the page then shows the worst of them.")
@project_option
@json_option
def evaluate(
    truth: str,
    detections: Path | None,
    kind: str,
    strict: bool,
    per_class: bool,
    by: str | None,
    compare: str | None,
    replicates: int,
    html: Path | None,
    images: Path | None,
    project: str,
    as_json: bool,
) -> None:
    """Print COCO's numbers of a run or of two files.

    \b
    evalnb evaluate 3
    evalnb evaluate instances.json detections.json
    evalnb evaluate instances.json new.json --compare old.json --by tag --html out.html

    Two files need no project: nothing is started and nothing is kept.
    """
    from evalnb.cli import _numbers

    found = _evaluated(truth, detections, kind, strict=strict, project=project)
    other = None if compare is None else _other(compare, truth, detections, kind, strict=strict, project=project)
    page = None if html is None else _page(found, other, html, compare=compare, images=images)
    if as_json:
        _numbers.as_json(
            found, other=other, per_class=per_class, by_tag=by == "tag", replicates=replicates, html=page
        )
        return
    _numbers.show(found, other=other, per_class=per_class, by_tag=by == "tag", replicates=replicates)
    if page is not None:
        click.echo(f"page: {page}", err=True)
    if found.id is not None:
        click.echo(f"kept as evaluation {found.id}; publish it with `evalnb report {found.id}`", err=True)


def _evaluated(truth: str, detections: Path | None, kind: str, *, strict: bool, project: str) -> Evaluation:
    if detections is not None:
        from evalnb.runs.files import evaluate_coco

        return evaluate_coco(Path(truth), detections, kind=kind, strict=strict)  # type: ignore[arg-type]
    if truth.isdecimal():
        from evalnb import project as projects

        opened = projects.open(project=project)
        return opened.evaluate(opened.run(int(truth)), kind=kind)
    raise Invalid(
        f"{truth!r} is not a run's number, and no second file was given",
        remedy="write `evalnb evaluate 3` for run 3, or `evalnb evaluate truth.json detections.json`",
    )


def _other(other: str, truth: str, detections: Path | None, kind: str, *, strict: bool, project: str) -> Evaluation:
    """What to compare with: the same truth with other results, or an evaluation that was kept."""
    if detections is not None:
        return _evaluated(truth, Path(other), kind, strict=strict, project=project)
    if not other.isdecimal():
        raise Invalid(f"{other!r} is not an evaluation's number", remedy="compare a run with one that was kept")
    from evalnb import project as projects

    return projects.open(project=project).evaluation(int(other))


def _page(
    found: Evaluation, other: Evaluation | None, out: Path, *, compare: str | None, images: Path | None
) -> Path:
    """The report's page of one evaluation, written in one stroke."""
    from evalnb.reports import html
    from evalnb.reports.gather import gather

    def pixels_of(image_id: int) -> Pixels:
        from evalnb import imagery

        name = found.images.name[found.images.id.tolist().index(image_id)]
        if images is None:
            raise NotFound("the images' folder was not given", remedy="pass --images DIR")
        path = images / name
        if not path.resolve().is_relative_to(images.resolve()):
            raise Invalid(f"the image {name!r} lies outside of {images}", remedy="write names within the folder")
        try:
            return imagery.decode(path.read_bytes(), name=name)
        except OSError as error:
            raise NotFound(f"{path} cannot be read ({error.strerror})", remedy="check --images") from None

    bundle = gather(
        found,
        title=f"Evaluation of {out.stem}",
        provenance={"run": "a result file" if found.run_id is None else f"run {found.run_id}"},
        baseline=None if other is None else (Path(str(compare)).name, other),
        pixels_of=pixels_of,
    )
    fresh = out.with_name(f".{out.name}.new")
    try:
        fresh.write_text(html.report(bundle), encoding="utf-8")
        fresh.replace(out)
    except OSError as error:
        raise _unwritable(out, error) from None
    return out


def _unwritable(path: Path, error: OSError) -> EvalnbError:
    return Invalid(f"{path} cannot be written ({error.strerror})", remedy="check the folder and its rights")
