"""Reviews are listed by assignee too; what became of them is kept; comments say when they were resolved.

Old rows: a status that was set before has no log, and a comment that was resolved before no time. The new column is
nullable and has no default, so that the table's description alone changes. The index is made of a table that has rows
only for images which somebody touched, and that is locked for writing meanwhile (a second for a million rows).
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("comment", sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_image_review_assignee", "image_review", ["dataset_id", "assignee", "image_id"], unique=False)
    op.create_table(
        "review_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("image_id", sa.BigInteger(), nullable=False),
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_review_change_dataset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["image.id"], name=op.f("fk_review_change_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_change")),
    )
    op.create_index("ix_review_change_dataset", "review_change", ["dataset_id"], unique=False)
    op.create_index("ix_review_change_image", "review_change", ["image_id", "id"], unique=False)
