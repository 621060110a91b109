"""What jobs do, by kind. A body takes a ``Work`` and returns the job's result, as JSON.

Names are resolved in the job's own process, late: the supervisor reads this catalogue and must not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, cast

from evalnb.errors import Invalid
from evalnb_server.worker.work import Work

Body = Callable[[Work], dict[str, Any]]

BODIES: dict[str, str] = {
    "train": "evalnb_server.worker.bodies.train:train",
    "predict": "evalnb_server.worker.bodies.predict:predict",
    "evaluate": "evalnb_server.worker.bodies.evaluate:evaluate",
    "masks": "evalnb_server.worker.bodies.masks:masks",
    "encode": "evalnb_server.worker.bodies.encode:encode",
    "follow": "evalnb_server.worker.bodies.follow:follow",
    "import": "evalnb_server.worker.bodies.import_:import_",
    "register": "evalnb_server.worker.bodies.import_:register",
    "pyramid": "evalnb_server.worker.bodies.pyramid:pyramid",
}
"""Kind → ``module:function``."""


def catalogue(modules: Sequence[str] = ()) -> dict[str, str]:
    """``BODIES`` and those of further modules (``--bodies``), which go before them."""
    known = dict(BODIES)
    for name in modules:
        try:
            known.update(import_module(name).BODIES)
        except (ImportError, AttributeError) as error:
            raise Invalid(
                f"--bodies {name} cannot be used ({error})",
                remedy="name an importable module that has BODIES = {'kind': 'module:function'}",
            ) from error
    return known


def find(kind: str, modules: Sequence[str] = ()) -> Body:
    """The body for a kind of job."""
    place = catalogue(modules).get(kind)
    if place is None:
        raise Invalid(f"this worker has no body for jobs of kind {kind!r}", remedy="start one that has (--bodies)")
    module, _, name = place.partition(":")
    return cast("Body", getattr(import_module(module), name))
