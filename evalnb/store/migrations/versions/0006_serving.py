"""Aliases and their history, what was served under them, and pyramids of large images. Only new tables."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "model_alias",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_model_alias_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_alias")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_model_alias_project_id_name")),
    )
    op.create_table(
        "alias_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("alias_id", sa.BigInteger(), nullable=False),
        sa.Column("champion_id", sa.BigInteger(), nullable=True),
        sa.Column("challenger_id", sa.BigInteger(), nullable=True),
        sa.Column("share", sa.Float(), server_default="0", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("share >= 0 AND share <= 1", name=op.f("ck_alias_change_share_is_a_share")),
        sa.CheckConstraint(
            "challenger_id IS NULL OR challenger_id <> champion_id", name=op.f("ck_alias_change_two_versions_differ")
        ),
        sa.ForeignKeyConstraint(
            ["alias_id"], ["model_alias.id"], name=op.f("fk_alias_change_alias_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["champion_id"], ["model_version.id"], name=op.f("fk_alias_change_champion_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["challenger_id"], ["model_version.id"], name=op.f("fk_alias_change_challenger_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alias_change")),
    )
    op.create_index("ix_alias_change_alias_id_id", "alias_change", ["alias_id", "id"], unique=False)
    op.create_index("ix_alias_change_champion_id", "alias_change", ["champion_id"], unique=False)
    op.create_index("ix_alias_change_challenger_id", "alias_change", ["challenger_id"], unique=False)
    op.create_table(
        "served_prediction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("detections", sa.Integer(), nullable=False),
        sa.Column("took_ms", sa.Float(), nullable=False),
        sa.Column("outcome", sa.Float(), nullable=True),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("outcome >= 0 AND outcome <= 1", name=op.f("ck_served_prediction_outcome_is_a_share")),
        sa.ForeignKeyConstraint(
            ["change_id"], ["alias_change.id"], name=op.f("fk_served_prediction_change_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_version.id"], name=op.f("fk_served_prediction_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_served_prediction")),
    )
    op.create_index(
        "ix_served_prediction_change_id_version_id", "served_prediction", ["change_id", "version_id"], unique=False
    )
    op.create_index(op.f("ix_served_prediction_version_id"), "served_prediction", ["version_id"], unique=False)
    op.create_table(
        "pyramid",
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("source_sha256", name=op.f("pk_pyramid")),
    )
    op.create_table(
        "image_pyramid",
        sa.Column("image_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("source_sha256", sa.Text(), nullable=True),
        sa.Column("stamp", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["image.id"], name=op.f("fk_image_pyramid_image_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_image_pyramid_job_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["source_sha256"], ["pyramid.source_sha256"], name=op.f("fk_image_pyramid_source_sha256")
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_image_pyramid")),
    )
    op.create_index(op.f("ix_image_pyramid_job_id"), "image_pyramid", ["job_id"], unique=False)
    op.create_index(op.f("ix_image_pyramid_source_sha256"), "image_pyramid", ["source_sha256"], unique=False)
