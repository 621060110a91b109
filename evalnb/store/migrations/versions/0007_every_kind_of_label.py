"""Every kind of label: rotated boxes, polylines, points, ellipses, holes; z-order, tracks, attributes of classes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

_KINDS = "kind IN ('box', 'rotated', 'polygon', 'polyline', 'points', 'ellipse', 'mask', 'keypoints')"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_annotation_kind_is_known"), "annotation")
    op.create_check_constraint(op.f("ck_annotation_kind_is_known"), "annotation", _KINDS)
    # Constant defaults: PostgreSQL writes no row for them.
    op.add_column("annotation", sa.Column("z", sa.Integer(), server_default="0", nullable=False))
    op.add_column("annotation", sa.Column("track_id", sa.Uuid(), nullable=True))
    op.add_column("annotation", sa.Column("keyframe", sa.Boolean(), server_default="true", nullable=False))
    op.add_column("annotation", sa.Column("outside", sa.Boolean(), server_default="false", nullable=False))
    op.create_index(
        "ix_annotation_track_id", "annotation", ["track_id"], postgresql_where=sa.text("track_id IS NOT NULL")
    )
    op.add_column(
        "taxonomy_class",
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
    )
