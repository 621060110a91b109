"""Draw the masks of a slice's boxes; the result says how many became masks."""

from __future__ import annotations

from typing import Any

from evalnb import models
from evalnb.annotating.outlining import boxes_to_masks
from evalnb.jobs.arguments import MasksArguments, from_json
from evalnb_server.worker.work import Work


def masks(work: Work) -> dict[str, Any]:
    """Goes on with the boxes that an earlier start left: what is a mask by this job stays as it is."""
    asked = from_json(MasksArguments, work.arguments)
    return boxes_to_masks(
        work.store,
        asked.dataset_id,
        models.chosen(asked.segmenter, work.store.settings),
        author=work.job.author,
        once=work.job.id,
        part=asked.part,
        score_min=asked.score_min,
        progress=work.progress,
        cancelled=work.cancelled,
    ).to_json()
