"""``evalnb predict``, ``train`` and ``report``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from evalnb.cli._options import json_option, project_option
from evalnb.cli._terminal import print_json

if TYPE_CHECKING:
    from evalnb.jobs import Job
    from evalnb.settings import Settings


@click.command()
@click.argument("model")
@click.argument("dataset")
@click.option("--name", help="The run's name. Default: the model's and the dataset's.")
@click.option("--confidence", default=0.001, show_default=True, type=click.FloatRange(0, 1))
@click.option("--max-detections", default=100, show_default=True, type=click.IntRange(1))
@click.option("--batch", type=click.IntRange(1), help="Images at once. Default: as many as the device takes well.")
@click.option("--tag", multiple=True, help="Only images with this tag; may be repeated.")
@click.option("--worker", is_flag=True, help="On the worker of `evalnb up`, and follow it. Default: here.")
@project_option
def predict(
    model: str,
    dataset: str,
    name: str | None,
    confidence: float,
    max_detections: int,
    batch: int | None,
    tag: tuple[str, ...],
    worker: bool,
    project: str,
) -> None:
    """Run MODEL over DATASET and print the run's number.

    MODEL is a registered name.
    """
    from evalnb import project as projects

    opened = projects.open(project=project)
    part = opened.dataset(dataset)
    if tag:
        part = part.where(tag=tag)
    if worker:
        job = opened.submit.predict(
            opened.model(model), part, name=name, confidence=confidence, max_detections=max_detections, batch=batch
        )
        run = _followed(job)
    else:
        run = opened.predict(
            model, part, name=name, confidence=confidence, max_detections=max_detections, batch=batch
        )
    click.echo(f"run {run.id}: {run.name}")
    click.echo(f"evaluate it with `evalnb evaluate {run.id}`", err=True)


@click.command()
@click.argument("architecture")
@click.argument("dataset")
@click.option("--epochs", default=50, show_default=True, type=click.IntRange(1))
@click.option("--image-size", default=640, show_default=True, type=click.IntRange(32))
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1))
@click.option("--name", help="The model's name. Default: DATASET-ARCHITECTURE.")
@click.option("--scratch", is_flag=True, help="Begin with random weights, not with published ones.")
@click.option("--tag", multiple=True, help="Only images with this tag; may be repeated.")
@click.option("--here", is_flag=True, help="Run a worker here for it. Default: the worker of `evalnb up`.")
@project_option
def train(
    architecture: str,
    dataset: str,
    epochs: int,
    image_size: int,
    batch: int,
    name: str | None,
    scratch: bool,
    tag: tuple[str, ...],
    here: bool,
    project: str,
) -> None:
    """Train ARCHITECTURE on DATASET and follow it.

    ARCHITECTURE is yolo11n … yolo12x, rtdetr-l or rtdetr-x.

    Ctrl+C ends the following; the training runs on, unless it runs --here.
    """
    from evalnb import project as projects

    opened = projects.open(project=project)
    part = opened.dataset(dataset)
    if tag:
        part = part.where(tag=tag)
    job = opened.submit.train(
        architecture, part, epochs=epochs, image_size=image_size, batch=batch, name=name, pretrained=not scratch
    )
    if here:
        with _worker(opened.store.settings):
            version = _followed(job)
    else:
        version = _followed(job)
    click.echo(f"model version {version.id}: {version.name}")


def _followed(job: Job):  # type: ignore[no-untyped-def]
    click.echo(f"job {job.id}", err=True)
    return job.wait()


@contextmanager
def _worker(settings: Settings) -> Iterator[None]:
    """A worker of this command's own, as its child, ended with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "evalnb_server.worker"],
        env=settings.child_environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@click.command()
@click.argument("evaluation", type=int)
@click.option("--title", help="Default: the evaluation's number.")
@click.option("--compare-to", type=int, metavar="EVALUATION", help="Show differences to this evaluation.")
@project_option
@json_option
def report(evaluation: int, title: str | None, compare_to: int | None, project: str, as_json: bool) -> None:
    """Publish EVALUATION, by its number, as a report.

    One HTML file, and a live page while `evalnb up` runs.
    """
    from evalnb import project as projects

    opened = projects.open(project=project)
    published = opened.publish(
        opened.evaluation(evaluation),
        title=title or f"Evaluation {evaluation}",
        compare_to=None if compare_to is None else opened.evaluation(compare_to),
    )
    if as_json:
        said = {"id": published.id, "slug": published.slug, "html": str(published.html_path), "url": published.url}
        print_json(said)
        return
    click.echo(f"{published.title}: {published.html_path}")
    click.echo(f"live: {published.url}" if published.url else "live: start `evalnb up`, and ask again", err=True)
