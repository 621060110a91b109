"""evalnb: look at a dataset, annotate it, run models over it, evaluate, compare and publish, in a notebook cell.

    import evalnb as ev
    project = ev.open()

The names below are the public face; they are imported on first use, so that ``import evalnb`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from evalnb.errors import EvalnbError as EvalnbError
    from evalnb.models import sam2 as sam2
    from evalnb.project import Project as Project
    from evalnb.project import open as open
    from evalnb.runs.coco import COCO as COCO
    from evalnb.runs.cocoeval import COCOeval as COCOeval
    from evalnb.runs.files import evaluate_coco as evaluate_coco
    from evalnb.runs.lvis import evaluate_lvis as evaluate_lvis
    from evalnb.runs.mean_average_precision import MeanAveragePrecision as MeanAveragePrecision
    from evalnb.runs.open_images import evaluate_open_images as evaluate_open_images
    from evalnb.runs.ranking import compare_many as compare_many
    from evalnb.runs.tables import evaluate_tables as evaluate_tables
    from evalnb.runs.tasks.classification import evaluate_classification as evaluate_classification
    from evalnb.runs.tasks.clicks import evaluate_clicks as evaluate_clicks
    from evalnb.runs.tasks.following import evaluate_following as evaluate_following
    from evalnb.runs.tasks.panoptic import evaluate_panoptic as evaluate_panoptic
    from evalnb.runs.tasks.semantic import evaluate_semantic as evaluate_semantic
    from evalnb.runs.tasks.video import evaluate_video as evaluate_video
    from evalnb.runs.validation import collect_validation as collect_validation

_HOMES = {
    "COCO": "evalnb.runs.coco",
    "COCOeval": "evalnb.runs.cocoeval",
    "EvalnbError": "evalnb.errors",
    "MeanAveragePrecision": "evalnb.runs.mean_average_precision",
    "Project": "evalnb.project",
    "evaluate_classification": "evalnb.runs.tasks.classification",
    "collect_validation": "evalnb.runs.validation",
    "evaluate_clicks": "evalnb.runs.tasks.clicks",
    "evaluate_following": "evalnb.runs.tasks.following",
    "compare_many": "evalnb.runs.ranking",
    "evaluate_coco": "evalnb.runs.files",
    "evaluate_lvis": "evalnb.runs.lvis",
    "evaluate_open_images": "evalnb.runs.open_images",
    "evaluate_panoptic": "evalnb.runs.tasks.panoptic",
    "evaluate_semantic": "evalnb.runs.tasks.semantic",
    "evaluate_video": "evalnb.runs.tasks.video",
    "evaluate_tables": "evalnb.runs.tables",
    "open": "evalnb.project",
    "sam2": "evalnb.models",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'evalnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
