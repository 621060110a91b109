"""The Job widget: a live card of one job, fed by a thread that reads its row while it is not finished.

Nothing but the row is behind it, so the same card appears after a kernel restart. ``project`` gives ``view`` to its
jobs; that is all that joins a ``Job`` to this module.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from sqlalchemy.orm import Session

from evalnb import jobs
from evalnb.core.jobs import FINISHED
from evalnb.errors import NotFound, Unavailable
from evalnb.jobs.handle import Job, no_worker, rebuilt
from evalnb.store.repositories import datasets as dataset_rows
from evalnb.store.repositories import jobs as rows
from evalnb.store.repositories import models as model_rows
from evalnb.store.repositories import predictions as prediction_rows
from evalnb.wire.annotator import Refusal
from evalnb.wire.jobs import JobEpoch, JobProgressView, JobView

_STATIC = Path(__file__).parent / "static"
_LOG_LINES = 60
_POLL_S = 0.5
_AWAY_S = 3.0
_SHOWN = ("AP", "AP50", "mAP50-95", "mAP50")

_log = logging.getLogger(__name__)


class JobWidget(anywidget.AnyWidget):  # type: ignore[misc]
    """One job in a cell. ``view`` is all that the browser half draws (``evalnb.wire.jobs.JobView``)."""

    _esm = _STATIC / "job.js"
    _css = _STATIC / "job.css"

    view = traitlets.Dict().tag(sync=True)

    def __init__(self, job: Job) -> None:
        self._job = job
        self._story = Story(job)
        self._closing = threading.Event()
        super().__init__(view=self._story.tell())
        _answer_beside_cells(self.comm)
        self.on_msg(self._heard)
        if self.view["state"] not in FINISHED:
            threading.Thread(target=self._follow, name=f"job {job.id}", daemon=True).start()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closing.is_set()

    def close(self) -> None:
        """End the widget and its thread; the job runs on."""
        self._closing.set()
        super().close()

    def _heard(self, _: object, content: object, buffers: object) -> None:
        if isinstance(content, dict) and content.get("ask") == "cancel":
            self._job.cancel()
            self._refresh()

    def _refresh(self) -> None:
        self.view = self._story.tell()

    def _follow(self) -> None:
        wait_s = _POLL_S
        while not self._closing.wait(wait_s):
            try:
                self._refresh()
                wait_s = _POLL_S
            except Unavailable as error:
                # The database comes back, or the reader runs the cell again; the card says what is the matter.
                note = "The database does not answer; trying again."
                self.view = {**self.view, "note": note}
                _log.debug("job %s: %s", self._job.id, error.happened)
                wait_s = _AWAY_S
            if self.view["state"] in FINISHED:
                return


class Story:
    """A job in words and numbers. Events are read once, from where the last reading ended."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seen = 0
        self._epochs: dict[int, JobEpoch] = {}
        self._log: list[str] = []
        self._title = ""
        self._lock = threading.Lock()

    def tell(self) -> dict[str, Any]:
        """The job as it stands, for the browser."""
        with self._lock:
            return self._tell().model_dump(mode="json")

    def _tell(self) -> JobView:
        store = self._job.store
        with store.database.transaction() as session:
            record = rows.get(session, self._job.id)
            # After the row: what a finished job said last is then surely among its events.
            for event in rows.events(session, record.id, after=self._seen):
                self._hear(event)
            title = self._title or self._caption(session, record)
            result = _result(session, record)
        self._title = title
        progress = record.progress
        failure = record.failure
        return JobView(
            id=str(record.id),
            kind=record.kind,
            title=title,
            state=record.state,
            progress=JobProgressView(
                done=progress.done,
                total=progress.total,
                unit=progress.unit,
                message=progress.message,
                eta_s=progress.eta_s,
            ),
            epochs=[self._epochs[number] for number in sorted(self._epochs)],
            log="\n".join(self._log),
            failure=None if failure is None else _refusal(failure),
            detail="" if failure is None else failure.detail,
            result=result,
            note=self._note(record),
            cancelling=record.cancel_requested and not record.finished,
            attempt=record.attempt,
            worker=record.worker or "",
            author=record.author,
            created_at=record.created_at.timestamp(),
            started_at=_epoch_s(record.started_at),
            finished_at=_epoch_s(record.finished_at),
        )

    def _hear(self, event: jobs.JobEvent) -> None:
        self._seen = event.id
        if event.kind == "log":
            self._log = [*self._log, *event.body["text"].splitlines()][-_LOG_LINES:]
        elif event.kind == "epoch":
            body = event.body
            self._epochs[body["epoch"]] = JobEpoch(
                epoch=body["epoch"],
                epochs=body["epochs"],
                losses=body.get("losses", {}),
                metrics=body.get("metrics", {}),
                seconds=body.get("seconds"),
            )

    def _note(self, record: jobs.JobRecord) -> str:
        if record.state == "queued":
            return no_worker(self._job.store, record.kind) or (
                "Its worker was lost; it goes on where it was as soon as one is free." if record.attempt else ""
            )
        if record.state == "running" and record.attempt > 1:
            return f"Start {record.attempt}: a worker was lost, and the work goes on from its last checkpoint."
        return ""

    def _caption(self, session: Session, record: jobs.JobRecord) -> str:
        asked = record.arguments
        if record.kind == "train":
            return f"Train {asked['architecture']} on {_dataset(session, asked['dataset_id'])}"
        if record.kind == "predict":
            return f"Run {_model(session, asked['version_id'])} over {_dataset(session, asked['dataset_id'])}"
        if record.kind == "evaluate":
            return f"Evaluate {_run(session, asked['run_id'])}"
        if record.kind == "masks":
            return f"Draw the masks of {_dataset(session, asked['dataset_id'])}'s boxes"
        if record.kind == "encode":
            return f"Encode the images of {_dataset(session, asked['dataset_id'])}"
        if record.kind == "follow":
            return f"Follow the tracks of {_dataset(session, asked['dataset_id'])}"
        if record.kind in {"import", "register"}:
            return f"Take in {asked['filename']}"
        if record.kind == "pyramid":
            return f"Make tiles of image {asked['image_id']}"
        return record.kind


def view(job: Job) -> Mapping[str, Any]:
    """What a cell shows for a job: its widget, and plain text for those that cannot show one."""
    widget = job.shown
    if not isinstance(widget, JobWidget) or widget.closed:
        widget = job.shown = JobWidget(job)
    bundle = widget._repr_mimebundle_()
    data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
    data["text/plain"] = repr(job)
    return data


def _answer_beside_cells(comm: Any) -> None:
    """Let the browser choose the thread that hears it, so that Cancel works while the kernel waits for the job.

    JupyterLab ≥ 4.4 sends widget messages to a subshell, a thread of its own in ipykernel ≥ 7. ipykernel 7.4 however
    redirects them to wherever the kernel's last message on that comm came from: the main thread, busy with a cell.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, chosen: chosen


def _dataset(session: Session, dataset_id: int) -> str:
    try:
        return dataset_rows.get(session, dataset_id).name
    except NotFound:
        return f"dataset {dataset_id}"


def _model(session: Session, version_id: int) -> str:
    try:
        version = model_rows.get(session, version_id)
    except NotFound:
        return f"version {version_id}"
    return f"{version.name} v{version.number}"


def _run(session: Session, run_id: int) -> str:
    try:
        return prediction_rows.get(session, run_id).name
    except NotFound:
        return str(run_id)


def _epoch_s(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _refusal(failure: jobs.JobFailure) -> Refusal:
    status = rebuilt(failure).status
    return Refusal(kind=failure.kind, happened=failure.happened, remedy=failure.remedy, status=status)


def _result(session: Session, record: jobs.JobRecord) -> str:
    made = record.result or {}
    if record.state != "succeeded":
        return ""
    if "model_version_id" in made:
        return f"Model {_model(session, made['model_version_id'])}{_numbers(made.get('metrics', {}))}"
    if "run_id" in made:
        return f"Prediction run {_run(session, made['run_id'])}"
    if "evaluation_id" in made:
        return f"Evaluation {made['evaluation_id']}{_numbers(made.get('summary', {}))}"
    if "datasets" in made:
        return ", ".join(f"Dataset {one['dataset']} · {one['images']:,} images added" for one in made["datasets"])
    return "Done"


def _numbers(metrics: Mapping[str, Any]) -> str:
    shown = [f"{name} {metrics[name]:.3f}" for name in _SHOWN if isinstance(metrics.get(name), (int, float))]
    return f" · {' · '.join(shown)}" if shown else ""
