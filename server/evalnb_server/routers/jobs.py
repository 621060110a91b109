"""Long work on a worker: asked for, followed, cancelled."""

from __future__ import annotations

from typing import Annotated, Literal, assert_never
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy.orm import Session

from evalnb import jobs
from evalnb.accounts import Caller
from evalnb.core.jobs import JobEvent, JobRecord
from evalnb.core.slices import Slice
from evalnb.jobs.arguments import (
    Arguments,
    EncodeArguments,
    EvaluateArguments,
    FollowArguments,
    MasksArguments,
    PredictArguments,
    TrainArguments,
)
from evalnb.store.repositories import projects
from evalnb.wire.http import (
    EncodeAsk,
    EvaluateAsk,
    FollowTracksAsk,
    JobAsk,
    JobEventItem,
    JobEventPage,
    JobItem,
    JobLog,
    JobPage,
    JobProblem,
    MasksAsk,
    PredictAsk,
    SliceAsk,
    TrainAsk,
)
from evalnb.wire.jobs import JobProgressView
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, After, Id, Limit, cut
from evalnb_server.deps import OneSession, OpenStore, Who

router = APIRouter(tags=["jobs"])

StateName = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@router.get("/projects/{project_id}/jobs", operation_id="jobs_list", responses=READ)
def page(
    session: OneSession,
    who: Who,
    project_id: Id,
    state: Annotated[list[StateName], Query(default_factory=list, description="Only jobs in one of these.")],
    after: Annotated[UUID | SkipJsonSchema[None], Query(description="The `next` of the page before.")] = None,
    limit: Limit = 50,
) -> JobPage:
    """The project's jobs, the newest first."""
    access.project(session, who, project_id)
    found, last = cut(jobs.page(session, project_id, states=state, after=after, limit=limit + 1), limit)
    return JobPage(items=[item(one) for one in found], next=last.id if last else None)


@router.post("/projects/{project_id}/jobs", operation_id="jobs_ask", status_code=201, responses=WRITE)
def ask(store: OpenStore, who: Who, project_id: Id, asked: JobAsk) -> JobItem:
    """Ask for work. It is queued when the answer comes, and runs as soon as a worker is free."""
    with store.database.transaction() as session:
        access.project(session, who, project_id, role="annotator")
        _check(session, who, project_id, asked)
    job_id = jobs.submit(store, project_id, _arguments(asked), author=who.name)
    with store.database.transaction() as session:
        return item(jobs.read(session, job_id))


@router.get("/jobs/{job_id}", operation_id="jobs_get", responses=READ)
def get(session: OneSession, who: Who, job_id: UUID) -> JobItem:
    """A job as it stands: its state, how far it is, and what came out or why it failed."""
    return item(access.job(session, who, job_id))


@router.get("/jobs/{job_id}/events", operation_id="jobs_events", responses=READ)
def events(session: OneSession, who: Who, job_id: UUID, after: After = 0, limit: Limit = 500) -> JobEventPage:
    """What the job has said since event ``after``: epochs with their losses and metrics, pieces of log."""
    access.job(session, who, job_id)
    found, last = cut(jobs.events(session, job_id, after, limit=limit + 1), limit)
    return JobEventPage(items=[_event(one) for one in found], next=last.id if last else None)


@router.get("/jobs/{job_id}/log", operation_id="jobs_log", responses=READ)
def log(session: OneSession, who: Who, job_id: UUID) -> JobLog:
    """The last that the work has printed."""
    access.job(session, who, job_id)
    return JobLog(text=jobs.log_tail(session, job_id))


@router.post("/jobs/{job_id}/cancel", operation_id="jobs_cancel", responses=WRITE)
def cancel(session: OneSession, who: Who, job_id: UUID) -> JobItem:
    """Stop a job: at once if it waits, within seconds if it runs. One that has ended stays as it is."""
    access.job(session, who, job_id, role="annotator")
    return item(jobs.cancel(session, job_id))


def item(one: JobRecord) -> JobItem:
    """A job on the wire."""
    return JobItem(
        id=one.id,
        project_id=one.project_id,
        kind=one.kind,
        arguments=one.arguments,
        state=one.state,
        progress=JobProgressView(
            done=one.progress.done,
            total=one.progress.total,
            unit=one.progress.unit,
            message=one.progress.message,
            eta_s=one.progress.eta_s,
        ),
        result=one.result,
        failure=None
        if one.failure is None
        else JobProblem(
            kind=one.failure.kind,
            happened=one.failure.happened,
            remedy=one.failure.remedy,
            detail=one.failure.detail,
        ),
        cancelling=one.cancel_requested and not one.finished,
        attempt=one.attempt,
        worker=one.worker,
        author=one.author,
        created_at=one.created_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
    )


def _event(one: JobEvent) -> JobEventItem:
    return JobEventItem(id=one.id, at=one.at, kind=one.kind, body=one.body)


def _check(session: Session, who: Caller, project_id: int, asked: JobAsk) -> None:
    """What the job is to work on must be the project's own: what it makes belongs there, too."""
    if isinstance(asked, EvaluateAsk):
        access.run(session, who, asked.run_id)
        access.inside(project_id, projects.of_run(session, asked.run_id), "prediction run", asked.run_id)
        return
    dataset = access.dataset(session, who, asked.dataset_id)
    access.inside(project_id, dataset.project_id, "dataset", dataset.id)
    if isinstance(asked, (MasksAsk, FollowTracksAsk, EncodeAsk)):
        return
    version_id = asked.version_id if isinstance(asked, PredictAsk) else asked.start_version_id
    if version_id is not None:
        version = access.version(session, who, version_id)
        access.inside(project_id, version.project_id, "model version", version.id)


def _arguments(asked: JobAsk) -> Arguments:
    match asked:
        case TrainAsk():
            return TrainArguments(
                architecture=asked.architecture,
                dataset_id=asked.dataset_id,
                part=_part(asked.part),
                epochs=asked.epochs,
                image_size=asked.image_size,
                batch=asked.batch,
                name=asked.name,
                start_version_id=asked.start_version_id,
                pretrained=asked.pretrained,
                validation=asked.validation,
                hyperparameters=asked.hyperparameters,
            )
        case PredictAsk():
            return PredictArguments(
                version_id=asked.version_id,
                dataset_id=asked.dataset_id,
                part=_part(asked.part),
                name=asked.name,
                confidence=asked.confidence,
                max_detections=asked.max_detections,
                batch=asked.batch,
            )
        case EvaluateAsk():
            return EvaluateArguments(run_id=asked.run_id, kind=asked.compare, part=_part(asked.part))
        case MasksAsk():
            return MasksArguments(
                dataset_id=asked.dataset_id,
                part=_part(asked.part),
                segmenter=asked.segmenter,
                score_min=asked.score_min,
            )
        case EncodeAsk():
            return EncodeArguments(dataset_id=asked.dataset_id, part=_part(asked.part), segmenter=asked.segmenter)
        case FollowTracksAsk():
            return FollowArguments(
                dataset_id=asked.dataset_id,
                part=_part(asked.part),
                tracks=None if asked.tracks is None else tuple(str(one) for one in asked.tracks),
                segmenter=asked.segmenter,
                direction=asked.direction,
            )
        case _:
            assert_never(asked)


def _part(asked: SliceAsk) -> Slice:
    return Slice().where(
        tag=asked.tags, classes=asked.classes, area=asked.areas, images=asked.images, text=asked.text
    )
