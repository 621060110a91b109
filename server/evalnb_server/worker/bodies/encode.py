"""Encode the images of a slice for the wand; the result says how many."""

from __future__ import annotations

from typing import Any

from evalnb import models
from evalnb.annotating.encoding import encode_ahead
from evalnb.jobs.arguments import EncodeArguments, from_json
from evalnb_server.worker.work import Work


def encode(work: Work) -> dict[str, Any]:
    """Goes on with the images that an earlier start left."""
    asked = from_json(EncodeArguments, work.arguments)
    return encode_ahead(
        work.store,
        asked.dataset_id,
        models.chosen(asked.segmenter, work.store.settings),
        part=asked.part,
        progress=work.progress,
        cancelled=work.cancelled,
    ).to_json()
