"""Models and their versions."""

from uuid import UUID

from sqlalchemy import ForeignKey, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.store.tables.base import Base, Created, Json, Key


class ModelRow(Base):
    """A vision model by name; its versions are what runs."""

    __tablename__ = "model"

    id: Mapped[Key]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("project_id", "name"),)


class ModelVersionRow(Base):
    """One set of weights. ``architecture`` names the adapter's model, for instance ``yolo11n``."""

    __tablename__ = "model_version"

    id: Mapped[Key]
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    architecture: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text)
    """The weights' blob."""
    class_names: Mapped[list[str]] = mapped_column(ARRAY(Text))
    metrics: Mapped[Json]
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("job.id"))
    """The training job that made it, if one did."""
    extra: Mapped[Json]
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("model_id", "number"),)
