"""Projects, taxonomies, datasets, their images, and the imports that filled them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.core.frames import KEY
from evalnb.store.tables.base import Base, Created, Json, Key

video_sha256 = literal_column(f"((extra -> '{KEY}') ->> 'sha256')", Text)
"""Of the video that an image is a frame of, else null; as an index has it, so that the index is found."""


class ProjectRow(Base):
    """A project: the outermost room; everything else belongs to one."""

    __tablename__ = "project"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[Created]


class TaxonomyRow(Base):
    """A set of classes. Datasets point to one; several may share it."""

    __tablename__ = "taxonomy"

    id: Mapped[Key]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)


class ClassRow(Base):
    """One class of a taxonomy. ``class_id`` is the source's own id and need not be contiguous."""

    __tablename__ = "taxonomy_class"

    taxonomy_id: Mapped[int] = mapped_column(ForeignKey("taxonomy.id", ondelete="CASCADE"), primary_key=True)
    class_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(Text)
    color: Mapped[str] = mapped_column(Text, server_default="")
    supercategory: Mapped[str] = mapped_column(Text, server_default="")
    keypoints: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    skeleton: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    attributes: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    """The attributes that its shapes have, each as ``core.taxonomy.Attribute`` has its fields."""
    extra: Mapped[Json]

    __table_args__ = (UniqueConstraint("taxonomy_id", "name"),)


class DatasetRow(Base):
    """A dataset: images, annotations, and the taxonomy that names their classes."""

    __tablename__ = "dataset"

    id: Mapped[Key]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    taxonomy_id: Mapped[int] = mapped_column(ForeignKey("taxonomy.id"))
    name: Mapped[str] = mapped_column(Text)
    source: Mapped[Json]
    """What the source file said beside images, annotations and categories (COCO's info, licenses), for export."""
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("project_id", "name"),)


class ImageRow(Base):
    """One image. Its pixels are a blob (``sha256``) or a file left in place (``uri``); exactly one is set."""

    __tablename__ = "image"

    id: Mapped[Key]
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    source_key: Mapped[str] = mapped_column(Text)
    """The source's id for it, as text; unique in the dataset; what makes an import idempotent."""
    file_name: Mapped[str] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    """Pixels, after EXIF orientation."""
    height: Mapped[int] = mapped_column(Integer)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    extra: Mapped[Json]
    edit_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The sequence number of the last edit; taken FOR UPDATE to order the edits of this image."""

    __table_args__ = (
        UniqueConstraint("dataset_id", "source_key"),
        CheckConstraint("width > 0 AND height > 0", name="has_pixels"),
        CheckConstraint("(uri IS NULL) <> (sha256 IS NULL)", name="pixels_in_one_place"),
        Index("ix_image_dataset_id_id", "dataset_id", "id"),
        Index("ix_image_video", "dataset_id", video_sha256, "id", postgresql_where=video_sha256.is_not(None)),
    )


class ImageTagRow(Base):
    """``ImageRow.tags`` turned over: for each tag its images, in order. Triggers keep it so; nobody writes it.

    An index on the array finds a tag's images but not in order: the next hundred of a tag that stands on the last
    images only would cost a walk through all the others.
    """

    __tablename__ = "image_tag"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(Text, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True, index=True)


class ImageNamesRow(Base):
    """The file names of the images whose ids share ``block`` (id / 256), a line each. Triggers keep it so.

    A search reads four thousand rows of a page each instead of a million, and then the images of those that have what
    is sought. Names of images that went may stay: whoever finds a block looks at its images.
    """

    __tablename__ = "image_names"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    block: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    names: Mapped[str] = mapped_column(Text)


class ImageAnchorRow(Base):
    """The image at every thousandth place of a dataset.

    It makes "the image at place 900,000" a seek and a short walk. A column of places would say the same, and have to
    be rewritten for every later image whenever one goes. Images beyond the last anchor are walked from it.
    """

    __tablename__ = "image_anchor"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """0-based, in the order of ``image.id``."""
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)


class ImportRow(Base):
    """One import of one file: where it stands, so that it can be resumed, and what it refused."""

    __tablename__ = "import"

    id: Mapped[Key]
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    format: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    """SHA-256 of the file; the same file into the same dataset resumes or repeats harmlessly."""
    images_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    annotations_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    problems: Mapped[Json]
    """What was refused so far: how many for each reason, and the first of each in detail."""
    started_at: Mapped[Created]
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        UniqueConstraint("dataset_id", "digest"),
        Index("ix_import_unfinished", "dataset_id", postgresql_where=text("finished_at IS NULL")),
    )
