"""Asking to upload: what the client says of its file, and whether there is room for it."""

from __future__ import annotations

import base64
import binascii
import shutil
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from evalnb.core.uploads import PURPOSES, Purpose, UploadRecord
from evalnb.errors import Invalid, TooLarge, Unavailable
from evalnb.settings import Settings
from evalnb.store import Store
from evalnb.store.repositories import uploads as rows
from evalnb.uploads._parts import create_part

_SPARE_BYTES = 1 << 30
"""What an upload leaves free on the disk, for the database and for the work that follows."""
_ARGUMENTS = ("dataset", "model", "architecture")
_MOST_HEADER = 8192


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client says of the file it is about to send."""

    project_id: int
    filename: str
    purpose: Purpose
    arguments: Mapping[str, str] = field(default_factory=dict)
    """dataset, model, architecture: those that were given."""
    header: str = ""
    """Upload-Metadata as it was written."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may come in, in bytes; and how long an unfinished upload is kept, in seconds."""

    most_bytes: int
    quota_bytes: int
    lives_s: float


def limits(settings: Settings) -> Limits:
    """The limits of these settings."""
    return Limits(
        most_bytes=int(settings.upload_max_gb * 1e9),
        quota_bytes=int(settings.upload_quota_gb * 1e9),
        lives_s=settings.upload_expires_h * 3600,
    )


def read_metadata(header: str) -> Asked:
    """tus's Upload-Metadata: comma-separated pairs of a key and its value in base64. Invalid says what is missing.

    Keys: project (its id), filename (or ``name``, as Uppy says), purpose, and by purpose dataset (a name), model,
    architecture. Others are kept and mean nothing.
    """
    said = _pairs(header)
    project = said.get("project", "")
    if not (project.isascii() and project.isdecimal() and len(project) < 19):
        raise Invalid(
            f"Upload-Metadata names no project ({project!r})", remedy="send `project` with its id, in base64"
        )
    purpose = said.get("purpose", "")
    if purpose not in PURPOSES:
        raise Invalid(
            f"Upload-Metadata names no purpose that evalnb knows ({purpose!r})",
            remedy=f"send `purpose` with one of {', '.join(PURPOSES)}",
        )
    arguments = {key: value for key in _ARGUMENTS if (value := _shown(said.get(key, ""))[:200])}
    filename = shown_name(said.get("filename") or said.get("name") or "")
    if purpose in {"image", "images-zip"} and "dataset" not in arguments:
        raise Invalid(
            f"Upload-Metadata does not say which dataset {filename} is for",
            remedy="send `dataset` with a name; a dataset that is not there is made",
        )
    return Asked(int(project), filename, purpose, arguments, header)


def begin(store: Store, asked: Asked, *, length: int, author: str) -> UploadRecord:
    """A new upload of ``length`` bytes, of which nothing is there yet. The caller has seen to it that ``author`` may.

    Invalid for an empty file; TooLarge beyond the largest size or the project's quota; Unavailable where the disk
    has no room for it.
    """
    allowed = limits(store.settings)
    if length < 1:
        raise Invalid(f"{asked.filename} is empty", remedy="choose a file that has something in it")
    if length > allowed.most_bytes:
        raise TooLarge(
            f"{asked.filename} has {length / 1e9:.2f} GB, and at most {allowed.most_bytes / 1e9:g} GB are taken",
            remedy="split it, or raise EVALNB_UPLOAD_MAX_GB",
        )
    incoming = store.blobs.incoming
    free = shutil.disk_usage(incoming).free
    if length > free - _SPARE_BYTES:
        raise Unavailable(
            f"{asked.filename} has {length / 1e9:.2f} GB, and the server's disk has {free / 1e9:.1f} GB free",
            remedy="free some space there, and try again",
        )
    upload_id = uuid4()
    part = create_part(incoming, upload_id)
    try:
        with store.database.transaction() as session:
            claimed = rows.claimed_bytes(session, asked.project_id)
            if claimed + length > allowed.quota_bytes:
                raise TooLarge(
                    f"{asked.filename} has {length / 1e9:.2f} GB, and unfinished uploads of this project claim"
                    f" {claimed / 1e9:.2f} of {allowed.quota_bytes / 1e9:g} GB already",
                    remedy="finish or delete some of them, or raise EVALNB_UPLOAD_QUOTA_GB",
                )
            rows.create(
                session,
                upload_id,
                project_id=asked.project_id,
                author=author,
                filename=asked.filename,
                purpose=asked.purpose,
                arguments=asked.arguments,
                metadata_header=asked.header,
                length=length,
                lives_s=allowed.lives_s,
            )
            record = rows.get(session, upload_id)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return record


def shown_name(name: str) -> str:
    """A file's name as it may be shown and kept: no folders, no control or direction characters, 200 characters."""
    clean = _shown(name.replace("\\", "/").rpartition("/")[2])
    if clean in {"", ".", ".."}:
        return "file"
    suffix = Path(clean).suffix[:20]
    return clean if len(clean) <= 200 else clean[: 200 - len(suffix)] + suffix


def safe_name(name: str) -> str:
    """``name`` as a file of ours may be called on any disk: ASCII letters, digits, dot, dash, underscore."""
    kept = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in Path(name).name)
    return kept.lstrip(".")[-100:] or "file"


def _shown(text: str) -> str:
    # Cc: control; Cf: direction overrides and other invisible ones, which make "gpj.exe" read "exe.jpg".
    kept = (one for one in unicodedata.normalize("NFC", text) if unicodedata.category(one) not in {"Cc", "Cf", "Cs"})
    return "".join(kept).strip()


def _pairs(header: str) -> dict[str, str]:
    if len(header) > _MOST_HEADER:
        raise Invalid(f"Upload-Metadata has {len(header)} characters", remedy=f"send {_MOST_HEADER} at most")
    said: dict[str, Any] = {}
    for pair in header.split(","):
        key, _, value = pair.strip().partition(" ")
        if not key:
            continue
        try:
            text = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError) as error:
            raise Invalid(
                f"the value of {key!r} in Upload-Metadata is not base64 of UTF-8", remedy="encode it as tus 1.0 says"
            ) from error
        if key in said:
            raise Invalid(f"Upload-Metadata has {key!r} twice", remedy="send each key once")
        said[key] = text
    return said
