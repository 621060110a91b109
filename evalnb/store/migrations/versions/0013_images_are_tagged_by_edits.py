"""Edits may set a tag of an image, and take it away.

Takes ACCESS EXCLUSIVE on edit while the check of an edit's action is made anew, which reads the table once: about a
second for ten million edits.
"""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute(
        """ALTER TABLE edit DROP CONSTRAINT ck_edit_action_is_known, ADD CONSTRAINT ck_edit_action_is_known
        CHECK (action IN ('create', 'update', 'delete', 'restore', 'tag', 'untag'))"""
    )
