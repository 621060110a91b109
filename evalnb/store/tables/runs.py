"""Prediction runs (packed arrays, one row for each image), evaluations, reports."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.store.tables.base import Base, Created, Json, Key


class PredictionRunRow(Base):
    """One pass of one model over one dataset (or slice), or one imported result file."""

    __tablename__ = "prediction_run"

    id: Mapped[Key]
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), index=True)
    model_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))
    name: Mapped[str] = mapped_column(Text)
    parameters: Mapped[Json]
    image_count: Mapped[int] = mapped_column(Integer)
    """How many images it is to cover; its prediction rows say how many it has."""
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("job.id"))
    created_at: Mapped[Created]
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PredictionRow(Base):
    """The predictions of one image, packed little-endian: what numpy reads with ``frombuffer``."""

    __tablename__ = "prediction"

    run_id: Mapped[int] = mapped_column(ForeignKey("prediction_run.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True, index=True)
    count: Mapped[int] = mapped_column(Integer)
    boxes: Mapped[bytes] = mapped_column(LargeBinary)
    """(count, 4) float64: x, y, w, h in pixels."""
    scores: Mapped[bytes] = mapped_column(LargeBinary)
    """(count,) float64, best first; ties keep the model's order."""
    class_ids: Mapped[bytes] = mapped_column(LargeBinary)
    """(count,) int64 class ids of the dataset's taxonomy."""
    rles: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """count COCO run strings (size is the image's), for masks."""
    corners: Mapped[bytes | None] = mapped_column(LargeBinary)
    """(count, 4, 2) float64: x, y of rotated boxes' corners, as ``core.rotated.convex`` orders them."""


class EvaluationRow(Base):
    """One evaluation: its parameters, its twelve numbers, and its match table as a blob."""

    __tablename__ = "evaluation"

    id: Mapped[Key]
    run_id: Mapped[int] = mapped_column(ForeignKey("prediction_run.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    parameters: Mapped[Json]
    summary: Mapped[Json]
    matches_sha256: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]


class ReportRow(Base):
    """A published report: an evaluation frozen into a bundle."""

    __tablename__ = "report"

    id: Mapped[Key]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    evaluation_id: Mapped[int | None] = mapped_column(ForeignKey("evaluation.id", ondelete="SET NULL"))
    slug: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    bundle_sha256: Mapped[str] = mapped_column(Text)
    html_sha256: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("project_id", "slug"),)
