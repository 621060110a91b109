"""Annotations keep the order of their source; images are anchored by place; one index answers "which images bear it".

Takes ACCESS EXCLUSIVE on annotation while its rows are written anew: about a second for every 100,000 of them.
Rows that were there are numbered in the order in which they were written.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "image_anchor",
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("image_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_image_anchor_dataset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["image.id"], name=op.f("fk_image_anchor_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "place", name=op.f("pk_image_anchor")),
    )
    op.create_index(op.f("ix_image_anchor_image_id"), "image_anchor", ["image_id"], unique=False)
    op.add_column("annotation", sa.Column("place", sa.BigInteger(), sa.Identity(always=False), nullable=False))
    op.drop_index(
        op.f("ix_annotation_dataset_id_class_id"), table_name="annotation", postgresql_where="(NOT deleted)"
    )
    op.create_index(
        "ix_annotation_class_image",
        "annotation",
        ["dataset_id", "class_id", "image_id", "area"],
        unique=False,
        postgresql_where=sa.text("NOT deleted"),
    )
    op.create_index("ix_annotation_dataset_id_place", "annotation", ["dataset_id", "place"], unique=False)
    op.alter_column(
        "import",
        "problems",
        existing_type=postgresql.JSONB(astext_type=sa.Text()),
        server_default="{}",
        existing_nullable=False,
    )
    op.execute("UPDATE import SET problems = '{}' WHERE problems = '[]'")
