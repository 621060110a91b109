"""Jobs: the row that is the truth about long work, and its stream of events."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, DateTime, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.store.tables.base import Base, Created, Json, Key


class JobRow(Base):
    """Long work asked for. The row decides; the broker only rings.

    state: queued → running → succeeded | failed | cancelled. A worker holds it by ``lease_until`` and ``fence``:
    a write that carries an older fence is refused.
    """

    __tablename__ = "job"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    """train, predict, evaluate, …: the name of the body in the worker."""
    arguments: Mapped[Json]
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    progress: Mapped[Json]
    """done, total, unit, message, eta_s."""
    result: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))
    cancel_requested: Mapped[bool] = mapped_column(Boolean, server_default="false")
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    fence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    worker: Mapped[str | None] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="state_is_known"),
        Index("ix_job_open", "created_at", postgresql_where=text("state IN ('queued', 'running')")),
        Index("ix_job_project_id_created_at", "project_id", "created_at"),
    )


class JobEventRow(Base):
    """What a job said on its way: an epoch's losses, a line of log."""

    __tablename__ = "job_event"

    id: Mapped[Key]
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    at: Mapped[Created]
    kind: Mapped[str] = mapped_column(Text)
    """epoch or log."""
    body: Mapped[Json]

    __table_args__ = (Index("ix_job_event_job_id_id", "job_id", "id"),)
