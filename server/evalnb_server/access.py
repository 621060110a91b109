"""Whether a caller may touch a thing. Every route with an object in its path or body asks here first.

Each function loads the thing, finds its project, and raises NotFound where the thing is not there *or* the caller is
no member (in the same words: existence is not told), and Forbidden where the caller's role, or the reach of its
proof, is too low.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy.orm import Session

from evalnb import accounts
from evalnb.accounts import AccountRecord, Caller, Role, TokenRecord
from evalnb.core.datasets import DatasetRecord
from evalnb.core.images import ImageRecord
from evalnb.core.jobs import JobRecord
from evalnb.core.projects import ProjectRecord
from evalnb.errors import Conflict, Forbidden, NotFound
from evalnb.store.repositories import datasets, evaluations, images, jobs, models, predictions, projects, reports
from evalnb.store.repositories.evaluations import EvaluationRecord
from evalnb.store.repositories.models import ModelVersion
from evalnb.store.repositories.predictions import PredictionRun
from evalnb.store.repositories.reports import ReportRecord

_LARGEST = 2**63 - 1


def projects_of(session: Session, who: Caller) -> list[int] | None:
    """The ids of the projects that the caller sees; None for all of them."""
    if who.owner and who.project_id is None:
        return None
    return [project.id for project, _ in accounts.projects_of(session, who)]


def project(session: Session, who: Caller, project_id: int, role: Role = "viewer") -> ProjectRecord:
    """The project of that id, for a caller of at least ``role`` in it."""
    with as_if_absent("project", project_id):
        enter(session, who, project_id, role)
        return projects.get(session, project_id)


def dataset(session: Session, who: Caller, dataset_id: int, role: Role = "viewer") -> DatasetRecord:
    """The dataset of that id, for a caller of at least ``role`` in its project."""
    with as_if_absent("dataset", dataset_id):
        record = datasets.get(session, dataset_id)
        enter(session, who, record.project_id, role)
        return record


def image(session: Session, who: Caller, image_id: int, role: Role = "viewer") -> ImageRecord:
    """The image of that id, for a caller of at least ``role`` in its project."""
    with as_if_absent("image", image_id):
        enter(session, who, projects.of_image(session, image_id), role)
        return images.get(session, image_id)


def run(session: Session, who: Caller, run_id: int, role: Role = "viewer") -> PredictionRun:
    """The prediction run of that id, for a caller of at least ``role`` in its project."""
    with as_if_absent("prediction run", run_id):
        enter(session, who, projects.of_run(session, run_id), role)
        return predictions.get(session, run_id)


def evaluation(session: Session, who: Caller, evaluation_id: int, role: Role = "viewer") -> EvaluationRecord:
    """The evaluation of that id, for a caller of at least ``role`` in its project."""
    with as_if_absent("evaluation", evaluation_id):
        enter(session, who, projects.of_evaluation(session, evaluation_id), role)
        return evaluations.get(session, evaluation_id)


def job(session: Session, who: Caller, job_id: UUID, role: Role = "viewer") -> JobRecord:
    """The job of that id, for a caller of at least ``role`` in its project."""
    with as_if_absent("job", job_id):
        record = jobs.get(session, job_id)
        enter(session, who, record.project_id, role)
        return record


def model(session: Session, who: Caller, model_id: int, role: Role = "viewer") -> int:
    """The project of the model of that id, for a caller of at least ``role`` in it."""
    with as_if_absent("model", model_id):
        return enter(session, who, projects.of_model(session, model_id), role)


def version(session: Session, who: Caller, version_id: int, role: Role = "viewer") -> ModelVersion:
    """The model version of that id, for a caller of at least ``role`` in its project."""
    with as_if_absent("model version", version_id):
        record = models.get(session, version_id)
        enter(session, who, record.project_id, role)
        return record


def report(
    session: Session, who: Caller, slug: str, project_id: int | None = None, role: Role = "viewer"
) -> ReportRecord:
    """The newest report of that slug in the project, or in any that the caller sees.

    Two projects may use one slug; whoever sees only one of them gets that one's.
    """
    with as_if_absent("report", slug):
        for found in reports.of_slug(session, slug):
            if project_id in (None, found.project_id) and accounts.role_of(session, who, found.project_id):
                enter(session, who, found.project_id, role)
                return found
        raise NotFound("there is none", remedy="")


def user(session: Session, who: Caller, user_id: int) -> AccountRecord:
    """The account of that id, for itself and for owners; nobody else learns whether there is one."""
    with as_if_absent("user", user_id):
        if user_id != who.user_id and not who.governs:
            raise NotFound("not the caller's", remedy="")
        return accounts.account(session, user_id)


def token(session: Session, who: Caller, token_id: int) -> TokenRecord:
    """The API token of that id, for whom it stands for and for owners; a token itself sees itself alone."""
    with as_if_absent("token", token_id):
        found = accounts.token(session, token_id)
        own = found.account_id == who.user_id and (who.via != "token" or who.proof_id == token_id)
        if not (own or who.governs):
            raise NotFound("not the caller's", remedy="")
        return found


def enter(session: Session, who: Caller, project_id: int | None, role: Role) -> int:
    """The project's id, for a caller of at least ``role`` in it; NotFound for anybody who is no member.

    For things that no function here knows: call it where ``as_if_absent`` names the thing.
    """
    held = None if project_id is None else accounts.role_of(session, who, project_id)
    if project_id is None or held is None:
        raise NotFound("it is not among the caller's", remedy="list what there is to see the ids")
    if not accounts.reaches(held, role):
        short = who.owner or who.scope != "admin"
        raise Forbidden(
            f"{who.name} is {_a(held)} in project {project_id}{' by this token' if short else ''}, "
            f"and this needs {_a(role)}",
            remedy="use a token of a wider scope" if short else f"ask one of its admins for the role {role}",
        )
    return project_id


def inside(project_id: int, found: int | None, what: str, id: object) -> None:
    """Conflict where a thing that the caller may see belongs to another project than the one it is to be used in."""
    if found != project_id:
        raise Conflict(
            f"the {what} {id} belongs to another project than {project_id}",
            remedy=f"ask in its own project, or bring the {what} into this one first",
        )


def owner(who: Caller) -> None:
    """Forbidden for anybody but an owner with the whole reach of one."""
    if not who.governs:
        raise Forbidden(
            f"{who.name} is no owner of this evalnb"
            if not who.owner
            else "this token does not reach so far (it needs the scope admin, and no project of its own)",
            remedy="ask an owner",
        )


def person(who: Caller) -> None:
    """Forbidden for an API token: one must not be able to make itself another, or to outlive its revocation."""
    if who.via == "token":
        raise Forbidden("an API token cannot do this", remedy="sign in, or use the home's own token")


@contextmanager
def as_if_absent(what: str, id: object, remedy: str = "") -> Iterator[None]:
    """One wording for "there is none" and "it is not yours"."""
    if isinstance(id, int) and not 0 < id <= _LARGEST:
        raise _absent(what, id, remedy)
    try:
        yield
    except NotFound:
        raise _absent(what, id, remedy) from None


def _absent(what: str, id: object, remedy: str) -> NotFound:
    return NotFound(
        f"there is no {what} {id} that you may see",
        remedy=remedy or f"list the {what}s that you see; an admin of a project can make you a member",
    )


def _a(role: Role) -> str:
    return f"{'a' if role == 'viewer' else 'an'} {role}"
