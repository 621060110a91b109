"""Train a detector; the result is a model version."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from evalnb.core.jobs import JobProgress
from evalnb.jobs.arguments import TrainArguments, from_json
from evalnb.registry import models as registry
from evalnb.runs import train as runs
from evalnb_server.worker.work import Work

_METRICS = ("mAP50", "mAP50-95", "precision", "recall")


def train(work: Work) -> dict[str, Any]:
    """Goes on from the last checkpoint in the job's folder, if there is one."""
    asked = from_json(TrainArguments, work.arguments)
    _, versions = work.claim.products()
    if versions:
        # An earlier start registered its result and was lost before it could say so.
        version = registry.get(work.store, versions[-1])
        return {"model_version_id": version.id, "metrics": dict(version.metrics)}
    made = runs.train(
        work.store,
        work.job.project_id,
        asked.architecture,
        asked.dataset_id,
        folder=work.folder,
        part=asked.part,
        epochs=asked.epochs,
        image_size=asked.image_size,
        batch=asked.batch,
        name=asked.name,
        start_version_id=asked.start_version_id,
        pretrained=asked.pretrained,
        validation=asked.validation,
        hyperparameters=asked.hyperparameters,
        job_id=work.job.id,
        progress=work.progress,
        on_event=_teller(work),
        cancelled=work.cancelled,
        before_register=work.check,
    )
    return {"model_version_id": made.version_id, "metrics": dict(made.metrics)}


def _teller(work: Work) -> Callable[[dict[str, Any]], None]:
    began = time.monotonic()

    def tell(event: dict[str, Any]) -> None:
        nonlocal began
        kind = event["kind"]
        if kind == "log":
            print(event["message"])
            return
        epoch, epochs, batches = event["epoch"], event["epochs"], event["batches"]
        done = (epoch - 1) * batches + event["batch"]
        work.progress.tell(
            JobProgress(done, epochs * batches, "batches", f"epoch {epoch} of {epochs}", event["eta_s"])
        )
        if kind == "epoch":
            metrics: dict[str, float] = {name: event[name] for name in _METRICS if name in event}
            now = time.monotonic()
            work.epoch(epoch, epochs, losses=event["losses"], metrics=metrics, seconds=now - began)
            began = now
            said = {**event["losses"], **metrics}
            print(f"epoch {epoch} of {epochs}:", "  ".join(f"{name} {value:.4g}" for name, value in said.items()))

    return tell
