"""Fill a project with what the tour shows: the scenes, two photographs, and a small detector."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from evalnb import jobs
from evalnb.demo.dataset import write, write_clip
from evalnb.errors import NotFound
from evalnb.progress import TqdmProgress
from evalnb.project import Project

if TYPE_CHECKING:
    from evalnb.jobs import Job

DETECTOR = "demo-detector"


def datasets(project: Project, folder: Path, *, images: int = 320) -> None:
    """Paint and import the scenes, and register the two photographs; what is there already stays."""
    have = set(project.datasets().index)
    if "scenes" not in have:
        written = write(folder / "scenes", images=images, progress=TqdmProgress())
        project.import_coco("scenes", images=written.images, annotations=written.annotations)
    photographs = _photographs()
    if "photographs" not in have and photographs:
        project.import_coco(
            "photographs", images=photographs[0].parent, annotations=_unlabelled(folder, photographs), copy=True
        )


def clip(project: Project, folder: Path) -> None:
    """Paint and import the clip of the second tour, unless it is there."""
    if "clip" not in project.datasets().index:
        written = write_clip(folder / "clip")
        project.import_coco("clip", images=written.images, annotations=written.annotations)


def detector(project: Project, *, epochs: int = 12, image_size: int = 192) -> Job | None:
    """Ask a worker to train the demo's detector; None where there is one already.

    A training that an earlier demo began, and was ended before its end, goes on.
    Twelve epochs of 256 images at 192 px take about three minutes on two cores.
    """
    try:
        project.model(DETECTOR)
    except NotFound:
        return _begun(project) or project.submit.train(
            "yolo11n",
            project.dataset("scenes"),
            epochs=epochs,
            image_size=image_size,
            batch=8,
            name=DETECTOR,
            # The same everywhere, and without a download.
            pretrained=False,
        )
    return None


def _begun(project: Project) -> Job | None:
    """The detector's training, if it waits or runs already."""
    with project.store.database.transaction() as session:
        for job in jobs.recent(session, project.id):
            ours = job.kind == "train" and job.arguments.get("name") == DETECTOR
            if ours and not job.finished and not job.cancel_requested:
                return project.job(job.id)
    return None


def _photographs() -> list[Path]:
    """The two photographs that ultralytics ships, where it is installed."""
    found = importlib.util.find_spec("ultralytics")
    if found is None or not found.submodule_search_locations:
        return []
    assets = Path(found.submodule_search_locations[0]) / "assets"
    return [path for path in (assets / "bus.jpg", assets / "zidane.jpg") if path.exists()]


def _unlabelled(folder: Path, photographs: list[Path]) -> Path:
    names = ("person", "bus", "tie")
    path = folder / "photographs.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        orjson.dumps(
            {
                "images": [{"id": n, "file_name": one.name} for n, one in enumerate(photographs, 1)],
                "annotations": [],
                "categories": [{"id": n, "name": name} for n, name in enumerate(names, 1)],
            }
        )
    )
    return path
