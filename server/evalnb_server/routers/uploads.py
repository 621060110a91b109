"""Uploads: tus 1.0 for the bytes, JSON for what became of them."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from evalnb import uploads
from evalnb.accounts import Caller, Role
from evalnb.errors import TooLarge
from evalnb.store import Store
from evalnb.store.repositories import uploads as rows
from evalnb.uploads import Checksum, UploadRecord, Writer
from evalnb.wire.annotator import Refusal
from evalnb.wire.http import UploadItem, UploadPage, UploadResult
from evalnb_server import access
from evalnb_server.answers import READ, After, Id, Limit, answers, cut
from evalnb_server.deps import OneSession, OpenStore, Who
from evalnb_server.uploads import protocol
from evalnb_server.uploads.receiving import receive

router = APIRouter(tags=["uploads"])

_REFUSALS = answers(400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 423, 460, 503)
_PIECE = {
    "requestBody": {"content": {protocol.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
}


@router.options("/uploads", status_code=204, response_class=Response, responses=answers(401, 403, 503))
def options(who: Who, store: OpenStore) -> Response:
    """The version of tus, its extensions, the largest size, the checksums."""
    return Response(status_code=204, headers=protocol.options(store.settings))


@router.post("/uploads", status_code=201, openapi_extra=_PIECE, response_class=Response, responses=_REFUSALS)
async def create(request: Request, who: Who, store: OpenStore) -> Response:
    """Begin an upload: Upload-Length, and in Upload-Metadata project, filename, purpose (image, images-zip,
    dataset-zip, checkpoint) and dataset, model or architecture. A body may carry the first piece.
    """
    protocol.check_version(request)
    asked = uploads.read_metadata(request.headers.get("upload-metadata", ""))
    await run_in_threadpool(_enter, store, who, asked.project_id)
    length = protocol.natural(request, "Upload-Length")
    sent, checksum = protocol.carries_bytes(request), protocol.checksum(request)
    record = await run_in_threadpool(_begin, store, asked, length=length, author=who.name)
    if sent:
        record = await _take_piece(request, store, record, 0, checksum)
    headers = {"Location": f"{protocol.PATH}/{record.id}", **protocol.standing(record)}
    return Response(status_code=201, headers=headers)


@router.head("/uploads/{upload_id}", response_class=Response, responses=_REFUSALS)
def offset(request: Request, who: Who, store: OpenStore, upload_id: UUID) -> Response:
    """How many bytes are there: where to go on. What was interrupted after the last byte goes on too."""
    _find(store, who, upload_id, "annotator")
    protocol.check_version(request)
    record = uploads.settle(store, upload_id)
    headers = {
        **protocol.standing(record),
        "Upload-Length": str(record.length),
        "Upload-Metadata": record.metadata_header,
    }
    return Response(status_code=200, headers=headers)


@router.patch(
    "/uploads/{upload_id}", status_code=204, openapi_extra=_PIECE, response_class=Response, responses=_REFUSALS
)
async def write(request: Request, who: Who, store: OpenStore, upload_id: UUID) -> Response:
    """The next piece, at Upload-Offset; with Upload-Checksum it counts whole or not at all."""
    record = await run_in_threadpool(_find, store, who, upload_id, "annotator")
    protocol.check_version(request)
    place, checksum = protocol.natural(request, "Upload-Offset"), protocol.checksum(request)
    protocol.carries_bytes(request)
    record = await _take_piece(request, store, record, place, checksum)
    return Response(status_code=204, headers=protocol.standing(record))


@router.delete("/uploads/{upload_id}", status_code=204, response_class=Response, responses=_REFUSALS)
def terminate(request: Request, who: Who, store: OpenStore, upload_id: UUID) -> Response:
    """Forget an upload. What it has brought in already stays; a job that takes it in is cancelled."""
    _find(store, who, upload_id, "annotator", expired=True)
    protocol.check_version(request)
    uploads.terminate(store, upload_id)
    return Response(status_code=204)


@router.get("/uploads/{upload_id}", responses=READ)
def status(who: Who, store: OpenStore, upload_id: UUID) -> UploadItem:
    """Where an upload stands, and what became of it: its result, or why it was refused."""
    record = _find(store, who, upload_id, "viewer", expired=True)
    if record.state == "received":
        record = uploads.settle(store, upload_id)  # it waited for an import into its dataset, or for a server
    with store.database.transaction() as session:
        return _item(session, record)


@router.get("/projects/{project_id}/uploads", operation_id="uploads_list", responses=READ)
def page(who: Who, session: OneSession, project_id: Id, after: After = 0, limit: Limit = 100) -> UploadPage:
    """The project's uploads, newest first."""
    access.project(session, who, project_id)
    found, last = cut(rows.page(session, project_id, before=after or None, limit=limit + 1), limit)
    return UploadPage(items=[_item(session, one) for one in found], next=last.place if last else None)


async def _take_piece(
    request: Request, store: Store, record: UploadRecord, place: int, checksum: Checksum | None
) -> UploadRecord:
    """The body of the request, to the disk; and what follows the last byte."""
    said = protocol.body_bytes(request)
    if said is not None and place + said > record.length:
        raise TooLarge(
            f"{record.filename} was announced with {record.length} bytes; {place} and {said} more go beyond them",
            remedy="ask HEAD for the offset, and send what is left",
        )
    writer = await run_in_threadpool(Writer.open, store, record.id, place, checksum=checksum)
    try:
        whole = False
        try:
            whole = await receive(request, writer)
        finally:
            # A piece that was cut off counts as far as it came.
            await run_in_threadpool(writer.finish if whole else writer.keep)
    finally:
        writer.close()
    return await run_in_threadpool(uploads.settle, store, record.id)


def _begin(store: Store, asked: uploads.Asked, *, length: int, author: str) -> UploadRecord:
    uploads.sweep(store)
    return uploads.begin(store, asked, length=length, author=author)


def _enter(store: Store, who: Caller, project_id: int) -> None:
    with store.database.transaction() as session:
        access.project(session, who, project_id, "annotator")


def _find(store: Store, who: Caller, upload_id: UUID, role: Role, *, expired: bool = False) -> UploadRecord:
    """The upload, for a caller who may; Gone if its time is up, unless ``expired`` ones are wanted too."""
    with store.database.transaction() as session, access.as_if_absent("upload", str(upload_id)):
        record = rows.get(session, upload_id)
        access.enter(session, who, record.project_id, role)
        return record if expired else uploads.living(session, record)


def _item(session: Session, record: UploadRecord) -> UploadItem:
    state, refusal = uploads.refusal_of(session, record)
    return UploadItem(
        id=record.id,
        project_id=record.project_id,
        author=record.author,
        filename=record.filename,
        purpose=record.purpose,
        length=record.length,
        offset=record.committed,
        state=state,
        job_id=record.job_id,
        result=None if record.result is None else UploadResult.model_validate(record.result),
        refusal=None if refusal is None else Refusal.model_validate(refusal),
        created_at=record.created_at,
        expires_at=record.expires_at if state == "receiving" else None,
        finished_at=record.finished_at,
    )
