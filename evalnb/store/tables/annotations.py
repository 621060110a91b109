"""Annotations and the append-only log of edits that made them."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.store.tables.base import Base, Created, Json, Key


class AnnotationRow(Base):
    """One ground-truth shape as it stands. Never destroyed: ``deleted`` is its tombstone.

    ``geometry`` by kind: box, keypoints → NULL; polygon → [[x0, y0, x1, y1, …], …], or, with holes,
    {"parts": […], "holes": […]} of such; polyline → [[x0, y0, …], …]; points → [[x, y], …]; rotated, ellipse →
    [cx, cy, w, h, radians clockwise]; mask → {"size": [h, w], "counts": "…"} (COCO's compressed runs). ``keypoints``
    [[x, y, v], …] may stand beside any of them.
    """

    __tablename__ = "annotation"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Made by whoever draws the shape; imports derive it from the dataset and the source's id."""
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    class_id: Mapped[int] = mapped_column(BigInteger)
    source_key: Mapped[str | None] = mapped_column(Text)
    """The source's annotation id, as text; NULL for shapes drawn here."""
    place: Mapped[int] = mapped_column(BigInteger, Identity())
    """Ascending in the order of the source, then of drawing: ties between truths and exports keep that order."""
    kind: Mapped[str] = mapped_column(Text)
    x: Mapped[float] = mapped_column(Double)
    y: Mapped[float] = mapped_column(Double)
    w: Mapped[float] = mapped_column(Double)
    h: Mapped[float] = mapped_column(Double)
    area: Mapped[float] = mapped_column(Double)
    """px², as the source stated it, else computed."""
    geometry: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    keypoints: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    crowd: Mapped[bool] = mapped_column(Boolean, server_default="false")
    attributes: Mapped[Json]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    z: Mapped[int] = mapped_column(Integer, server_default="0")
    """The higher lies on top; of equals, the later place."""
    track_id: Mapped[UUID | None]
    """The track that the shape belongs to: one object over the frames of a sequence."""
    keyframe: Mapped[bool] = mapped_column(Boolean, server_default="true")
    """False: computed between the keyframes around it."""
    outside: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """The track's object is not in sight from here up to the next keyframe."""
    extra: Mapped[Json]
    """What the source said that evalnb has no word for; written back on export."""
    revision: Mapped[int] = mapped_column(BigInteger, server_default="1")
    deleted: Mapped[bool] = mapped_column(Boolean, server_default="false")

    __table_args__ = (
        CheckConstraint(
            "kind IN ('box', 'rotated', 'polygon', 'polyline', 'points', 'ellipse', 'mask', 'keypoints')",
            name="kind_is_known",
        ),
        CheckConstraint("w >= 0 AND h >= 0", name="box_is_not_inverted"),
        Index("ix_annotation_image_id", "image_id"),
        Index("ix_annotation_dataset_id_place", "dataset_id", "place"),
        Index("ix_annotation_track_id", "track_id", postgresql_where=text("track_id IS NOT NULL")),
        # Answers "the next images that bear this class (in this area range)" from the index alone, in image order.
        Index(
            "ix_annotation_class_image",
            "dataset_id",
            "class_id",
            "image_id",
            "area",
            postgresql_where=text("NOT deleted"),
        ),
    )


class EditRow(Base):
    """One edit: an op as it was applied. Rows are only ever added."""

    __tablename__ = "edit"

    id: Mapped[Key]
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    seq: Mapped[int] = mapped_column(BigInteger)
    client_op_id: Mapped[UUID] = mapped_column(unique=True)
    """Made by the client; replaying an op finds it here and changes nothing."""
    shape_id: Mapped[UUID]
    """All zeros where the edit is of the image itself: its actions are tag and untag."""
    action: Mapped[str] = mapped_column(Text)
    base_rev: Mapped[int] = mapped_column(BigInteger)
    rev: Mapped[int] = mapped_column(BigInteger)
    patch: Mapped[Json]
    before: Mapped[Json]
    """The touched properties as they were: what an undo or a restore writes back."""
    conflicts: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """Properties that somebody else had changed since ``base_rev``; their values stand in ``before``."""
    author: Mapped[str] = mapped_column(Text)
    at: Mapped[Created]

    __table_args__ = (
        UniqueConstraint("image_id", "seq"),
        CheckConstraint(
            "action IN ('create', 'update', 'delete', 'restore', 'tag', 'untag')", name="action_is_known"
        ),
        Index("ix_edit_shape_id", "shape_id"),
    )
