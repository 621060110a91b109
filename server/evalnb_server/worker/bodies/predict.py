"""Run a model version over a dataset; the result is a prediction run."""

from __future__ import annotations

from typing import Any

from evalnb.jobs.arguments import PredictArguments, from_json
from evalnb.runs.predict import predict as run
from evalnb_server.worker.work import Work


def predict(work: Work) -> dict[str, Any]:
    """Goes on with the run that an earlier start began, if there is one."""
    asked = from_json(PredictArguments, work.arguments)
    begun, _ = work.claim.products()
    run_id = run(
        work.store,
        asked.version_id,
        asked.dataset_id,
        part=asked.part,
        name=asked.name,
        confidence=asked.confidence,
        max_detections=asked.max_detections,
        batch=asked.batch,
        progress=work.progress,
        cancelled=work.cancelled,
        job_id=work.job.id,
        run_id=begun[-1] if begun else None,
    )
    return {"run_id": run_id}
