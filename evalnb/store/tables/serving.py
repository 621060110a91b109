"""Aliases and what was predicted under them; pyramids of large images."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.store.tables.base import Base, Created, Key


class ModelAliasRow(Base):
    """A name that programs predict under, whichever version stands behind it today."""

    __tablename__ = "model_alias"

    id: Mapped[Key]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("project_id", "name"),)


class AliasChangeRow(Base):
    """What an alias has stood for since a moment; its newest change is what it stands for now.

    Without a champion the alias was taken away. Nothing is ever overwritten: what a prediction of last month was
    compared with can be told for ever.
    """

    __tablename__ = "alias_change"

    id: Mapped[Key]
    alias_id: Mapped[int] = mapped_column(ForeignKey("model_alias.id", ondelete="CASCADE"))
    champion_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id", ondelete="SET NULL"))
    challenger_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id", ondelete="SET NULL"))
    share: Mapped[float] = mapped_column(Float, server_default="0")
    """How much of the traffic the challenger answers, 0 to 1."""
    note: Mapped[str] = mapped_column(Text, server_default="")
    author: Mapped[str] = mapped_column(Text)
    at: Mapped[Created]

    __table_args__ = (
        CheckConstraint("share >= 0 AND share <= 1", name="share_is_a_share"),
        CheckConstraint("challenger_id IS NULL OR challenger_id <> champion_id", name="two_versions_differ"),
        Index("ix_alias_change_alias_id_id", "alias_id", "id"),
        Index("ix_alias_change_champion_id", "champion_id"),
        Index("ix_alias_change_challenger_id", "challenger_id"),
    )


class ServedPredictionRow(Base):
    """One answer of ``/api/predict``, and, when somebody has said so, whether it was right."""

    __tablename__ = "served_prediction"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("alias_change.id", ondelete="CASCADE"))
    """What the alias stood for when it answered: outcomes of another split are never mixed in."""
    version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id", ondelete="CASCADE"), index=True)
    key: Mapped[str | None] = mapped_column(Text)
    """Who or what it was for; one key is always answered by one version."""
    detections: Mapped[int] = mapped_column(Integer)
    took_ms: Mapped[float] = mapped_column(Float)
    outcome: Mapped[float | None] = mapped_column(Float)
    """1 right, 0 wrong, or a score between."""
    outcome_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    at: Mapped[Created]

    __table_args__ = (
        CheckConstraint("outcome >= 0 AND outcome <= 1", name="outcome_is_a_share"),
        Index("ix_served_prediction_change_id_version_id", "change_id", "version_id"),
    )


class PyramidRow(Base):
    """The tiled pyramid of one image's bytes, whichever images of whichever datasets have them."""

    __tablename__ = "pyramid"

    source_sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    """What it was made from."""
    sha256: Mapped[str] = mapped_column(Text)
    """The pyramid's blob: a tiled TIFF."""
    width: Mapped[int] = mapped_column(Integer)
    """Pixels, orientation applied; the blob's largest level."""
    height: Mapped[int] = mapped_column(Integer)
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Created]


class ImagePyramidRow(Base):
    """An image that needs a pyramid: the job that was asked for it, and what the job found in its file."""

    __tablename__ = "image_pyramid"

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True)
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"), index=True)
    source_sha256: Mapped[str | None] = mapped_column(ForeignKey("pyramid.source_sha256"), index=True)
    stamp: Mapped[str] = mapped_column(Text, server_default="")
    """Of a file left in place: its size and time when the pyramid was made. Another stamp is another picture."""
