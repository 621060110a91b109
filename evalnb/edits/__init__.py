"""The annotation op log: apply, conflict, history, restore.

Every change to ground truth is an op. Ops on one image have one order, the image's sequence; each is kept, and none
destroys what it replaces. A kernel and the server apply ops through these same verbs.
"""

from evalnb.edits._across import Replayed, replay
from evalnb.edits._apply import apply
from evalnb.edits._history import Changes, history, rebuild, restore, shapes, since
from evalnb.edits._steps import Change, Step, steps
from evalnb.store.repositories.edits import Edit

__all__ = [
    "Change",
    "Changes",
    "Edit",
    "Replayed",
    "Step",
    "apply",
    "history",
    "rebuild",
    "replay",
    "restore",
    "shapes",
    "since",
    "steps",
]
