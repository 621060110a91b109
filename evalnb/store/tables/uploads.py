"""Uploads: files on their way in, and what became of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.store.tables.base import Base, Created, Json


class UploadRow(Base):
    """One upload. The row decides how many of its bytes are there; the part file may hold more, never fewer.

    state: receiving → received → done | refused, with ``processing`` between where a job takes the file in.
    """

    __tablename__ = "upload"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, Identity())
    """Ascending with time: what lists are paged by."""
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    author: Mapped[str] = mapped_column(Text)
    filename: Mapped[str] = mapped_column(Text)
    """As it is shown: the client's name without folders and control characters. No file here is called so."""
    purpose: Mapped[str] = mapped_column(Text)
    arguments: Mapped[Json]
    """Where it is to go: dataset, model, architecture."""
    metadata_header: Mapped[str] = mapped_column(Text)
    """tus's Upload-Metadata as the client wrote it, to be said again."""
    length: Mapped[int] = mapped_column(BigInteger)
    """Bytes in all."""
    committed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Bytes that are on the disk: tus's Upload-Offset."""
    state: Mapped[str] = mapped_column(Text, server_default="receiving")
    sha256: Mapped[str | None] = mapped_column(Text)
    """The blob, once every byte is there."""
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    result: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))
    """What came of it: dataset_id, image_id, model_version_id, counts, and the files that were left out."""
    refusal: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))
    """Why nothing came of it: kind, happened, remedy, status."""
    created_at: Mapped[Created]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        UniqueConstraint("place"),
        CheckConstraint("purpose IN ('image', 'images-zip', 'dataset-zip', 'checkpoint')", name="purpose_is_known"),
        CheckConstraint("state IN ('receiving', 'received', 'processing', 'done', 'refused')", name="state_is_known"),
        CheckConstraint("length > 0 AND committed BETWEEN 0 AND length", name="committed_is_within"),
        CheckConstraint("state = 'receiving' OR sha256 IS NOT NULL", name="whole_before_taken"),
        Index("ix_upload_project_id_place", "project_id", "place"),
        Index("ix_upload_unfinished", "expires_at", postgresql_where=text("state = 'receiving'")),
    )
