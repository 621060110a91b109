"""How far an image's labels have come, and what people say of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Double, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.store.tables.base import Base, Created, Key


class ImageReviewRow(Base):
    """The state of an image's labels. An image without a row is ``todo``, and nobody's."""

    __tablename__ = "image_review"

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(Text)
    assignee: Mapped[str] = mapped_column(Text)
    """The name of whoever is to do it; empty for nobody."""
    author: Mapped[str] = mapped_column(Text)
    """Who changed it last."""
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("status IN ('todo', 'doing', 'review', 'accepted', 'rejected')", name="status_is_known"),
        Index("ix_image_review_status", "dataset_id", "status", "image_id"),
        Index("ix_image_review_assignee", "dataset_id", "assignee", "image_id"),
    )


class ReviewChangeRow(Base):
    """A change of an image's status or assignee: both as they stood after it. Rows are only added."""

    __tablename__ = "review_change"

    id: Mapped[Key]
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(Text)
    assignee: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index("ix_review_change_image", "image_id", "id"),
        Index("ix_review_change_dataset", "dataset_id"),
    )


class CommentRow(Base):
    """A remark pinned to a place of an image. Rows are only added, and resolved or opened again."""

    __tablename__ = "comment"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Made by whoever writes it; sent again, it is found here."""
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    x: Mapped[float] = mapped_column(Double)
    y: Mapped[float] = mapped_column(Double)
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    at: Mapped[Created]
    resolved_by: Mapped[str] = mapped_column(Text, server_default="")
    """Empty while it is open."""
    resolved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """None while it is open, and of what was resolved before this was kept."""

    __table_args__ = (Index("ix_comment_image", "image_id", "at"), Index("ix_comment_dataset", "dataset_id"))
