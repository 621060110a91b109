"""Follow the tracks of a slice from their keyframes; the result says how many shapes were drawn."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from evalnb import models
from evalnb.annotating.propagating import follow_tracks
from evalnb.core.following import Direction
from evalnb.jobs.arguments import FollowArguments, from_json
from evalnb_server.worker.work import Work


def follow(work: Work) -> dict[str, Any]:
    """Goes on behind the last image that an earlier start drew on, with what it found there in the model's memory."""
    asked = from_json(FollowArguments, work.arguments)
    return follow_tracks(
        work.store,
        asked.dataset_id,
        models.chosen(asked.segmenter, work.store.settings),
        author=work.job.author,
        once=work.job.id,
        part=asked.part,
        tracks=None if asked.tracks is None else [UUID(one) for one in asked.tracks],
        direction=cast("Direction", asked.direction),
        progress=work.progress,
        cancelled=work.cancelled,
    ).to_json()
