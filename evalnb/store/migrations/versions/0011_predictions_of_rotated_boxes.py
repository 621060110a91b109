"""Predictions keep the corners of rotated boxes.

A nullable column without a default: the table's description alone changes, under a lock as short as that. Rows there
have none: no run of them predicts rotated boxes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("prediction", sa.Column("corners", sa.LargeBinary(), nullable=True))
