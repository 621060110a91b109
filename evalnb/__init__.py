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
    from evalnb.runs.files import evaluate_coco as evaluate_coco
    from evalnb.runs.lvis import evaluate_lvis as evaluate_lvis
    from evalnb.runs.open_images import evaluate_open_images as evaluate_open_images
    from evalnb.runs.tasks.classification import evaluate_classification as evaluate_classification

_HOMES = {
    "EvalnbError": "evalnb.errors",
    "Project": "evalnb.project",
    "evaluate_classification": "evalnb.runs.tasks.classification",
    "evaluate_coco": "evalnb.runs.files",
    "evaluate_lvis": "evalnb.runs.lvis",
    "evaluate_open_images": "evalnb.runs.open_images",
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
